"""A grown network reads what the small one reads, and its new weights can learn."""

import pytest
import torch

from benchmarks.grow import grow
from helpers.random_networks import random_network
from hwr.errors import ModelError

SMALL = "[1,16,0,1 C5,5,4,2,2 R3,3,4 Mp2,2 R3,3,5 R3,3,5 Mp0,1 Do0.1 Lbx6 Lbx7 O1c7]"
LARGE = "[1,16,0,1 C5,5,6,2,2 R3,3,6 Mp2,2 R3,3,8 R3,3,8 R3,3,8 Mp0,1 Do0.1 Lbx10 Lbx9 O1c7]"


@pytest.mark.parametrize("spec", [LARGE, SMALL, SMALL.replace("Lbx7", "Lbx12"), SMALL.replace("C5,5,4", "C5,5,9")])
def test_the_grown_network_reads_as_the_small_one(spec: str):
    small = random_network(SMALL)
    large = grow(small, spec.replace("R3,3,4", "R3,3,9") if "C5,5,9" in spec else spec).eval()
    ink, widths = torch.rand(2, 1, 16, 40), torch.tensor([40, 29])
    with torch.no_grad():
        torch.testing.assert_close(large(ink, widths), small(ink, widths))


def test_every_weight_of_the_grown_network_learns():
    """New weights get no gradient before old ones read them, so two steps are taken."""
    large = grow(random_network(SMALL), LARGE).train()
    before = {name: weight.detach().clone() for name, weight in large.named_parameters()}
    optimiser = torch.optim.SGD(large.parameters(), 0.1)
    for _ in range(3):
        optimiser.zero_grad()
        large(torch.rand(2, 1, 16, 40))[..., 1].sum().backward()
        optimiser.step()
    for name, weight in large.named_parameters():
        changed = (weight != before[name]).flatten(1).any(1) if weight.dim() > 1 else weight != before[name]
        assert changed.any(), name
        if "weight_ih" in name:
            assert changed.all(), name


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (LARGE.replace("R3,3,8", "R3,3,4"), "4 channels, the model 5"),
        (LARGE.replace("R3,3,8 R3,3,8 R3,3,8", "R3,3,8"), "fewer layers"),
        (LARGE.replace("Lbx10", "Gbx10"), "only LSTM layers"),
        (LARGE.replace("Lbx10 ", ""), "other layers"),
        (LARGE.replace("R3,3,6", "R3,3,7"), "projection"),
        (LARGE.replace("O1c7", "O1c8"), "cannot become"),
    ],
)
def test_what_cannot_grow_is_refused(spec: str, message: str):
    with pytest.raises(ModelError, match=message):
        grow(random_network(SMALL), spec)
