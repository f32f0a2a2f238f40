"""The optimiser: Muon for the matrices inside the network, AdamW for all other weights, in one object.

Muon (Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks") replaces the momentum of a matrix
by the nearest orthogonal matrix, so that every direction of it learns at the same pace. Its update is scaled to the
size of an AdamW update (Liu et al. 2025, "Muon is scalable for LLM training", equation 4), so that one learning rate
serves both.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from hwr.model.layers import Hidden
from hwr.model.network import Network
from hwr.train.device import has_bf16_units
from hwr.train.recipe import Optimisation

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of the quintic iteration; five steps bring every singular value near 1 (Jordan et al. 2024)."""

NEWTON_SCHULZ_STEPS = 5

ADAM_SIZE = 0.2
"""Root mean square of a typical AdamW update of one weight, as a multiple of the learning rate (Liu et al. 2025)."""


def hidden_weights(network: Network) -> list[Hidden]:
    """Return the kernels and recurrent matrices that Muon updates; a depthwise or single-row kernel is not a matrix."""
    return [item for item in network.hidden_weights() if min(item.matrices(item.weight).shape[1:]) > 1]


def orthogonalise(matrices: Tensor) -> Tensor:
    """Bring the singular values of each matrix (N, rows, columns) near 1; same shape, float32.

    Computed in bf16 where there are units for it. Elsewhere bf16 products are many times slower than those of float32.
    """
    precision = torch.bfloat16 if has_bf16_units(matrices.device) else torch.float32
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.transpose(1, 2) if tall else matrices
    x = (x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)).to(precision)
    a, b, c = NEWTON_SCHULZ
    for _ in range(NEWTON_SCHULZ_STEPS):
        gram = x @ x.transpose(1, 2)
        polynomial = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        x = torch.baddbmm(x, polynomial, x, beta=a)
    return (x.transpose(1, 2) if tall else x).float()


class Muon(torch.optim.Optimizer):
    """Muon over hidden weights; matrices of one shape are updated together."""

    def __init__(self, hidden: Iterable[Hidden], learning_rate: float, momentum: float, weight_decay: float) -> None:
        self.hidden = list(hidden)
        defaults = {"lr": learning_rate, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__([item.weight for item in self.hidden], defaults)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # no closures here
        """Update the weights from their gradients."""
        (group,) = self.param_groups
        items = [item for item in self.hidden if item.weight.grad is not None]
        weights: list[Tensor] = [item.weight for item in items]
        gradients = [item.weight.grad for item in items if item.weight.grad is not None]
        momenta = [self._momentum(weight) for weight in weights]
        torch._foreach_lerp_(momenta, gradients, 1 - group["momentum"])
        # Nesterov: look one step ahead along the momentum.
        ahead = torch._foreach_lerp(gradients, momenta, group["momentum"])
        torch._foreach_mul_(weights, 1 - group["lr"] * group["weight_decay"])
        by_shape: dict[torch.Size, list[int]] = {}
        for number, item in enumerate(items):
            by_shape.setdefault(item.matrices(ahead[number]).shape[1:], []).append(number)
        for (rows, columns), numbers in by_shape.items():
            stacked = torch.cat([items[number].matrices(ahead[number]) for number in numbers])
            size = group["lr"] * ADAM_SIZE * max(rows, columns) ** 0.5
            updates = torch.split(orthogonalise(stacked), [items[number].blocks for number in numbers])
            for number, update in zip(numbers, updates, strict=True):
                weights[number].add_(update.reshape(weights[number].shape), alpha=-size)

    def _momentum(self, weight: Tensor) -> Tensor:
        state = self.state[weight]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(weight)
        momentum: Tensor = state["momentum"]
        return momentum


class Optimiser:
    """All weights of a network under one learning rate."""

    def __init__(self, network: Network, options: Optimisation) -> None:
        hidden = hidden_weights(network) if options.optimiser == "muon" else []
        taken = {id(item.weight) for item in hidden}
        rest = [parameter for parameter in network.parameters() if id(parameter) not in taken]
        # Matrices and kernels decay; biases and norms do not.
        groups = [
            {"params": [p for p in rest if p.ndim > 1], "weight_decay": options.weight_decay},
            {"params": [p for p in rest if p.ndim <= 1], "weight_decay": 0.0},
        ]
        adam = torch.optim.AdamW(
            [group for group in groups if group["params"]], lr=options.learning_rate, betas=options.betas, foreach=True
        )
        self.parts: list[torch.optim.Optimizer] = [adam]
        if hidden:
            self.parts.append(Muon(hidden, options.learning_rate, options.momentum, options.weight_decay))

    def zero_grad(self) -> None:
        """Drop the gradients."""
        for part in self.parts:
            part.zero_grad(set_to_none=True)

    def step(self, learning_rate: float) -> None:
        """Update all weights from their gradients."""
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = learning_rate
            part.step()

    def state(self) -> list[dict[str, Any]]:
        """Return what `load_state` needs to continue exactly."""
        return [part.state_dict() for part in self.parts]

    def fits(self, state: list[dict[str, Any]]) -> bool:
        """Return whether `state` belongs to the same kind of optimiser."""
        return len(state) == len(self.parts)

    def load_state(self, state: list[dict[str, Any]]) -> None:
        """Continue from a state that `state` returned, with the options of this optimiser.

        Raises:
            ValueError: the state belongs to another kind of optimiser or to other weights.
        """
        if not self.fits(state):
            raise ValueError("the state belongs to another optimiser")
        for part, part_state in zip(self.parts, state, strict=True):
            options = [{name: group[name] for name in group if name != "params"} for group in part.param_groups]
            part.load_state_dict(part_state)
            for group, own in zip(part.param_groups, options, strict=True):
                group.update(own)
