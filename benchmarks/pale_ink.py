"""Character error rates of pages whose contrast is reduced.

    python -m benchmarks.pale_ink ../shared/data/page-geometry/val.parquet --pages 5
    python -m benchmarks.pale_ink ../shared/data/page-geometry/val.parquet --pages 5 --noise 3

Every grey level is moved towards the paper's, the 90th percentile of the page: at a contrast of 0.15, ink that was 150
levels darker than the paper is 22 levels darker. `--noise` adds Gaussian noise of this standard deviation afterwards.
Printed is the rate of the whole page, as in `benchmarks.page_reading`, at each contrast, and its ratio to that of the
page as it is.
"""

import argparse
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.true_pages import TruePage, chosen_pages, counted, joined_errors, make_recognizer, page_arguments
from hwr.files.images import GreyImage, decode_image
from hwr.metrics import ErrorCounts
from hwr.recognize.recognizer import Recognizer

CONTRASTS = (1.0, 0.5, 0.3, 0.2, 0.15)


def faded(grey: GreyImage, contrast: float, noise: float, seed: int) -> GreyImage:
    """Return a page with less contrast, and noise of a standard deviation in grey levels."""
    paper = float(np.percentile(grey, 90))
    levels = paper + (grey.astype(np.float32) - paper) * contrast
    if noise:
        levels += np.random.default_rng(seed).normal(0, noise, grey.shape)
    return np.clip(np.round(levels), 0, 255).astype(np.uint8)


def errors_of(recognizer: Recognizer, page: TruePage, grey: GreyImage) -> ErrorCounts:
    """Return the errors of the page's text."""
    return joined_errors(page, [line.text for line in counted(page, recognizer.read(grey).lines)])


def print_row(name: str, errors: Sequence[ErrorCounts]) -> None:
    """Print the rates of a page and their ratios to the first."""
    print(f"{name[-50:]:50} " + " ".join(f"{entry.rate:7.4f}" for entry in errors), end="  ")
    print(" ".join(f"{entry.rate / errors[0].rate if errors[0].rate else 1:5.2f}" for entry in errors), flush=True)


def print_table(
    arguments: argparse.Namespace, names: Sequence[str], vary: Callable[[GreyImage, int], Sequence[GreyImage]]
) -> None:
    """Read variants of each page, and print their rates.

    Args:
        arguments: of the command.
        names: of the variants.
        vary: returns the variants of a page, given its number.
    """
    recognizer = make_recognizer(arguments)
    print(f"{'page':50} " + " ".join(f"{name:>7}" for name in names))
    totals = [ErrorCounts()] * len(names)
    for number, page in enumerate(chosen_pages(arguments)):
        images = vary(decode_image(page.image, page.id), number)
        errors = [errors_of(recognizer, page, image) for image in images]
        print_row(page.id, errors)
        totals = [total + entry for total, entry in zip(totals, errors, strict=True)]
    print_row("all pages pooled", totals)


def main() -> None:
    """Print the table."""
    parser = page_arguments(__doc__)
    parser.add_argument("--noise", type=float, default=0.0)
    arguments = parser.parse_args()

    def vary(grey: GreyImage, number: int) -> list[GreyImage]:
        return [faded(grey, contrast, arguments.noise if contrast < 1 else 0.0, number) for contrast in CONTRASTS]

    print_table(arguments, [str(contrast) for contrast in CONTRASTS], vary)


if __name__ == "__main__":
    main()
