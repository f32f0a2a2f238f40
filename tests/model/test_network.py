"""The network as a whole; above all the contract of true lengths.

A line gives the same log-probabilities alone and next to a line eight times as long, at any width.
"""

import copy

import pytest
import torch
from torch import Tensor, nn

from hwr.line import time_steps
from hwr.model import letters, vgsl
from hwr.model.layers import MaskedBatchNorm
from hwr.model.network import MODULES, PRESETS, Network, build, count_parameters, preset_spec
from hwr.model.recurrent import Chains

CLASSES = 7
SPECS = {
    "small, fewer channels": (
        "[1,48,0,1 C5,5,4,2,2 R3,3,4 Mp2,2 R3,3,6 R3,3,6 Mp2,1 R3,3,8 R3,3,8 R3,3,8 Mp0,1"
        " Do0.2 Lbx6 Do0.2 Lbx6 Do0.2 O1c7]"
    ),
    "base, fewer channels": (
        "[1,64,0,1 C5,5,4,2,2 R3,3,4 Mp2,2 R3,3,6 R3,3,6 Mp2,1 R3,3,8 R3,3,8 R3,3,8 Mp2,1 R3,3,8 Mp0,1"
        " Do0.25 Lbx6 Do0.25 Lbx6 Do0.25 Lbx6 Do0.25 O1c7]"
    ),
    "instance norm": "[1,16,0,1 Ci3,3,4,2,2 Ri3,3,6 Mp2,2 Cit3,3,6 Mp0,1 Lbx5 O1c7]",
    "fold": "[1,16,0,1 Cn3,3,4,2,2 Mp2,2 C3,3,4 S1(1x0)1,3 Lbx5 O1c7]",
    "gru": "[1,16,0,1 C3,3,4,2,2 Mp0,1 Gbx5 Gfx5 O1c7]",
    "reverse": "[1,16,0,1 C3,3,4,2,2 Mp0,1 Lrx5 Nrx5 O1c7]",
    "overlapping pools": "[1,16,0,1 C3,3,4 Mp3,3,2,2 Cnl3,3,4 Mp3,4,2,2 Mp0,3,1,1 Lbx5 O1c7]",
    "pools with gaps": "[1,16,0,1 C3,3,4 Mp2,1,2,3 Cnt3,3,4 Mp0,2 Nbx5 O1c7]",
    "linear": "[1,16,0,1 Cl3,5,4,1,2 Rl3,3,6 Mp2,2 Mp0,1 Lbx5 O1c7]",
    "tanh": "[1,16,0,1 Cnt3,5,4,2,2 Rnt3,3,6 Mp2,2 Mp0,1 Lbx5 O1c7]",
    "sigmoid": "[1,16,0,1 Cns3,5,4,2,2 Rs3,3,6 Mp2,2 Mp0,1 Lbx5 O1c7]",
    "along y": "[1,16,0,1 C3,3,4,2,2 Lby3 C3,3,4 Gbys3 Mp1,2 Lbx5 O1c7]",
    "convolution after the recurrence": "[1,16,0,1 C3,3,4,2,2 Mp0,1 Lbx5 Cn1,5,6 Lbx4 O1c7]",
    "no recurrence": "[1,16,0,1 C3,7,4,2,3 Mp0,1 Cnl1,3,5 O1c7]",
    "jordan": "[1,16,0,1 C3,3,4,2,2 Mp0,1 Jbx5 Jrx5 O1c7]",
    "mingru": "[1,16,0,1 C3,3,4,2,2 Mp0,1 Mbx5 Mrx5 O1c7]",
    "rcl": "[1,16,0,1 C3,3,4,2,2 RC3,3,5,2 Mp2,2 RCit3,3,4,1 Mp0,1 Lbx5 O1c7]",
    "rcl as published": "[1,16,0,1 Cx3,3,4,2,2 RCx3,3,8,3 Mp0,1 Lbx5 O1c7]",
    "grcl": "[1,16,0,1 C3,3,4,2,2 GC3,3,5,2 Mp2,2 GCon3,3,4,2 Mp0,1 Lbx5 O1c7]",
    "renet": "[1,16,0,1 C3,3,4,2,2 Lby3 Lbx3 Mp0,1 Lby2 Lbx5 O1c7]",
    "uneven strides": "[1,16,0,1 C3,3,4,2,3 Mp2,2 Mp0,1 Lbx5 O1c7]",
}


