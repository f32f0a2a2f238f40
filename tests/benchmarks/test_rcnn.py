"""RCNN-K has the weights and the depth of the paper, and the networks compared with it are comparable."""

import numpy as np
import pytest
import torch

from benchmarks.letters import Letters, cut
from benchmarks.rcnn import PUBLISHED, Network, contenders, kernel_weights, misread, rcnn, train


@pytest.mark.parametrize(("maps", "weights"), PUBLISHED.items())
def test_published_weights_and_depth(maps: int, weights: int) -> None:
    assert 85 * maps + 72 * maps**2 == weights  # 5 * 5 * 3 K + 4 * 9 K^2 + 4 * 9 K^2 + 10 K
    network = rcnn(maps, 10)
    assert kernel_weights(network) == weights
    assert sum(weight.numel() for weight in network.parameters()) == weights + maps + 4 * maps + 10
    assert network.depth() == 18


@pytest.mark.parametrize("iterations", [1, 2, 5])
def test_iterations_add_depth_and_no_weights(iterations: int) -> None:
    network = rcnn(16, 10, iterations=iterations)
    assert kernel_weights(network) == 85 * 16 + 72 * 16**2
    assert network.depth() == 4 * (iterations + 1) + 2


def test_contenders_are_equal_in_weights_or_depth() -> None:
    networks = contenders(8, 62)
    recurrent = networks["recurrent"]
    assert kernel_weights(networks["equal weights"]) == kernel_weights(recurrent)
    assert networks["equal depth"].depth() == recurrent.depth() == 18


def test_places_are_pooled_twice_and_scores_come_from_each_map() -> None:
    network = rcnn(16, 10).eval()
    sizes = []
    for block in network.blocks:
        block[0].register_forward_hook(lambda _, inputs, __: sizes.append(tuple(inputs[0].shape[1:])))
    assert network(torch.rand(2, 3, 32, 32)).shape == (2, 10)
    assert sizes == [(16, 16, 16), (16, 16, 16), (16, 8, 8), (16, 8, 8)]


def strokes(count: int, seed: int) -> Letters:
    """Upright and lying strokes at random places."""
    generator = np.random.default_rng(seed)
    images = np.zeros((count, 32, 32), np.uint8)
    labels = generator.integers(0, 2, count)
    for image, label in zip(images, labels, strict=True):
        at = generator.integers(6, 24)
        (image if label else image.T)[at : at + 3, 6:26] = 255
    return Letters(images, labels, np.arange(count), 2)


@pytest.mark.slow
def test_networks_learn() -> None:
    torch.manual_seed(0)
    network: Network = contenders(4, 2)["recurrent"]
    train(network, strokes(256, 0), epochs=6, seed=0, batch=16)
    errors = misread(network, strokes(100, 1))
    assert sum(wrong for wrong, _, _ in errors.values()) <= 5


def test_a_letter_keeps_its_place_in_the_line() -> None:
    line = np.full((40, 100), 220, np.uint8)
    line[25:35, 50:56] = 20
    line[5:10, 70:90] = 20  # another letter
    square = cut(line, (48, 25, 58, 35))
    rows, columns = np.nonzero(square > 100)
    assert (rows.min(), rows.max()) == pytest.approx((20, 27), abs=1)  # 25 to 35 of 40 rows, in 32
    assert (columns.min() + columns.max()) / 2 == pytest.approx(15.5, abs=1)
    assert square[:16].max() < 10
