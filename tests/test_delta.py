"""A file is got back from its difference to another; the shipped networks take little room beside their weights."""

import struct
from pathlib import Path

import numpy as np
import pytest
from tiny_model import write_tiny_model

from hwr.delta import make_delta, restore
from hwr.errors import ModelError
from hwr.recognize.models import find_model, load_model, model_names

CHECKPOINTS = Path(__file__).parent.parent / "checkpoints"


def noise(size: int, seed: int) -> bytes:
    return np.random.default_rng(seed).integers(0, 256, size, np.uint8).tobytes()


def test_pieces_in_another_order_are_taken_from_the_base() -> None:
    base = noise(300_000, 1)
    target = b"head" + base[200_000:290_001] + noise(777, 2) + base[5_000:70_003] + base[4_000:6_000] + b"tail"
    delta = make_delta(target, base)
    assert restore(delta, base, "x") == target
    assert len(delta) < 777 + 4_000 + 500


@pytest.mark.parametrize(
    ("target", "base"),
    [(b"", b""), (b"abc", b""), (b"", noise(500, 3)), (bytes(9_000), bytes(5_000)), (noise(4_000, 4), noise(4_000, 5))],
)
def test_any_two_files(target: bytes, base: bytes) -> None:
    assert restore(make_delta(target, base), base, "x") == target


def test_what_does_not_fit_is_named() -> None:
    base, target = noise(5_000, 6), noise(5_000, 6)[1_000:] + noise(900, 7)
    delta = make_delta(target, base)
    assert len(delta) < len(target) / 2
    for broken, other in ((delta[:-1], base), (delta, base[::-1]), (delta, b""), (b"{}", base), (b"", base)):
        with pytest.raises(ModelError, match=r"^net\.onnx\.delta: "):
            restore(broken, other, "net.onnx.delta")
    with pytest.raises(ModelError, match="format 2"):
        restore(delta.replace(b'"format": 1', b'"format": 2'), base, "x")


def tensors(path: Path) -> bytes:
    data = path.read_bytes()
    return data[8 + struct.unpack("<Q", data[:8])[0] :]


@pytest.mark.parametrize("name", model_names())
def test_a_shipped_network_is_small_beside_its_weights(name: str) -> None:
    network, base = (CHECKPOINTS / f"{name}.onnx").read_bytes(), tensors(CHECKPOINTS / f"{name}.safetensors")
    delta = make_delta(network, base)
    assert len(delta) < 0.1 * len(network)
    assert restore(delta, base, "x") == network


def test_a_model_reads_from_its_delta(tmp_path: Path) -> None:
    weights = write_tiny_model(tmp_path)
    network = weights.with_suffix(".onnx")
    ink = np.random.default_rng(8).integers(0, 256, (load_model(weights).info.height, 90), np.uint8)
    expected = load_model(weights).log_probs([ink])[0]
    delta = network.with_name(network.name + ".delta")
    delta.write_bytes(make_delta(network.read_bytes(), tensors(weights)))
    network.unlink()
    assert find_model(weights).onnx == delta
    np.testing.assert_array_equal(load_model(weights).log_probs([ink])[0], expected)
    delta.write_bytes(delta.read_bytes()[:-5])
    with pytest.raises(ModelError, match=r"onnx\.delta: stale or truncated"):
        load_model(weights)
