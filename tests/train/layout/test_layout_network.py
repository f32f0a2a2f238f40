"""The network that marks lines: sizes, and ONNX Runtime against torch."""

from pathlib import Path

import numpy as np
import torch

from hwr.segment.maps import HEIGHT_UNIT, MULTIPLE, NETWORK, STRIDE, mark_lines
from hwr.train.layout.network import MAPS, LineFinder, export


def test_maps_have_half_the_size_of_the_page() -> None:
    network = LineFinder().eval()
    for height, width in ((MULTIPLE, 2 * MULTIPLE), (96, 160)):
        with torch.no_grad():
            maps = network(torch.rand(2, 1, height, width))
        assert maps.shape == (2, MAPS, height // STRIDE, width // STRIDE)


def test_the_shipped_network_is_small() -> None:
    assert NETWORK.stat().st_size < 4_000_000
    assert sum(tensor.numel() for tensor in LineFinder().parameters()) < 1_000_000


def test_onnx_runtime_marks_what_torch_marks(tmp_path: Path) -> None:
    torch.manual_seed(3)
    network = LineFinder()
    network.train()(torch.rand(2, 1, 64, 64))  # statistics that are not those of a new network
    export(network, str(tmp_path / "lines.onnx"))
    grey = np.random.default_rng(5).integers(0, 256, (75, 130), dtype=np.uint8)
    found = mark_lines(grey, 1, tmp_path / "lines.onnx")
    ink = torch.zeros(1, 1, 96, 160)
    ink[0, 0, :75, :130] = 1 - torch.from_numpy(grey).float() / 255
    with torch.no_grad():
        true = network.eval()(ink)[0, :, :38, :65]
    np.testing.assert_allclose(found.baseline, torch.sigmoid(true[0]), atol=1e-4)
    np.testing.assert_allclose(found.ends, torch.sigmoid(true[1]), atol=1e-4)
    np.testing.assert_allclose(found.printed, torch.sigmoid(true[2]), atol=1e-4)
    np.testing.assert_allclose(found.height, HEIGHT_UNIT * torch.exp(true[3]), rtol=1e-3)
