"""A network with new recurrent layers has the convolutions of the old one, and only these."""

import pytest
import torch

from benchmarks.new_recurrent import with_new_recurrent_layers
from hwr.errors import ModelError
from hwr.model.network import build

TRAINED = "[1,16,0,1 C5,5,6,2,2 R3,3,6 Mp2,2 R3,3,8 Mp0,1 Do0.1 Lbx10 Lbx10 O1c7]"


def test_the_columns_that_the_recurrent_layer_reads_are_those_of_the_trained_model():
    trained = build(TRAINED).eval()
    made = with_new_recurrent_layers(trained, TRAINED.replace("Lbx10 Lbx10", "Lbx14")).eval()
    ink, widths = torch.rand(2, 1, 16, 40), torch.tensor([40, 30])
    with torch.no_grad():
        torch.testing.assert_close(made._columns(ink, widths, None)[0], trained._columns(ink, widths, None)[0])
    assert made.output.in_features == 28


def test_later_layers_are_new_even_if_they_have_the_same_shape():
    trained = build(TRAINED)
    weights = with_new_recurrent_layers(trained, TRAINED).state_dict()
    equal = {name for name, weight in trained.state_dict().items() if torch.equal(weight, weights[name])}
    assert not equal & {name for name in weights if "cell.weight" in name or name == "output.weight"}
    assert "layers.0.body.convolution.weight" in equal


@pytest.mark.parametrize("changed", [("C5,5,6", "C5,5,4"), ("1,16", "1,24"), ("R3,3,8 ", "")])
def test_other_convolutions_are_refused(changed: tuple[str, str]):
    with pytest.raises(ModelError, match="before the first recurrent one"):
        with_new_recurrent_layers(build(TRAINED), TRAINED.replace(*changed))
