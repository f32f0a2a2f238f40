"""Measure what it costs to find out that an upright page is upright.

    python -m benchmarks.orientation ../shared/data/page-geometry/val.parquet

`--rotate auto` reads a page as it is, and tries other directions if the reading is doubtful. For each page and for all
of them, prints the processor seconds of reading the page as it is, the milliseconds that `auto` adds, their share, and
the degrees by which it would turn the page, which should be 0.
"""

import time

from benchmarks.true_pages import page_arguments, read_pages
from hwr.files.images import GreyImage, decode_image
from hwr.recognize.decoder import DecoderOptions
from hwr.recognize.found_lines import PageReader
from hwr.recognize.recognizer import Recognizer
from hwr.segment import find_lines


def time_page(reader: PageReader, grey: GreyImage) -> tuple[float, float, int]:
    """Return the processor seconds of reading a page as it is, those of choosing its direction, and the direction."""
    start = time.process_time()
    layout = find_lines(grey, reader.threads)
    lines = reader.read_layout(grey, layout).lines
    read = time.process_time()
    turn = reader.best_turn(grey, layout, lines)
    return read - start, time.process_time() - read, turn


def main() -> None:
    """Print the table."""
    arguments = page_arguments(__doc__).parse_args()
    options = DecoderOptions(decoder=arguments.decoder)
    reader = Recognizer(arguments.model, threads=arguments.threads, decoder=options).page_reader()
    total = added = 0.0
    print(f"{'page':50} {'reading':>8} {'auto ms':>8} {'share':>7} {'degrees':>7}")
    for number, page in enumerate(read_pages(arguments.parquet, arguments.languages)):
        if number == arguments.pages:
            break
        seconds, more, turn = time_page(reader, decode_image(page.image, page.id))
        total, added = total + seconds, added + more
        print(f"{page.id[-50:]:50} {seconds:8.2f} {1000 * more:8.2f} {more / seconds:7.2%} {turn:7}", flush=True)
    print(f"{'all pages':50} {total:8.2f} {1000 * added:8.2f} {added / total:7.2%}")


if __name__ == "__main__":
    main()
