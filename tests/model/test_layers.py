"""Layers of the plane against torch's own on the true columns alone, and against functional code."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from hwr.model import letters
from hwr.model.layers import (
    Convolution,
    Dropout,
    Fold,
    Frame,
    MaskedBatchNorm,
    MaskedInstanceNorm,
    MaxPool,
    Residual,
    activate,
    masked,
)

WIDTHS = (7, 1, 4)


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def maps(channels: int = 3, height: int = 5, widths: tuple[int, ...] = WIDTHS, garbage: float = 0.0) -> Tensor:
    """Maps with `garbage` right of the true widths."""
    x = torch.randn(len(widths), channels, height, max(widths)) * 2 + 1
    for index, width in enumerate(widths):
        x[index, :, :, width:] = garbage
    return x


def frame(*widths: int) -> Frame:
    return Frame(torch.tensor(widths or WIDTHS))


def columns(x: Tensor, widths: tuple[int, ...] = WIDTHS) -> Tensor:
    """The true columns of all lines side by side: (1, C, H, sum of widths)."""
    return torch.cat([x[index, :, :, :width] for index, width in enumerate(widths)], dim=2)[None]


def assert_close(first: Tensor, second: Tensor) -> None:
    torch.testing.assert_close(first, second, rtol=1e-5, atol=1e-5)


class TestFrame:
    def test_strided_is_rounded_up(self) -> None:
        strided = frame(1, 2, 3, 4, 5).strided(2).widths
        assert strided is not None and strided.tolist() == [1, 1, 2, 2, 3]

    def test_mask(self) -> None:
        mask = frame(2, 0, 3).mask(torch.zeros(3, 4, 5, 3))
        assert mask is not None and mask.shape == (3, 1, 1, 3)
        assert mask[:, 0, 0].tolist() == [[1, 1, 0], [0, 0, 0], [1, 1, 1]]

    def test_without_widths_nothing_is_masked(self) -> None:
        x = torch.ones(2, 1, 1, 3)
        assert Frame(None).mask(x) is None and Frame(None).strided(4).widths is None
        assert masked(x, Frame(None)) is x


class TestBatchNorm:
    def pair(self) -> tuple[MaskedBatchNorm, nn.BatchNorm2d]:
        ours, theirs = MaskedBatchNorm(3), nn.BatchNorm2d(3)
        nn.init.normal_(ours.weight)
        nn.init.normal_(ours.bias)
        ours.running_mean.normal_()  # type: ignore[union-attr]
        ours.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
        theirs.load_state_dict(ours.state_dict())
        return ours, theirs

    @pytest.mark.parametrize("garbage", [0.0, 1e4])
    def test_training(self, garbage: float) -> None:
        ours, theirs = self.pair()
        x = maps(garbage=garbage).requires_grad_()
        for _ in range(3):
            mine, twin = columns(ours(x, frame())), theirs(columns(x))
        assert_close(mine, twin)
        for name, tensor in theirs.state_dict().items():
            assert_close(ours.state_dict()[name], tensor)

    def test_gradients(self) -> None:
        ours, theirs = self.pair()
        x = maps().requires_grad_()
        direction = torch.randn_like(columns(x))
        wanted = (ours.weight, ours.bias, x)
        mine = torch.autograd.grad((columns(ours(x, frame())) * direction).sum(), wanted)
        twin = torch.autograd.grad((theirs(columns(x)) * direction).sum(), (theirs.weight, theirs.bias, x))
        for a, b in zip(mine, twin, strict=True):
            assert_close(a, b)

    def test_eval_and_lines_without_widths(self) -> None:
        ours, theirs = self.pair()
        x = maps()
        assert_close(ours(x, Frame(None)), theirs(x))
        assert_close(ours.eval()(x, frame()), theirs.eval()(x))

    def test_a_single_value_keeps_the_statistics_finite(self) -> None:
        ours = MaskedBatchNorm(3)
        ours(torch.randn(1, 3, 1, 4), frame(1))
        assert all(torch.isfinite(tensor).all() for tensor in ours.state_dict().values())

    def test_half_precision_keeps_its_type(self) -> None:
        ours, _ = self.pair()
        x = maps()
        half = ours(x.bfloat16(), frame())
        assert half.dtype == torch.bfloat16
        torch.testing.assert_close(half.float(), ours(x, frame()), rtol=0.03, atol=0.03)


class TestInstanceNorm:
    @pytest.mark.parametrize("garbage", [0.0, 1e3])
    def test_each_line_against_torch(self, garbage: float) -> None:
        ours, theirs = MaskedInstanceNorm(3), nn.InstanceNorm2d(3, affine=True)
        nn.init.normal_(ours.weight)
        nn.init.normal_(ours.bias)
        theirs.load_state_dict(ours.state_dict())
        x = maps(garbage=garbage).requires_grad_()
        direction = torch.randn_like(x)
        y = ours(x, frame())
        for index, width in enumerate(WIDTHS):
            assert_close(y[index : index + 1, :, :, :width], theirs(x[index : index + 1, :, :, :width]))
        (mine,) = torch.autograd.grad((masked(y, frame()) * direction).sum(), x)
        twin = sum(
            (theirs(x[i : i + 1, :, :, :w]) * direction[i : i + 1, :, :, :w]).sum() for i, w in enumerate(WIDTHS)
        )
        assert isinstance(twin, Tensor)
        assert_close(mine, torch.autograd.grad(twin, x)[0])

    def test_without_widths(self) -> None:
        x = maps()
        assert_close(MaskedInstanceNorm(3)(x, Frame(None)), nn.InstanceNorm2d(3)(x))


@pytest.mark.parametrize(
    ("name", "twin"),
    [("relu", functional.relu), ("tanh", torch.tanh), ("sigmoid", torch.sigmoid), ("linear", lambda x: x)],
)
def test_activations(name: letters.Activation, twin: object) -> None:
    x = torch.randn(50)
    assert callable(twin)
    assert_close(activate(x.clone(), name), twin(x))


class TestConvolution:
    @pytest.mark.parametrize("stride", [(1, 1), (2, 2), (3, 1), (1, 4)])
    @pytest.mark.parametrize("kernel", [(3, 3), (5, 1), (1, 7)])
    def test_against_functional_code_line_by_line(self, kernel: tuple[int, int], stride: tuple[int, int]) -> None:
        layer = Convolution(letters.Maps(3, 5), letters.Convolution(kernel, 6, stride, "none", "tanh"))
        x = maps()
        y, after = layer(x, frame())
        assert after.widths is not None
        padding = (kernel[0] // 2, kernel[1] // 2)
        weight, bias = layer.body.convolution.weight, layer.body.convolution.bias
        for index, width in enumerate(WIDTHS):
            alone = functional.conv2d(x[index : index + 1, :, :, :width], weight, bias, stride, padding).tanh()
            assert alone.shape[3] == after.widths[index] == -(-width // stride[1])
            assert_close(y[index : index + 1, :, :, : alone.shape[3]], alone)
            assert (y[index, :, :, alone.shape[3] :] == 0).all()  # though tanh(bias) is not 0

    def test_no_bias_before_a_norm(self) -> None:
        layer = Convolution(letters.Maps(3, 5), letters.Convolution((3, 5), 6, (1, 1), "batch", "relu"))
        assert sum(p.numel() for p in layer.parameters()) == 3 * 5 * 3 * 6 + 2 * 6


class TestResidual:
    @pytest.mark.parametrize("channels", [3, 5])
    @pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "linear"])
    def test_against_functional_code_line_by_line(self, channels: int, activation: letters.Activation) -> None:
        layer = Residual(letters.Maps(3, 5), letters.Residual((3, 3), channels, "batch", activation)).eval()
        for module in layer.modules():
            if isinstance(module, MaskedBatchNorm):
                assert module.running_mean is not None and module.running_var is not None
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)
                nn.init.normal_(module.bias)
        weights = layer.state_dict()

        def normed(x: Tensor, part: str) -> Tensor:
            kernel = weights[f"{part}.convolution.weight"]
            x = functional.conv2d(x, kernel, padding=kernel.shape[2] // 2)
            mean, variance = weights[f"{part}.norm.running_mean"], weights[f"{part}.norm.running_var"]
            gain, bias = weights[f"{part}.norm.weight"], weights[f"{part}.norm.bias"]
            return functional.batch_norm(x, mean, variance, gain, bias)

        function = {"relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "linear": lambda x: x}[activation]
        x = maps()
        before = x.clone()
        y, after = layer(x, frame())
        assert after.widths is not None and after.widths.tolist() == list(WIDTHS)
        assert torch.equal(x, before)  # nothing is done in place to the input
        for index, width in enumerate(WIDTHS):
            line = x[index : index + 1, :, :, :width]
            short = line if channels == 3 else normed(line, "projection")
            alone = function(normed(function(normed(line, "first")), "second") + short)
            assert_close(y[index : index + 1, :, :, :width], alone)
            assert (y[index, :, :, width:] == 0).all()


class TestPool:
    def test_plain(self) -> None:
        x = maps(height=6, widths=(8, 3))
        y, after = MaxPool(letters.Maps(3, 5), letters.MaxPool((2, 2), (2, 2)))(x, frame(8, 3))
        assert_close(y[:1], functional.max_pool2d(x[:1], 2))
        assert after.widths is not None and after.widths.tolist() == [4, 2]
        assert (y[1, :, :, 2:] == 0).all()

    @pytest.mark.parametrize(("window", "stride"), [((3, 3), (2, 1)), ((2, 4), (2, 2)), ((3, 2), (1, 4))])
    def test_windows_that_overlap_or_leave_gaps_by_hand(self, window: tuple[int, int], stride: tuple[int, int]) -> None:
        x = maps(height=7, widths=(8,))
        y, _ = MaxPool(letters.Maps(3, 5), letters.MaxPool(window, stride))(x, Frame(None))
        padded = functional.pad(x, (0, 8))
        assert y.shape[2:] == ((7 - window[0]) // stride[0] + 1, 8 // stride[1])
        for row in range(y.shape[2]):
            for column in range(y.shape[3]):
                top, left = row * stride[0], column * stride[1]
                patch = padded[:, :, top : top + window[0], left : left + window[1]]
                assert_close(y[:, :, row, column], patch.amax((2, 3)))

    @pytest.mark.parametrize("stride", [(0, 1), (5, 1)])
    def test_whole_height(self, stride: tuple[int, int]) -> None:
        x = maps()
        y, after = MaxPool(letters.Maps(3, 5), letters.MaxPool((0, 1), stride))(x, frame())
        assert_close(y, x.amax(2, keepdim=True))
        assert after.widths is not None and after.widths.tolist() == list(WIDTHS)


def test_fold_keeps_each_column() -> None:
    x = maps(channels=3, height=5)
    y, _ = Fold(letters.Maps(3, 5), letters.Fold())(x, frame())
    assert y.shape == (3, 15, 1, 7)
    for channel in range(3):
        for row in range(5):
            assert torch.equal(y[:, channel * 5 + row, 0], x[:, channel, row])


def test_dropout_is_for_training_only_and_keeps_the_mean() -> None:
    layer = Dropout(letters.Maps(8, 50), letters.Dropout(0.25))
    x = torch.ones(8, 50, 1, 50)
    y, _ = layer(x, Frame(None))
    torch.testing.assert_close(y.unique(), torch.tensor([0.0, 1 / 0.75]))
    assert (y == 0).float().mean().item() == pytest.approx(0.25, abs=0.02)
    assert torch.equal(layer.eval()(x, Frame(None))[0], x)
