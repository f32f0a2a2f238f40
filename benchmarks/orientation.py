"""Measure what it costs to find out that an upright page is upright.

    python -m benchmarks.orientation ../shared/data/page-geometry/val.parquet

`--rotate auto` reads a page as it is. If the reading is doubtful, it tries other directions of the page, and then of
single lines. For each page and for all of them, prints the processor seconds of reading the page as it is, the
milliseconds that `auto` adds for the page and for its lines, their share, the degrees by which it would turn the page,
which should be 0, and the messages about lines. Pages with lines that are upside down are not in the sum.
"""

import time
from functools import partial

from benchmarks.true_pages import chosen_pages, make_recognizer, page_arguments
from hwr.files.images import GreyImage, decode_image
from hwr.recognize.found_lines import PageReader
from hwr.recognize.upside_down import read_inverted
from hwr.segment import find_lines


def time_page(reader: PageReader, grey: GreyImage) -> tuple[float, float, float, int, tuple[str, ...]]:
    """Return the processor seconds of reading a page as it is, of choosing its direction, and that of its lines.

    The direction in degrees and the messages about lines come last.
    """
    start = time.process_time()
    layout = find_lines(grey, reader.threads)
    lines = reader.read_layout(grey, layout).lines
    read = time.process_time()
    turn = reader.best_turn(grey, layout, lines)
    chosen = time.process_time()
    _, messages = read_inverted(partial(reader.read_along, grey), lines)
    return read - start, chosen - read, time.process_time() - chosen, turn, messages


def main() -> None:
    """Print the table."""
    arguments = page_arguments(__doc__).parse_args()
    reader = make_recognizer(arguments).page_reader()
    total = added = 0.0
    print(f"{'page':50} {'reading':>8} {'page ms':>8} {'lines ms':>8} {'share':>7} {'degrees':>7}")
    for page in chosen_pages(arguments):
        seconds, whole, single, turn, messages = time_page(reader, decode_image(page.image, page.id))
        if not messages:
            total, added = total + seconds, added + whole + single
        times = f"{seconds:8.2f} {1000 * whole:8.2f} {1000 * single:8.2f} {(whole + single) / seconds:7.2%}"
        print(f"{page.id[-50:]:50} {times} {turn:7} {' '.join(messages)}", flush=True)
    if total:
        print(f"{'all other pages':50} {total:8.2f} {1000 * added:17.2f} {added / total:7.2%}")


if __name__ == "__main__":
    main()
