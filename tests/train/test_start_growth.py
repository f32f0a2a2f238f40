"""A network with another alphabet: against rows copied one by one, and against what the old network reads."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from helpers.best_paths import decode_greedy
from helpers.training_runs import CHARACTERS, SPEC, drawn_lines
from hwr.files.images import decode_image
from hwr.line import normalise_line
from hwr.model.checkpoint import load_model
from hwr.model.network import Network, build
from hwr.store.lines import LineStore
from hwr.text import Alphabet
from hwr.train.start import RARITY, Growth, base_character, extended, grow, with_classes

ROOT = Path(__file__).parent.parent.parent
OLD = Alphabet(CHARACTERS)
CLASSES = SPEC.replace("{classes}", str(OLD.classes))


def network(auxiliary: bool = True) -> Network:
    """Random weights, with large scores of every sign."""
    torch.manual_seed(4)
    made = build(CLASSES, auxiliary).eval()
    with torch.no_grad():
        made.output.weight.mul_(20)
        made.output.bias.normal_(0, 2)
    return made


def rows(made: Network, head: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    state = made.state_dict()
    return state[f"{head}.weight"].numpy(), state[f"{head}.bias"].numpy()


def mixture_of(
    weight: NDArray[np.float32], bias: np.float32, old_weights: NDArray[np.float32], old_biases: NDArray[np.float32]
) -> NDArray[np.float64]:
    """The shares of the old rows in a row, by least squares; fails if it is not their sum."""
    old = np.c_[old_weights.reshape(len(old_weights), -1), old_biases].astype(np.float64)
    row = np.r_[weight.ravel(), bias].astype(np.float64)
    shares: NDArray[np.float64] = np.linalg.lstsq(old.T, row, rcond=None)[0]
    np.testing.assert_allclose(shares @ old, row, atol=1e-4)
    return shares


@pytest.mark.parametrize(
    ("character", "known", "base"),
    [
        ("é", "abce", "e"),
        ("ế", "eêé", "ê"),  # the mark that was put on last goes first
        ("ế", "eé", "e"),
        ("É", "eEé", "E"),
        ("É", "aeé", "é"),  # only without a capital: the other case
        ("É", "ae", "e"),
        ("ø", "o", "o"),  # by name: Unicode does not decompose it
        ("Ł", "l", "l"),
        ("ſ", "fs", "s"),
        ("²", "12", "2"),
        ("½", "12", "1"),
        ("…", ".", "."),
        ("’", "'", "'"),
        ("„", "\"'", '"'),
        ("—", "-", "-"),
        ("æ", "ae", "a"),
        ("A", "a", "a"),
        ("a", "A", "A"),
        ("ß", "S", None),  # in capitals it would be two
        ("ё", "е", "е"),
        ("Ж", "Kk", None),
        ("中", "a", None),
        ("\ue000", "a", None),  # no name
    ],
)
def test_base_of_a_new_character(character: str, known: str, base: str | None) -> None:
    assert base_character(character, known) == base


def to_extended(old: Alphabet, wanted: Alphabet) -> Growth:
    return Growth(old, extended(old, wanted))


def test_extend_keeps_every_label() -> None:
    growth = to_extended(Alphabet("bca"), Alphabet.of(["àb", "Жz"]))
    assert growth.alphabet.characters == "bcazàЖ"
    assert growth.bases == {"z": None, "à": "a", "Ж": None} and growth.dropped == ""
    told = growth.describe({"z": 3, "à": 2, "Ж": 1})
    assert told == "alphabet of 6 characters, 3 new: 'z' (3 times) from nothing, 'à' (2 times) from 'a', " + (
        "'Ж' (1 time) from nothing"
    )


def test_replace_takes_the_alphabet_of_the_data() -> None:
    growth = Growth(Alphabet("bca"), Alphabet.of(["àbb"]))
    assert growth.alphabet.characters == "bà"
    assert growth.bases == {"à": "a"} and growth.dropped == "ca"
    assert "1 new: 'à' (1 time) from 'a'; 2 dropped: 'ca'" in growth.describe({"b": 2, "à": 1})


def test_nothing_changes_without_new_characters() -> None:
    assert to_extended(OLD, Alphabet("ba")).describe({}) == ""
    assert Growth(OLD, OLD).describe({}) == ""


@pytest.mark.parametrize("auxiliary", [True, False])
@pytest.mark.parametrize(
    ("change", "wanted"), [("extend", "dáeЖ"), ("replace", "áЖdb"), ("replace", "xyz"), ("replace", "c")]
)
def test_rows_against_a_copy_one_by_one(change: str, wanted: str, auxiliary: bool) -> None:
    old = network(auxiliary)
    before = {name: tensor.clone() for name, tensor in old.state_dict().items()}
    growth = (to_extended if change == "extend" else Growth)(OLD, Alphabet(wanted))
    grown, spec = grow(old, CLASSES, growth)
    new = growth.alphabet.characters
    assert grown.classes == len(new) + 1 and spec == SPEC.replace("{classes}", str(len(new) + 1))
    assert not grown.training

    for head in ("output", "auxiliary") if auxiliary else ("output",):
        old_weight, old_bias = before[f"{head}.weight"].numpy(), before[f"{head}.bias"].numpy()
        weight, bias = rows(grown, head)
        assert weight.shape == (len(new) + 1, *old_weight.shape[1:])
        sources = {character: character for character in CHARACTERS} | {"á": "a"}
        assert np.array_equal(weight[0], old_weight[0]) and bias[0] == old_bias[0]
        for label, character in enumerate(new, start=1):
            if character in sources:
                row = 1 + CHARACTERS.index(sources[character])
                less = 0 if character in CHARACTERS else np.float32(RARITY)
                assert np.array_equal(weight[label], old_weight[row]) and bias[label] == old_bias[row] - less
            else:
                shares = mixture_of(weight[label], bias[label] + RARITY, old_weight[1:], old_bias[1:])
                assert shares.min() > 0 and shares.sum() == pytest.approx(1, abs=1e-4)
    for name, tensor in before.items():
        torch.testing.assert_close(old.state_dict()[name], tensor, rtol=0, atol=0)  # the old network is as it was
        if not name.startswith(("output.", "auxiliary.")):
            torch.testing.assert_close(grown.state_dict()[name], tensor, rtol=0, atol=0)


def test_new_characters_that_start_from_nothing_differ() -> None:
    grown, _ = grow(network(), CLASSES, to_extended(OLD, Alphabet("ЖЩ")))
    weight, _ = rows(grown, "output")
    assert not np.array_equal(weight[-1], weight[-2])


@torch.no_grad()
def test_scores_of_old_characters_differ_by_the_share_of_the_new_ones() -> None:
    old = network()
    old.output.bias.zero_()
    grown, _ = grow(old, CLASSES, to_extended(OLD, Alphabet("áЖxB")))
    read: set[int] = set()
    for line in drawn_lines(10, seed=3):
        ink = torch.from_numpy(line.ink)[None, None] / 255
        before, after = old(ink)[0].double(), grown(ink)[0].double()
        share = after[:, OLD.classes :].exp().sum(dim=1)
        assert float(share.min()) > 0
        torch.testing.assert_close(after[:, : OLD.classes], before + torch.log1p(-share)[:, None], atol=1e-5, rtol=0)
        best = after.argmax(dim=1)
        assert torch.equal(best, before.argmax(dim=1))
        read.update(best.tolist())
    assert len(read) > 1


@torch.no_grad()
@pytest.mark.parametrize("last", ["Jbx4", "Mbx4", "Lbx4 Cnl1,3,8"])
def test_new_characters_are_not_read_by_networks_with_large_outputs(last: str) -> None:
    """The outputs of Jordan networks, minGRU and convolutions have no bound, unlike those of an LSTM."""
    torch.manual_seed(4)
    spec = f"[1,48,0,1 C3,3,4,4,4 Mp0,1 {last} O1c{OLD.classes}]"
    old = build(spec).eval()
    for name, parameter in old.named_parameters():
        if name.startswith("layers."):
            parameter.mul_(20)
    inputs: list[Tensor] = []
    old.output.register_forward_hook(lambda module, given, scores: inputs.append(given[0]))
    grown, _ = grow(old, spec, to_extended(OLD, Alphabet("ЖЩЮЯ")))
    for line in drawn_lines(10, seed=3):
        ink = torch.from_numpy(line.ink)[None, None] / 255
        before, after = old(ink)[0], grown(ink)[0]
        best = after[:, 1 : OLD.classes].max(dim=1).values
        assert bool((after[:, OLD.classes :].max(dim=1).values < best - RARITY + 1e-3).all())
        assert torch.equal(after.argmax(dim=1), before.argmax(dim=1))
    assert max(float(x.abs().max()) for x in inputs) > 20


@torch.no_grad()
def test_the_shipped_model_reads_as_before_when_extended() -> None:
    old, info = load_model(ROOT / "checkpoints" / "small.safetensors")
    alphabet = info.make_alphabet()
    growth = to_extended(alphabet, Alphabet("ЖőşžŠŁŚ中ķŐ"))
    grown, _ = grow(old, info.spec, growth)
    assert len(growth.bases) >= 8
    texts = []
    for line in list(LineStore(ROOT / "data" / "samples" / "lines" / "val.parquet"))[:12]:
        ink = torch.from_numpy(normalise_line(decode_image(line.image, line.id), info.height))[None, None] / 255
        before = decode_greedy(old(ink)[0].numpy(), alphabet).text
        assert decode_greedy(grown(ink)[0].numpy(), growth.alphabet).text == before
        texts.append(before)
    assert len("".join(texts)) > 100


@pytest.mark.parametrize(
    "spec", ["[1,48,0,1 Mp0,1 Lbx8 O1c5]", " [1,48,0,1  Mp0,1 Lbx8 O{out}1c5 ] ", "[1,48,0,1 Mp0,1 Lbx8 {o}O1c5]"]
)
def test_specification_with_other_classes(spec: str) -> None:
    assert build(spec).classes == 5
    assert build(with_classes(spec, 17)).classes == 17
    assert with_classes(spec, 17) == "[1,48,0,1 Mp0,1 Lbx8 O1c17]"
