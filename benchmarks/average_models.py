"""Average the weights of two models, one of which continues the other or a common trunk.

    python -m benchmarks.average_models FIRST.safetensors SECOND.safetensors -o OUT.safetensors [--share 0.5]

SECOND has `--share` of the mean. FIRST may have characters that SECOND lacks: their weights are its own. OUT has no
auxiliary head, which only training uses. Two runs
from one trunk, or a run and the weights that it started from, share one valley of the loss, so that their mean often
reads better than either (Wortsman et al. 2022, "Model soups", arXiv:2203.05482). OUT states what FIRST states; measure
it with `hwr eval` before using it.
"""

import argparse
from pathlib import Path

import torch
from torch import Tensor

from hwr.errors import ModelError
from hwr.model.checkpoint import AUXILIARY_PREFIX, load_weights, save_model
from hwr.model.files import read_info

OUTPUT = "output."
"""Prefix of the weights with one row for each class."""


def average(first: Path, second: Path, share: float = 0.5) -> dict[str, Tensor]:
    """Return (1 - share) of the weights of the first model file and `share` of the second, by the first's characters.

    Raises:
        ModelError: the networks differ in more than their characters.
    """
    characters, others = (read_info(path).alphabet for path in (first, second))
    missing = set(others) - set(characters)
    if missing:
        raise ModelError(f"{second}: {first} lacks its characters {''.join(sorted(missing))!r}")
    classes = torch.tensor([0, *(1 + characters.index(character) for character in others)])  # 0 is the blank
    averaged, other = (_without_auxiliary(load_weights(path)) for path in (first, second))
    if averaged.keys() != other.keys():
        raise ModelError(f"{second}: its network differs from that of {first}")
    for name, tensor in averaged.items():
        if tensor.is_floating_point():
            rows = classes if name.startswith(OUTPUT) else slice(None)
            if tensor[rows].shape != other[name].shape:
                raise ModelError(f"{second}: {name} has another shape than in {first}")
            tensor[rows] = torch.lerp(tensor[rows], other[name], share)
    return averaged


def _without_auxiliary(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in weights.items() if not name.startswith(AUXILIARY_PREFIX)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--share", type=float, default=0.5, help="share of SECOND, from 0 to 1")
    arguments = parser.parse_args()
    weights = average(arguments.first, arguments.second, arguments.share)
    save_model(arguments.output, weights, read_info(arguments.first))


if __name__ == "__main__":
    main()
