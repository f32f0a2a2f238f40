"""The command line of the benchmarks that make a network of another specification out of a trained model."""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from hwr.model.checkpoint import load_model, save_model
from hwr.model.network import Network


def convert_model(description: str | None, make: Callable[[Network, str], Network]) -> None:
    """Read `MODEL --spec SPEC -o OUT [--seed N]`, and write the network that `make` returns for MODEL and SPEC.

    SPEC may contain `{classes}`. Random weights are drawn from torch's generator, seeded with N. Decoder settings are
    left out: they were tuned for the old network.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--spec", required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    trained, info = load_model(arguments.model)
    torch.manual_seed(arguments.seed)
    spec = arguments.spec.replace("{classes}", str(info.classes))
    made = make(trained, spec)
    facts = replace(info, spec=spec, height=made.height, stride=made.stride, decoder={})
    save_model(arguments.output, made.state_dict(), facts)
