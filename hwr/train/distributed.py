"""Several processes that train one network: `torchrun --nproc-per-node N`.

Every process plans the same batches and takes its share of the lines of each, so a recipe means the same on any number
of processes, and a run can go on with another number of them at the very line where it stopped. All lines of a batch
have one width: shares cost the same, but for the one line that is left over when their number does not divide.

After the backward pass every process has the same gradient, bit by bit, and so, after the same update, the same
weights. What decides how the run goes on (the clock, a wish to stop, a loss that is not finite) is agreed on, so that
no process waits for another that has left.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from hwr.errors import HwrError, TrainingError, UsageError
from hwr.model.network import Network

if TYPE_CHECKING:
    from hwr.train.batches import Batch

Made = TypeVar("Made")

TIMEOUT = timedelta(days=2)
"""A process that ends is noticed at once. This long, all of them may be paused from outside."""


@dataclass(frozen=True)
class Processes:
    """The place of this process among those of the run; alone by default.

    Attributes:
        rank, count: among all; local_rank, local_count: among those on this machine.
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0
    local_count: int = 1

    @property
    def first(self) -> bool:
        """True in the one process that writes files and talks."""
        return self.rank == 0

    def sum(self, values: Sequence[float]) -> list[float]:
        """Sums over the processes, the same in each."""
        if self.count == 1:
            return list(values)
        sums = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(sums)
        return [float(value) for value in sums]

    def any(self, flag: bool) -> bool:
        """True in every process if `flag` is true in one."""
        return self.sum([float(flag)])[0] > 0

    def of_first(self, value: float) -> float:
        """The value that the first process has."""
        return self.sum([value if self.first else 0.0])[0]

    def gather(self, value: Any) -> list[Any]:
        """The values of all processes, in their order, in each of them."""
        if self.count == 1:
            return [value]
        values: list[Any] = [None] * self.count
        dist.all_gather_object(values, value)
        return values

    def together(self, make: Callable[[], Made]) -> list[Made]:
        """What `make` gives in each process, in all of them; an error in one is raised in all.

        Raises:
            HwrError: as `make`.
        """
        if self.count == 1:
            return [make()]
        own: Made | HwrError
        try:
            own = make()
        except HwrError as error:
            own = error
        values = self.gather(own)
        for value in values:
            if isinstance(value, HwrError):
                raise value
        return values

    def parallel(self, network: Network) -> nn.Module:
        """Return the network as a module `(ink, spans)`; its backward pass averages gradients over processes."""
        module = ForwardPass(network)
        # Statistics of batch norms are averaged together with the loss; see `combine`.
        return module if self.count == 1 else DistributedDataParallel(module, broadcast_buffers=False)

    def share(self, batch: "Batch") -> tuple["Batch", int]:
        """The part of a batch that this process computes, and its number of characters.

        A process that no line is left for repeats the first line, and counts no character: its loss has no weight.
        """
        if self.count == 1:
            return batch, len(batch.targets)
        rows = list(range(self.rank, len(batch.texts), self.count)) or [0]
        labels = torch.split(batch.targets, batch.target_lengths.tolist())
        part = replace(
            batch,
            ink=batch.ink[rows],
            widths=batch.widths[rows],
            seeds=batch.seeds[rows],
            targets=torch.cat([labels[row] for row in rows]),
            target_lengths=batch.target_lengths[rows],
            texts=tuple(batch.texts[row] for row in rows),
        )
        return part, len(part.targets) if self.rank < len(batch.texts) else 0

    @torch.no_grad()
    def combine(
        self, loss: Tensor, characters: int, statistics: Sequence[Tensor]
    ) -> tuple[float, float, Sequence[Tensor]]:
        """What the processes have in common after their forward passes.

        Returns:
            The mean loss a character over all processes; if it is not finite in one, it is so in all. The factor for
            this process' loss before its backward pass: gradients are averaged over processes, and with the factor the
            average is the gradient of the mean loss of the whole batch. And the means of the `statistics` of norms,
            which may take their place after the backward pass only.
        """
        if self.count == 1:
            return float(loss), 1.0, statistics
        own = torch.stack([loss.double() * characters, loss.new_tensor(characters, dtype=torch.float64)])
        together = torch.cat([own, *(tensor.flatten().double() for tensor in statistics)])
        dist.all_reduce(together)
        total, sums = together[1].item(), torch.split(together[2:], [tensor.numel() for tensor in statistics])
        means = [sums.view_as(tensor) / self.count for tensor, sums in zip(statistics, sums, strict=True)]
        return together[0].item() / total, characters * self.count / total, means


THREADS_END = 0.2
"""Seconds in which gloo's threads let go of Python's objects. A thread that does so while Python shuts down ends the
process with "terminate called without an active exception"; a network that somebody still holds keeps them alive."""

ALONE = Processes()


class ForwardPass(nn.Module):
    """`Network.run` in the shape that DistributedDataParallel wraps."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, ink: Tensor, spans: Tensor | None) -> tuple[Tensor, Tensor | None]:
        return self.network.forward_with_auxiliary(ink, None, spans)


@contextmanager
def join_processes() -> Iterator[Processes]:
    """Join the processes that torchrun started, if it did: over NCCL with CUDA devices, over gloo without.

    Raises:
        UsageError: more processes than CUDA devices.
        TrainingError: another process has ended with an error of its own.
    """
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    if not all(os.environ.get(name, "").isdigit() for name in names) or int(os.environ["WORLD_SIZE"]) == 1:
        yield ALONE
        return
    rank, count, local_rank, local_count = (int(os.environ[name]) for name in names)
    cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if 0 < cards < local_count:
        raise UsageError(f"{local_count} processes, but {cards} CUDA devices: start torchrun with fewer processes")
    if cards:
        torch.cuda.set_device(local_rank)
    dist.init_process_group("cpu:gloo,cuda:nccl" if cards else "gloo", timeout=TIMEOUT)
    try:
        yield Processes(rank, count, local_rank, local_count)
    except RuntimeError as error:
        if not _connection_lost(error):
            raise
        raise TrainingError("another process of this run has ended; its own message says why") from None
    finally:
        dist.destroy_process_group()
        time.sleep(THREADS_END)


def _connection_lost(error: RuntimeError) -> bool:
    return isinstance(error, dist.DistError) or "gloo" in str(error)
