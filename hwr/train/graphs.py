"""Passes through the network as CUDA graphs.

A recurrent layer is thousands of tiny kernels, and a processor starts them more slowly than a GPU runs them. A graph
holds the kernels of a whole pass, forward or backward, and starts them at once. It fits one shape of batch.
"""

import threading
from collections import Counter
from collections.abc import Callable

import torch
from torch import Tensor, nn

from hwr.model.network import Network
from hwr.train.processes import ForwardPass

Pass = Callable[[Tensor, Tensor | None], tuple[Tensor, Tensor | None]]

RECORDED_AT = 2
"""A shape is recorded when it comes for the second time: recording costs two passes."""

MAX_GRAPHS = 100
"""Limit of recorded shapes: a graph takes the memory of the gradients and of its batch."""

recording = threading.Lock()
"""Held while a graph is recorded, and by a thread while it works on the GPU: neither may see the other."""


class GraphedPass:
    """`Network.forward_with_auxiliary` in training, through a graph if the shape has come before.

    Args:
        plain: the pass without graphs.
        autocast: makes the context in which passes run, without its cache of weights.
        log: receives the reason if graphs are given up; training continues without.
    """

    def __init__(
        self,
        network: Network,
        plain: Pass,
        autocast: Callable[[], torch.autocast],
        log: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._network, self._plain, self._autocast, self._log = network, plain, autocast, log
        self._graphs: dict[torch.Size, nn.Module] = {}
        self._seen: Counter[torch.Size] = Counter()
        self._pool = torch.cuda.graph_pool_handle()
        self._given_up = False

    def __call__(self, ink: Tensor, spans: Tensor | None) -> tuple[Tensor, Tensor | None]:
        graph = self._graphs.get(ink.shape)
        if graph is None and self._worth_recording(ink.shape) and spans is not None:
            graph = self._record(ink, spans)
        if graph is None:
            return self._plain(ink, spans)
        result: tuple[Tensor, Tensor | None] = graph(ink, spans)
        return result

    def _worth_recording(self, shape: torch.Size) -> bool:
        self._seen[shape] += 1
        return not self._given_up and self._seen[shape] >= RECORDED_AT and len(self._graphs) < MAX_GRAPHS

    def _record(self, ink: Tensor, spans: Tensor) -> nn.Module | None:
        # One memory for all graphs: they never run at once, and no result of one is needed when the next one runs.
        module = ForwardPass(self._network)
        try:
            with recording, self._autocast():
                torch.cuda.synchronize(ink.device)
                torch.cuda.make_graphed_callables(
                    module, (ink.clone(), spans.clone()), num_warmup_iters=1, allow_unused_input=True, pool=self._pool
                )
        except RuntimeError as error:
            self._given_up = True
            self._graphs.clear()
            self._log(f"CUDA graphs cannot be recorded, training continues without: {str(error).splitlines()[0]}")
            return None
        self._graphs[ink.shape] = module
        return module
