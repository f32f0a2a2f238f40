"""The writer and the CTC reader: comparable, independent of their neighbours in a batch, and able to learn."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from benchmarks.writing_decoder import END, HEIGHT, Reader, Word, Writer, paper, train
from hwr.model.network import count_parameters
from hwr.text import Alphabet

ALPHABET = Alphabet.of(["abcd"])


def word(text: str, seed: int = 0) -> Word:
    """Draw each letter as a bar at a height of its own."""
    ink = np.random.default_rng(seed).integers(0, 20, (HEIGHT, 12 * len(text) + 4)).astype(np.uint8)
    for number, letter in enumerate(text):
        top = 2 + 7 * "abcd".index(letter)
        ink[top : top + 6, 12 * number + 4 : 12 * number + 11] = 255
    return Word(ink, text, "one")


def test_both_have_equal_weights() -> None:
    alphabet = Alphabet.of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,;:'\"!?-()")
    sizes = [count_parameters(kind(alphabet)) for kind in (Reader, Writer)]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.05)


def test_loss_of_the_writer_is_that_of_its_own_words_step_by_step() -> None:
    torch.manual_seed(0)
    writer = Writer(ALPHABET).eval()
    words = [word("ab"), word("dca")]
    total = 0.0
    for item in words:
        state = writer.state([item.ink])
        last = END
        for label in [*ALPHABET.encode(item.text), END]:
            h, state = writer.cell(writer.letters(torch.tensor([[last]])), state)
            total -= functional.log_softmax(writer.output(h)[0, 0], dim=0)[label].item()
            last = label
    assert writer.loss(words).item() == pytest.approx(total / 2, rel=1e-5)


@pytest.mark.parametrize("kind", [Reader, Writer])
def test_a_wider_neighbour_changes_nothing(kind: type[Reader | Writer]) -> None:
    torch.manual_seed(0)
    network = kind(ALPHABET).eval()
    short, long = word("ab"), word("abcdabcd")
    with torch.no_grad():
        assert network.read([short.ink, long.ink])[0] == network.read([short.ink])[0]
        if isinstance(network, Writer):
            torch.testing.assert_close(network.state([short.ink, long.ink])[:, :1], network.state([short.ink]))


def test_paper_has_no_ink() -> None:
    assert all(image.max() < 20 and image.shape[0] == HEIGHT for image in paper())


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Reader, Writer])
def test_networks_learn(kind: type[Reader | Writer]) -> None:
    torch.manual_seed(0)
    network = kind(ALPHABET)
    generator = np.random.default_rng(0)
    words = [word("".join(generator.choice(list("abcd"), 3)), seed) for seed in range(200)]
    before = network.loss(words[:50]).item()
    assert train(network, words, 30, seed=0) > 0
    assert network.loss(words[:50]).item() < 0.3 * before