def network(name: str) -> Network:
    """A network with random weights, biases and running statistics, so that no value is zero."""
    torch.manual_seed(3)
    made = build(SPECS[name])
    for parameter_name, parameter in made.named_parameters():
        if parameter_name.endswith("bias") or "bias_" in parameter_name:
            torch.nn.init.normal_(parameter, std=0.5)
    for module in made.modules():
        if isinstance(module, MaskedBatchNorm):
            assert module.running_mean is not None and module.running_var is not None
            module.running_mean.normal_(std=0.3)
            module.running_var.uniform_(0.5, 2)
    return made.eval()


def line(height: int, width: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed * 1000 + width)
    return torch.rand(1, height, width, generator=generator)


def batch(lines: list[Tensor], padding: float = 0.0) -> tuple[Tensor, Tensor]:
    """Lines side by side in one batch, `padding` right of each."""
    widths = [item.shape[2] for item in lines]
    ink = torch.full((len(lines), 1, lines[0].shape[1], max(widths)), padding)
    for index, item in enumerate(lines):
        ink[index, :, :, : item.shape[2]] = item
    return ink, torch.tensor(widths)


def alone_and_next_to(made: Network, width: int) -> list[tuple[Tensor, Tensor]]:
    """Log-probabilities of a line alone, with and without `widths`; each with those next to a line 8 times as long."""
    short, long = line(made.height, width), line(made.height, 8 * width, seed=1)
    steps = time_steps(width, made.stride)
    beside = made(*batch([long, short]))[1, :steps]
    ink, widths = batch([short])
    assert made(ink).shape == (1, steps, made.classes)
    return [(made(ink)[0], beside), (made(ink, widths)[0], beside)]


@pytest.mark.parametrize("name", SPECS)
class TestTrueLengths:
    def test_every_width(self, name: str) -> None:
        made = network(name)
        with torch.no_grad():
            for width in range(1, 2 * made.stride + 2):
                for alone, beside in alone_and_next_to(made, width):
                    torch.testing.assert_close(alone, beside, atol=1e-4, rtol=0, msg=lambda m, w=width: f"{w}: {m}")

    def test_gradient(self, name: str) -> None:
        made = network(name)
        for width in (1, made.stride, 2 * made.stride + 1):
            steps = time_steps(width, made.stride)
            direction = torch.randn(steps, made.classes)
            gradients = []
            for others in ([], [line(made.height, 8 * width, seed=1)]):
                ink, widths = batch([line(made.height, width), *others])
                made.zero_grad()
                ink.requires_grad_()
                (made(ink, widths)[0, :steps] * direction).sum().backward()
                assert ink.grad is not None
                weights = [p.grad.clone() for p in made.parameters() if p.grad is not None]
                gradients.append([ink.grad[0, :, :, :width], *weights])
                assert len(weights) == len(list(made.parameters()))
            for alone, beside in zip(*gradients, strict=True):
                torch.testing.assert_close(alone, beside, atol=1e-4, rtol=1e-4)

    def test_padding_to_the_right_of_a_line_has_no_influence(self, name: str) -> None:
        made = network(name)
        for width in (1, made.stride - 1 or 1, made.stride + 1):
            lines = [line(made.height, width), line(made.height, 5 * made.stride, seed=1)]
            clean, dirty = batch(lines), batch(lines, padding=50.0)
            steps = time_steps(width, made.stride)
            with torch.no_grad():
                torch.testing.assert_close(made(*clean)[0, :steps], made(*dirty)[0, :steps], atol=1e-6, rtol=0)
            dirty[0].requires_grad_()
            made(*dirty)[0, :steps].square().sum().backward()
            assert dirty[0].grad is not None
            assert (dirty[0].grad[0, :, :, width:] == 0).all()
        assert (dirty[0].grad[0, :, :, :width] != 0).any()  # of the widest; in a narrow one all ReLUs may be off

    def test_order_in_the_batch_has_no_influence(self, name: str) -> None:
        made = network(name)
        ink, widths = batch([line(made.height, width, seed=width) for width in (3, 40, 1, 17)])
        with torch.no_grad():
            forwards, backwards = made(ink, widths), made(ink.flip(0), widths.flip(0))
        for index, width in enumerate(widths.tolist()):
            steps = time_steps(width, made.stride)
            torch.testing.assert_close(forwards[index, :steps], backwards[3 - index, :steps], atol=1e-5, rtol=0)

    def test_log_probabilities(self, name: str) -> None:
        made = network(name)
        with torch.no_grad():
            log_probs = made(*batch([line(made.height, 30), line(made.height, 11)]))
        assert log_probs.dtype == torch.float32
        torch.testing.assert_close(log_probs.exp().sum(2), torch.ones(log_probs.shape[:2]))


