"""Measure what it costs to find out that an upright page is upright.

    python -m benchmarks.orientation ../shared/data/page-geometry/val.parquet

`--rotate auto` reads a page as it is, and tries other directions if the reading is doubtful. `--rotate 0` never tries
them. Each page is read in both ways, in turn, `--runs` times. For each page and for all of them, prints the lowest
processor seconds of both ways, by how much `auto` is slower, and the degrees by which it turned the page, which should
be 0.
"""

import time
from typing import Literal

from benchmarks.true_pages import page_arguments, read_pages
from hwr.files.images import GreyImage, decode_image
from hwr.recognize.decoder import DecoderOptions
from hwr.recognize.found_lines import PageOptions
from hwr.recognize.recognizer import Recognizer

WAYS: tuple[Literal["auto", 0], ...] = (0, "auto")


def time_reading(recognizer: Recognizer, grey: GreyImage, rotate: Literal["auto", 0]) -> tuple[float, int]:
    """Return the processor seconds of reading a page, and the degrees by which it was turned."""
    start = time.process_time()
    page = recognizer.read(grey, options=PageOptions(rotate=rotate))
    return time.process_time() - start, page.rotation


def main() -> None:
    """Print the table."""
    parser = page_arguments(__doc__)
    parser.add_argument("--runs", type=int, default=2)
    arguments = parser.parse_args()
    options = DecoderOptions(decoder=arguments.decoder)
    recognizer = Recognizer(arguments.model, threads=arguments.threads, decoder=options)
    totals = [0.0, 0.0]
    print(f"{'page':50} {'as it is':>8} {'auto':>8} {'more':>7} {'degrees':>7}")
    for number, page in enumerate(read_pages(arguments.parquet, arguments.languages)):
        if number == arguments.pages:
            break
        grey = decode_image(page.image, page.id)
        if number == 0:
            recognizer.read(grey)  # the first reading loads the language models
        runs = [[time_reading(recognizer, grey, rotate) for rotate in WAYS] for _ in range(arguments.runs)]
        as_it_is, auto = (min(run[way][0] for run in runs) for way in range(2))
        totals = [totals[0] + as_it_is, totals[1] + auto]
        row = f"{as_it_is:8.3f} {auto:8.3f} {auto / as_it_is - 1:7.2%} {runs[0][1][1]:7}"
        print(f"{page.id[-50:]:50} {row}", flush=True)
    print(f"{'all pages':50} {totals[0]:8.3f} {totals[1]:8.3f} {totals[1] / totals[0] - 1:7.2%}")


if __name__ == "__main__":
    main()
