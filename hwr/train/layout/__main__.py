"""Train the network that finds lines: `python -m hwr.train.layout PAGES.parquet... -o RUN --minutes 90`."""

import argparse
from pathlib import Path

import torch

from hwr.errors import HwrError
from hwr.train.layout.crops import read_pages
from hwr.train.layout.loop import LayoutRecipe, LayoutTrainer


def main() -> None:
    """Train a network, or continue an interrupted run in the same folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", nargs="+", type=Path, help="Parquet files with one page in each row: image, id, lines")
    parser.add_argument("-o", "--output", type=Path, required=True, help="run folder")
    parser.add_argument("--minutes", type=float, default=LayoutRecipe.minutes, help="training time")
    parser.add_argument("--size", type=int, default=LayoutRecipe.size, help="side of a crop in pixels")
    parser.add_argument("--batch", type=int, default=LayoutRecipe.batch, help="crops in each step")
    parser.add_argument("--seed", type=int, default=LayoutRecipe.seed, help="random seed for weights and crops")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    try:
        pages = [page for path in options.pages for page in read_pages(path)]
    except HwrError as error:
        parser.exit(error.exit_code, f"hwr: error: {error}\n")
    recipe = LayoutRecipe(minutes=options.minutes, size=options.size, batch=options.batch, seed=options.seed)
    LayoutTrainer(pages, recipe, options.output).run()


if __name__ == "__main__":
    main()