@pytest.mark.parametrize("name", ["instance norm"])
def test_true_lengths_in_training_without_batch_statistics(name: str) -> None:
    made = network(name).train()
    with torch.no_grad():
        for width in range(1, 2 * made.stride + 2):
            for alone, beside in alone_and_next_to(made, width):
                torch.testing.assert_close(alone, beside, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ["small, fewer channels", "fold"])
def test_statistics_in_training_do_not_see_the_padding(name: str) -> None:
    """The same batch with 60 more columns of paper on the right moves the running statistics alike."""
    first = network(name).train()
    second = copy.deepcopy(first)
    lines = [line(first.height, 33), line(first.height, 9, seed=1)]
    ink, widths = batch(lines)
    torch.manual_seed(0)
    first(ink, widths)
    torch.manual_seed(0)
    second(torch.nn.functional.pad(ink, (0, 60)), widths)
    for one, other in zip(first.buffers(), second.buffers(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_the_contract_can_fail() -> None:
    """Without widths the long neighbour does change the short line: the tests above do measure something."""
    made = network("small, fewer channels")
    ink, widths = batch([line(48, 9), line(48, 72, seed=1)])
    with torch.no_grad():
        assert (made(ink)[0, :3] - made(ink, widths)[0, :3]).abs().max() > 1e-3


class TestAuxiliaryHead:
    spec = SPECS["small, fewer channels"]

    def test_in_training_only(self) -> None:
        made = build(self.spec, auxiliary=True)
        ink, widths = batch([line(48, 33), line(48, 9)])
        log_probs, auxiliary = made.train().forward_with_auxiliary(ink, widths)
        assert auxiliary is not None and auxiliary.shape == log_probs.shape and auxiliary.dtype == torch.float32
        torch.testing.assert_close(auxiliary.exp().sum(2), torch.ones(auxiliary.shape[:2]))
        assert made.eval().forward_with_auxiliary(ink, widths)[1] is None
        assert build(self.spec).train().forward_with_auxiliary(ink, widths)[1] is None

    def test_is_one_small_convolution(self) -> None:
        extra = count_parameters(build(self.spec, auxiliary=True)) - count_parameters(build(self.spec))
        assert extra == 3 * 8 * CLASSES + CLASSES

    def test_a_network_without_recurrence_has_none(self) -> None:
        assert build(SPECS["no recurrence"], auxiliary=True).auxiliary is None

    def test_true_lengths(self) -> None:
        torch.manual_seed(0)
        made = build(SPECS["instance norm"], auxiliary=True).train()
        for width in range(1, 2 * made.stride + 2):
            short, long = line(made.height, width), line(made.height, 8 * width, seed=1)
            alone, beside = (
                made.forward_with_auxiliary(*batch([short]))[1],
                made.forward_with_auxiliary(*batch([short, long]))[1],
            )
            assert alone is not None and beside is not None
            torch.testing.assert_close(alone[0], beside[0, : alone.shape[1]], atol=1e-4, rtol=0)

    def test_sees_the_columns_that_the_time_mask_hides(self) -> None:
        made = build(SPECS["instance norm"], auxiliary=True).train()
        ink, widths = batch([line(16, 40)])
        mask = torch.ones(1, 10)
        mask[:, 3:6] = 0
        plain, hidden = made.forward_with_auxiliary(ink, widths), made.forward_with_auxiliary(ink, widths, mask)
        assert plain[1] is not None and hidden[1] is not None
        torch.testing.assert_close(plain[1], hidden[1])
        assert (plain[0] - hidden[0]).abs().max() > 1e-4
        torch.testing.assert_close(made.forward_with_auxiliary(ink, widths, torch.ones(1, 10))[0], plain[0])


def test_parameters_by_formula() -> None:
    made = build("[1,16,0,1 C3,3,4,2,2 R3,3,6 Mp2,2 S1(1x0)1,3 Lbx5 Do0.5 O1c7]")
    convolution = 9 * 4 + 2 * 4
    residual = 9 * 4 * 6 + 2 * 6 + 9 * 6 * 6 + 2 * 6 + 4 * 6 + 2 * 6
    lstm = 2 * (4 * 5 * (6 * 4 + 5) + 8 * 5)
    assert count_parameters(made) == convolution + residual + lstm + 10 * 7 + 7


@pytest.mark.parametrize("name", [*SPECS, "odd heights"])
def test_counts_and_maps_of_the_specification_are_those_of_the_modules(name: str) -> None:
    """Heights, channels, weights and multiplications, counted at the modules while a line of 41 columns passes."""
    made = build(SPECS.get(name, "[1,27,0,1 C3,3,4,2,2 R3,3,5 C5,5,6,3,1 Mp2,2,3,2 Gbys3 Lbx4 O1c7]")).eval()
    shapes: list[tuple[int, int]] = []
    multiplied = 0

    def after_layer(module: nn.Module, inputs: object, output: tuple[Tensor, object]) -> None:
        shapes.append((output[0].shape[1], output[0].shape[2]))

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor | tuple[Tensor, object]) -> None:
        nonlocal multiplied
        if isinstance(module, nn.Conv2d) and isinstance(output, Tensor):
            multiplied += output.numel() * module.weight[0].numel()
        elif isinstance(module, nn.Linear):
            multiplied += inputs[0].numel() * module.out_features
        elif isinstance(module, Chains):
            matrices = sum(p.numel() for p in module.parameters() if p.ndim > 1)
            multiplied += inputs[0].shape[0] * inputs[0].shape[1] * matrices
        elif isinstance(module, nn.RNNBase):
            steps = inputs[0].data.numel() // module.input_size  # a sequence may be packed
            multiplied += steps * sum(p.numel() for n, p in module.named_parameters() if n.startswith("weight"))

    for layer in made.layers:
        layer.register_forward_hook(after_layer)
    for module in made.modules():
        module.register_forward_hook(count)
    made(line(made.height, 41)[None])
    specification = made.specification
    assert shapes == [(maps.channels, maps.height) for maps in specification.maps()[1:]]
    assert specification.weights() == count_parameters(made)
    multiplied = 0
    made(line(made.height, 10 * made.stride)[None])  # without padding, which packed sequences leave out
    assert specification.multiplications(10 * made.stride) == multiplied


def test_every_kind_of_layer_has_a_module() -> None:
    assert set(MODULES) == set(letters.LAYERS)


def test_names_of_the_weights_stay() -> None:
    """Model files hold weights under these names."""
    names = set(build("[1,16,0,1 C3,3,4 R3,3,6 Mp0,1 Lbx5 O1c7]", auxiliary=True).state_dict())
    assert {
        "layers.0.body.convolution.weight",
        "layers.0.body.norm.running_var",
        "layers.1.first.convolution.weight",
        "layers.1.second.norm.weight",
        "layers.1.projection.convolution.weight",
        "layers.3.cell.weight_hh_l0_reverse",
        "output.weight",
        "auxiliary.weight",
    } <= names


@pytest.mark.parametrize(("name", "limit"), [("tiny", 1_100_000), ("small", 2_500_000), ("base", 8_000_000)])
def test_size_of_a_preset(name: str, limit: int) -> None:
    network = build(preset_spec(name, 134))
    assert network.classes == 134
    assert 0.8 * limit < count_parameters(network) <= limit


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_takes_any_number_of_classes(name: str) -> None:
    for classes in (2, 80, 5000):
        assert vgsl.parse(preset_spec(name, classes)).classes == classes
