"""Validation: the same readings as line by line, with any batches."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from helpers.best_paths import decode_greedy
from helpers.training_runs import CHARACTERS, Drawn, drawn_lines, opened, write_drawn
from hwr.metrics import character_errors
from hwr.model.network import Network, build
from hwr.text import Alphabet
from hwr.train import validate as module
from hwr.train.datasets import StoreLines
from hwr.train.validate import validate

ALPHABET = Alphabet(CHARACTERS)
FP32 = torch.autocast("cpu", enabled=False)


def noisy_lines(count: int) -> list[Drawn]:
    """Blots of random grey: the network reads each of them in another way."""
    generator = np.random.default_rng(2)
    lines = []
    for drawn in drawn_lines(count):
        blots = generator.integers(0, 256, (4, int(generator.integers(2, 12)))).astype(np.uint8)
        lines.append(replace(drawn, ink=np.kron(blots, np.ones((12, 12), np.uint8))))
    return lines


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> StoreLines:
    folder = tmp_path_factory.mktemp("store")
    write_drawn(folder / "drawn" / "val.parquet", noisy_lines(300))
    return opened(folder / "drawn", "val")


def random_network() -> Network:
    """Reads nonsense, but other nonsense for each line."""
    torch.manual_seed(4)
    network = build("[1,48,0,1 C3,3,8,2,2 Mp4,2 S1(1x0)1,3 Lbx16 O1c5]")
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.startswith(("layers.3", "output.weight")):  # the LSTM and what comes after it
                parameter.normal_(0, 2)
    return network


@pytest.mark.parametrize("columns", [1, 500, 24_000])
def test_equals_reading_line_by_line(source: StoreLines, monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setattr(module, "COLUMNS_PER_BATCH", columns)
    network = random_network().eval()
    edits = length = blank = 0
    first = []
    for line in source.read(0) + source.read(1):
        ink = torch.from_numpy(line.ink)[None, None].float() / 255
        with torch.no_grad():
            reading = decode_greedy(network(ink)[0].numpy(), ALPHABET).text
        errors = character_errors(line.text, reading)
        edits, length, blank = edits + errors.edits, length + errors.reference_length, blank + (not reading)
        first.append((line.text, reading))
    assert len({reading for _, reading in first}) > 20

    network.train()  # as the loop leaves it
    result = validate(network, source, ALPHABET, 0, FP32, keep=270)
    assert (result.name, result.lines, result.empty_readings) == ("drawn", 300, blank)
    assert (result.errors.edits, result.errors.reference_length) == (edits, length)
    assert result.samples == tuple(first[:2])
    kept = [(truth, decode_greedy(log_probs, ALPHABET).text) for truth, log_probs in result.first]
    assert kept == first[:270]


@pytest.mark.parametrize(("limit", "lines"), [(10, 10), (256, 256), (270, 270), (1000, 300), (0, 300)])
def test_limit(source: StoreLines, limit: int, lines: int) -> None:
    result = validate(random_network(), source, ALPHABET, limit, FP32)
    texts = [line.text for line in source.read(0) + source.read(1)][:lines]
    assert result.lines == lines and result.errors.reference_length == sum(map(len, texts))
