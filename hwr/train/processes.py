"""Several processes that train one network: `torchrun --nproc-per-node N $(which hwr) train ...`.

Every process plans the same batches and computes its rows of each, so a recipe means the same on any number of
processes, and a run can be resumed with another number. DistributedDataParallel averages the gradients. What decides
how the run continues (the clock, a request to stop, a loss that is not finite) is agreed on at every step.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from hwr.errors import TrainingError, UsageError
from hwr.model.network import Network

TIMEOUT = timedelta(days=2)
"""Maximum time for which all processes may be suspended. A process that ends is noticed at once."""

THREADS_END = 0.2
"""Seconds in which gloo's threads release Python objects. A thread that does so while Python shuts down ends the
process with "terminate called without an active exception"."""


@dataclass(frozen=True)
class Processes:
    """The rank of this process among those of the run; alone by default.

    Attributes:
        rank, count: among all; local_rank, local_count: among those on this machine.
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0
    local_count: int = 1

    @property
    def first(self) -> bool:
        """True in the one process that writes files and messages."""
        return self.rank == 0

    def sum(self, values: Sequence[float]) -> list[float]:
        """Return the sums over the processes, the same in each."""
        if self.count == 1:
            return list(values)
        sums = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(sums)
        return [float(value) for value in sums]

    def any(self, flag: bool) -> bool:
        """Return whether `flag` is true in any process."""
        return self.sum([float(flag)])[0] > 0

    def of_first(self, value: float) -> float:
        """Return the value of the first process."""
        return self.sum([value if self.first else 0.0])[0]

    def parallel(self, network: Network) -> nn.Module:
        """Return the network as a module `(ink, time_mask)`; its backward pass averages gradients over processes."""
        module = ForwardPass(network)
        return module if self.count == 1 else DistributedDataParallel(module)


ALONE = Processes()


class ForwardPass(nn.Module):
    """`Network.forward_with_auxiliary` in the shape that DistributedDataParallel wraps."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, ink: Tensor, time_mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        return self.network.forward_with_auxiliary(ink, None, time_mask)


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
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if 0 < gpus < local_count:
        raise UsageError(f"{local_count} processes, but {gpus} CUDA devices: start torchrun with fewer processes")
    if gpus:
        torch.cuda.set_device(local_rank)
    dist.init_process_group("cpu:gloo,cuda:nccl" if gpus else "gloo", timeout=TIMEOUT)
    try:
        yield Processes(rank, count, local_rank, local_count)
    except RuntimeError as error:
        if not (isinstance(error, dist.DistError) or "gloo" in str(error)):
            raise
        raise TrainingError("another process of this run has ended; its own message says why") from None
    finally:
        dist.destroy_process_group()
        time.sleep(THREADS_END)
