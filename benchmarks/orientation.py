"""Measure the cost of finding out that an upright page is upright.

    python -m benchmarks.orientation ../shared/data/page-geometry/val.parquet

`--rotate auto` reads a page as it is, and tries other directions if the reading is doubtful. For each page and for all
of them, prints the processor seconds of reading, the seconds spent on other directions, and their share; and the
degrees by which the page was turned, which should be 0.
"""

import time
from unittest.mock import patch

from benchmarks.true_pages import page_arguments, read_pages
from hwr.files.images import decode_image
from hwr.recognize.decoder import DecoderOptions
from hwr.recognize.found_lines import PageReader
from hwr.recognize.recognizer import Recognizer


def main() -> None:
    """Print the table."""
    arguments = page_arguments(__doc__).parse_args()
    options = DecoderOptions(decoder=arguments.decoder)
    recognizer = Recognizer(arguments.model, threads=arguments.threads, decoder=options)
    tried = [0.0]
    best_turn = PageReader.best_turn

    def timed(self: PageReader, *found: object) -> int:
        start = time.process_time()
        turn = best_turn(self, *found)  # type: ignore[arg-type]
        tried[0] += time.process_time() - start
        return turn

    total = spent = 0.0
    print(f"{'page':50} {'reading':>8} {'turned':>8} {'share':>7} {'degrees':>7}")
    with patch.object(PageReader, "best_turn", timed):
        for number, page in enumerate(read_pages(arguments.parquet, arguments.languages)):
            if number == arguments.pages:
                break
            grey, tried[0], start = decode_image(page.image, page.id), 0.0, time.process_time()
            rotation = recognizer.read(grey).rotation
            seconds = time.process_time() - start
            total, spent = total + seconds, spent + tried[0]
            row = f"{seconds:8.2f} {tried[0]:8.3f} {tried[0] / seconds:7.2%} {rotation:7}"
            print(f"{page.id[-50:]:50} {row}", flush=True)
    print(f"{'all pages':50} {total:8.2f} {spent:8.3f} {spent / total:7.2%}")


if __name__ == "__main__":
    main()
