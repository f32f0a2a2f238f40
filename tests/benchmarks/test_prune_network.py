"""Pruning keeps what a network reads when only channels go that carry nothing."""

from collections.abc import Iterable

import pytest
import torch
from torch import nn

from benchmarks.prune import prune
from helpers.random_networks import random_network
from hwr.errors import ModelError
from hwr.model.layers import NormedConvolution

LARGE = "[1,16,0,1 C5,5,6,2,2 R3,3,6 Mp2,2 R3,3,8 R3,3,8 R3,3,8 Mp0,1 Do0.1 Lbx10 Lbx10 O1c7]"
SMALL = "[1,16,0,1 C5,5,4,2,2 R3,3,4 Mp2,2 R3,3,5 R3,3,5 Mp0,1 Lbx6 Lbx7 O1c7]"


@torch.no_grad()
def silence(parts: Iterable[NormedConvolution], channels: list[int]) -> None:
    for part in parts:
        part.norm.weight[channels] = 0
        part.norm.bias[channels] = 0


@torch.no_grad()
def silence_units(cell: nn.LSTM, reader: Iterable[nn.Parameter], units: list[int]) -> None:
    for weight in (cell.weight_hh_l0, cell.weight_hh_l0_reverse):
        weight[:, units] = 0
    for weight in reader:
        weight[:, units] = 0
        weight[:, [unit + cell.hidden_size for unit in units]] = 0


def test_the_pruned_network_reads_as_the_large_one_when_only_silent_channels_go():
    large = random_network(LARGE)
    stem, first, _, second, third, fourth, _, _, lstm, last = large.layers
    silence([stem.body, first.second], [0, 3])
    silence([first.first], [1, 5])
    silence([second.second, second.projection, third.second, fourth.second], [2, 4, 7])
    silence([second.first, fourth.first], [0, 1, 6])
    silence([third.second], list(range(8)))  # the block in the middle adds nothing
    silence_units(lstm.cell, [last.cell.weight_ih_l0, last.cell.weight_ih_l0_reverse], [0, 4, 5, 9])
    silence_units(last.cell, [large.output.weight], [1, 2, 8])
    small = prune(large, SMALL).eval()
    ink = torch.rand(2, 1, 16, 40)
    with torch.no_grad():
        torch.testing.assert_close(small(ink), large(ink))


def test_the_same_specification_keeps_every_weight():
    large = random_network(LARGE)
    small = prune(large, LARGE)
    assert all(torch.equal(weight, large.state_dict()[name]) for name, weight in small.state_dict().items())


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (SMALL.replace("C5,5,4", "C5,5,9").replace("R3,3,4", "R3,3,9"), "9 channels, the model 6"),
        (SMALL.replace("R3,3,5 R3,3,5", "R3,3,5 R3,3,5 R3,3,5 R3,3,5"), "more layers"),
        (SMALL.replace("Lbx6", "Gbx6"), "only LSTM layers"),
        (SMALL.replace("Lbx6 ", ""), "other layers"),
    ],
)
def test_what_cannot_be_cut_is_refused(spec: str, message: str):
    with pytest.raises(ModelError, match=message):
        prune(random_network(LARGE), spec)
