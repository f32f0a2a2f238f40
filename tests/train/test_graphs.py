"""CUDA graphs of passes. What they do to a shape is tested on the CPU with a recorder that only counts."""

import copy
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from helpers.training_runs import FOREVER, SPEC, Recorder, drawn_store, recipe
from hwr.model.network import build
from hwr.train.graphs import MAX_GRAPHS, GraphedPass
from hwr.train.loss import span_mask
from hwr.train.processes import ForwardPass
from hwr.train.recipe import Optimisation
from hwr.train.run import train


class Recordings:
    """Takes the place of torch's recorder."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: str = "") -> None:
        self.shapes: list[torch.Size] = []
        self.error = error
        monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: None)
        monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
        monkeypatch.setattr(torch.cuda, "make_graphed_callables", self.record)

    def record(self, module: nn.Module, arguments: tuple[Tensor, ...], **settings: Any) -> nn.Module:
        if self.error:
            raise RuntimeError(f"{self.error}\nand more")
        self.shapes.append(arguments[0].shape)
        return module


def passes(told: list[str]) -> tuple[GraphedPass, list[torch.Size]]:
    torch.manual_seed(0)
    network = build(SPEC.replace("{classes}", "5"), auxiliary=True)
    plain, seen = ForwardPass(network), []

    def counted(ink: Tensor, spans: Tensor | None) -> tuple[Tensor, Tensor | None]:
        seen.append(ink.shape)
        result: tuple[Tensor, Tensor | None] = plain(ink, spans)
        return result

    return GraphedPass(network, counted, nullcontext, told.append), seen  # type: ignore[arg-type]


def lines(count: int, width: int) -> tuple[Tensor, Tensor]:
    return torch.rand(count, 1, 48, width), torch.ones(count, width // 4)


def test_a_shape_is_recorded_when_it_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    recordings, told = Recordings(monkeypatch), []
    graphed, plain = passes(told)
    for _ in range(3):
        graphed(*lines(2, 64))
    graphed(*lines(3, 64))
    assert [tuple(shape) for shape in plain] == [(2, 1, 48, 64), (3, 1, 48, 64)]
    assert [tuple(shape) for shape in recordings.shapes] == [(2, 1, 48, 64)]
    assert not told


def test_without_spans_nothing_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    recordings = Recordings(monkeypatch)
    graphed, plain = passes([])
    for _ in range(4):
        graphed(lines(2, 64)[0], None)
    assert len(plain) == 4 and not recordings.shapes


def test_there_is_an_end_to_the_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    recordings = Recordings(monkeypatch)
    monkeypatch.setattr("hwr.train.graphs.MAX_GRAPHS", 3)
    graphed, _ = passes([])
    for width in range(32, 32 * 8, 32):
        graphed(*lines(1, width))
        graphed(*lines(1, width))
    assert len(recordings.shapes) == 3 < MAX_GRAPHS


def test_where_recording_fails_training_continues_and_says_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    recordings, told = Recordings(monkeypatch, error="operation not permitted"), []
    graphed, plain = passes(told)
    for _ in range(3):
        graphed(*lines(2, 64))
        graphed(*lines(2, 128))
    assert len(plain) == 6 and not recordings.shapes
    assert told == ["CUDA graphs cannot be recorded, training continues without: operation not permitted"]


@pytest.mark.gpu
def test_a_replayed_pass_gives_the_gradients_of_a_plain_one() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    device = torch.device("cuda")
    torch.manual_seed(0)
    network = build("[1,48,0,1 Ci3,3,8,2,2 Mp2,2 Mp0,1 Lbx16 O1c5]", auxiliary=True).to(device).train()
    twin = copy.deepcopy(network)
    graphed = GraphedPass(network, ForwardPass(network), lambda: torch.autocast("cuda", enabled=False))
    for _ in range(4):
        ink = torch.rand(4, 1, 48, 64, device=device)
        spans = span_mask(4, 16, 3, 8, device)
        outputs = []
        for module, run in ((network, graphed), (twin, ForwardPass(twin))):
            module.zero_grad(set_to_none=True)
            log_probs, auxiliary = run(ink, spans)
            (log_probs.square().mean() + auxiliary.square().mean()).backward()
            outputs.append(log_probs.detach().clone())
        assert torch.allclose(*outputs, atol=1e-5)
        for one, other in zip(network.parameters(), twin.parameters(), strict=True):
            assert torch.allclose(one.grad, other.grad, atol=1e-5)


@pytest.mark.gpu
def test_a_run_with_graphs_and_a_feeding_thread_learns(tmp_path: Path) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    data = drawn_store(tmp_path / "store")
    settings = recipe(
        data,
        lines=4000,
        minutes=FOREVER,
        precision="bf16",
        graphs=True,
        optimisation=Optimisation(columns_per_batch=1500, warm_up_steps=10, span_time_steps=2, time_steps_per_span=20),
    )
    reporter = Recorder()
    result = train(settings, tmp_path / "run", reporter)
    assert result.finished and result.progress.non_finite == 0
    losses = [figures["loss"] for figures in reporter.figures]
    assert losses[-1] < losses[0]
    assert not any("graphs" in message for message in reporter.messages)
