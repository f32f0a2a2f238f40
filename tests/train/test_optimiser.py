"""Muon against torch's own, AdamW against a plain one."""

import copy

import pytest
import torch
from torch import Tensor, nn

from hwr.model.network import Network, build
from hwr.train.optimiser import Optimiser, hidden_weights, orthogonalise
from hwr.train.recipe import Optimisation

SPEC = "[1,16,0,1 C3,3,8 Mp2,2 R3,3,12 Mp0,1 Lbx6 Gfx5 O1c9]"
OPTIONS = Optimisation(optimiser="muon", weight_decay=0.05)


def network_with_gradients(seed: int = 0) -> Network:
    torch.manual_seed(seed)
    network = build(SPEC, auxiliary=True)
    for parameter in network.parameters():
        parameter.grad = torch.randn_like(parameter)
    return network


def test_singular_values_come_near_one() -> None:
    torch.manual_seed(1)
    for shape in ((3, 40, 16), (2, 16, 40), (1, 32, 32)):
        matrices = torch.randn(shape) @ torch.diag(torch.logspace(0, -1, shape[2]))
        values = torch.linalg.svdvals(orthogonalise(matrices))
        assert values.max() < 1.25
        assert values.median() > 0.6


@pytest.mark.parametrize("units", [True, False])
def test_only_a_processor_with_units_for_it_iterates_in_bf16(monkeypatch: pytest.MonkeyPatch, units: bool) -> None:
    monkeypatch.setattr("hwr.train.optimiser.has_bf16_units", lambda device: units)
    torch.manual_seed(3)
    matrices = torch.randn(2, 12, 20)
    x = matrices.double()
    x = x / x.norm(dim=(1, 2), keepdim=True)
    for _ in range(5):
        gram = x @ x.mT
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    error = (orthogonalise(matrices).double() - x).abs().max()
    assert 1e-3 < error < 0.05 if units else error < 1e-4


def test_directions_are_those_of_the_polar_factor() -> None:
    torch.manual_seed(2)
    matrix = torch.randn(1, 24, 24)
    left, _, right = torch.linalg.svd(matrix[0])
    cosine = (orthogonalise(matrix)[0] * (left @ right)).sum() / 24
    assert cosine > 0.85


def test_every_kernel_and_gate_is_a_matrix_of_its_own_and_the_heads_are_not() -> None:
    network = build(SPEC, auxiliary=True)
    blocks = {tuple(hidden.weight.shape): hidden.blocks for hidden in hidden_weights(network)}
    assert blocks[(8, 1, 3, 3)] == 1
    assert blocks[(24, 12)] == 4  # LSTM, from the maps
    assert blocks[(24, 6)] == 4  # LSTM, from its own state
    assert blocks[(15, 12)] == 3  # GRU
    assert network.output.weight.shape not in blocks
    assert network.auxiliary is not None
    assert network.auxiliary.weight.shape not in blocks


def torch_muon_of_blocks(weight: Tensor, gradients: list[Tensor], blocks: int, rate: float) -> Tensor:
    """The same updates by torch's own Muon, on each block as a parameter of its own."""
    parts = [nn.Parameter(part.clone()) for part in weight.reshape(blocks, weight.shape[0] // blocks, -1)]
    muon = torch.optim.Muon(
        parts, lr=rate, weight_decay=0.05, momentum=0.95, nesterov=True, adjust_lr_fn="match_rms_adamw"
    )
    for gradient in gradients:
        for part, of_part in zip(parts, gradient.reshape(blocks, weight.shape[0] // blocks, -1), strict=True):
            part.grad = of_part.clone()
        muon.step()
    return torch.stack([part.detach() for part in parts]).reshape(weight.shape)


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this torch has no Muon to compare with")
def test_updates_equal_those_of_torch() -> None:
    network = network_with_gradients()
    optimiser = Optimiser(network, OPTIONS)
    hidden = hidden_weights(network)
    before = [item.weight.detach().clone() for item in hidden]
    gradients: list[list[Tensor]] = [[] for _ in hidden]
    for _ in range(3):
        for number, item in enumerate(hidden):
            item.weight.grad = torch.randn_like(item.weight)
            gradients[number].append(item.weight.grad.clone())
        optimiser.step(1e-2)
    for item, start, of_item in zip(hidden, before, gradients, strict=True):
        expected = torch_muon_of_blocks(start, of_item, item.blocks, 1e-2)
        # torch iterates in bf16; so does the optimiser if the processor has units for it, with another order of sums.
        assert (item.weight - expected).norm() < 0.03 * (expected - start).norm()


def test_adamw_alone_is_a_plain_adamw_without_decay_of_vectors() -> None:
    network = network_with_gradients()
    twin = copy.deepcopy(network)
    for parameter, original in zip(twin.parameters(), network.parameters(), strict=True):
        assert original.grad is not None
        parameter.grad = original.grad.clone()
    options = Optimisation(optimiser="adamw", weight_decay=0.05)
    matrices = [p for p in twin.parameters() if p.ndim > 1]
    vectors = [p for p in twin.parameters() if p.ndim <= 1]
    plain = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.05}, {"params": vectors, "weight_decay": 0.0}],
        lr=1e-3,
        betas=options.betas,
    )
    optimiser = Optimiser(network, options)
    for _ in range(3):
        optimiser.step(1e-3)
        plain.step()
    for parameter, expected in zip(network.parameters(), twin.parameters(), strict=True):
        assert torch.allclose(parameter, expected, atol=1e-7)


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_a_saved_state_continues_exactly(kind: str) -> None:
    options = Optimisation(optimiser=kind)
    network = network_with_gradients()
    optimiser = Optimiser(network, options)
    optimiser.step(1e-3)
    twin = copy.deepcopy(network)
    for parameter, original in zip(twin.parameters(), network.parameters(), strict=True):
        assert original.grad is not None
        parameter.grad = original.grad.clone()
    restored = Optimiser(twin, options)
    restored.load_state(copy.deepcopy(optimiser.state()))
    optimiser.step(1e-3)
    restored.step(1e-3)
    for parameter, expected in zip(twin.parameters(), network.parameters(), strict=True):
        assert torch.equal(parameter, expected)


def test_the_state_of_another_optimiser_is_refused() -> None:
    network = network_with_gradients()
    state = Optimiser(network, Optimisation(optimiser="adamw")).state()
    with pytest.raises(ValueError, match="another optimiser"):
        Optimiser(network, OPTIONS).load_state(state)
