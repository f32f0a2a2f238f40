"""The training loop: steps, skipped losses, the clock, the running average."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor

from helpers.training_runs import (
    CHARACTERS,
    QUICK_SPEC,
    SPEC,
    Drawn,
    Recorded,
    drawn_line,
    drawn_store,
    opened,
    plain,
    recipe,
    run,
    write_drawn,
)
from hwr.errors import TrainingError
from hwr.model.network import build
from hwr.text import Alphabet
from hwr.train import loading, loop
from hwr.train.batches import PoolBuilder
from hwr.train.device import Device
from hwr.train.loop import MAX_NON_FINITE, StepReport, Trainer
from hwr.train.recipe import Optimisation, Recipe


class Training(Trainer):
    """A trainer with the batches of one set of drawn lines."""

    def __init__(self, data: Path, settings: Recipe, weight: float = 1.0) -> None:
        torch.manual_seed(0)
        network = build(SPEC.replace("{classes}", "5"), auxiliary=True)
        super().__init__(network, settings, Device(torch.device("cpu"), "fp32"))
        self.builder = PoolBuilder([opened(data)], [weight], Alphabet(CHARACTERS), network.stride, settings)

    def go(self, observer: loop.Observer, stop: Callable[[], bool] = lambda: False) -> bool:
        batches = loading.load_batches(self.builder, self.progress, torch.device("cpu"))
        return self.run(batches, observer, stop)


trainer_of = Training


class Listener:
    """Keeps reports; calls `after` at the end of each step."""

    def __init__(self, after: Callable[[], None] = lambda: None) -> None:
        self.reports: list[StepReport] = []
        self.trunks: list[int] = []
        self.after = after

    def after_step(self, report: StepReport) -> None:
        self.reports.append(report)
        self.after()

    def before_decay(self) -> None:
        self.trunks.append(len(self.reports))


def test_lines_and_characters_are_counted(data: Path) -> None:
    trainer, listener = trainer_of(data, recipe(data, lines=120)), Listener()
    assert trainer.go(listener, lambda: False)
    progress = trainer.progress
    assert progress.step == len(listener.reports) and [r.step for r in listener.reports] == list(
        range(1, progress.step + 1)
    )
    assert sum(report.lines for report in listener.reports) == progress.lines >= 120
    assert progress.lines - listener.reports[-1].lines < 120, "the run continued after it had seen enough"
    assert progress.seconds == pytest.approx(sum(report.seconds for report in listener.reports))
    assert 3 * progress.lines < progress.characters < 7 * progress.lines
    assert len(listener.trunks) == 1 and 0 < listener.trunks[0] < progress.step


def test_running_average_equals_a_slow_twin(data: Path) -> None:
    settings = recipe(data, lines=150, optimisation=Optimisation(columns_per_batch=1500, warm_up_steps=1, ema=0.5))
    trainer = trainer_of(data, settings)
    expected = {name: tensor.clone() for name, tensor in trainer.network.state_dict().items()}
    start = {name: tensor.clone() for name, tensor in expected.items()}

    def after() -> None:
        step = trainer.progress.step - 1
        decay = min(0.5, (1 + step) / (10 + step))
        for name, tensor in trainer.network.state_dict().items():
            if tensor.is_floating_point():
                expected[name] = decay * expected[name] + (1 - decay) * tensor

    trainer.go(Listener(after), lambda: False)
    average = trainer.average.state_dict()
    moved = 0.0
    for name, tensor in expected.items():
        if tensor.is_floating_point():
            torch.testing.assert_close(average[name], tensor, rtol=1e-5, atol=1e-6)
            moved = max(moved, float((average[name] - start[name]).abs().max()))
    assert moved > 0.01 and trainer.progress.step > 10
    assert any(not torch.equal(average[name], tensor) for name, tensor in trainer.network.state_dict().items())


def test_gradients_are_clipped_and_only_matrices_decay(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = trainer_of(data, recipe(data, lines=10, optimisation=Optimisation(clip_norm=1e-3, warm_up_steps=1)))
    norms = []
    original = trainer.optimiser.step

    def step(rate: float) -> None:
        gradients = [p.grad for p in trainer.network.parameters() if p.grad is not None]
        norms.append(float(torch.stack([g.norm() for g in gradients]).norm()))
        original(rate)

    monkeypatch.setattr(trainer.optimiser, "step", step)
    trainer.go(Listener(), lambda: False)
    assert norms and all(norm <= 1.01e-3 for norm in norms)
    groups = [group for part in trainer.optimiser.parts for group in part.param_groups]
    decays = {p.ndim > 1: group["weight_decay"] for group in groups for p in group["params"]}
    assert decays == {True: 0.01, False: 0.0}
    assert sum(len(group["params"]) for group in groups) == len(list(trainer.network.parameters()))


def spoiled(monkeypatch: pytest.MonkeyPatch, calls: Callable[[int], bool], value: float = float("nan")) -> None:
    """Make the loss of the calls (from 0) that `calls` names non-finite."""
    original, count = loop.ctc_loss, iter(range(10**9))

    def loss(*arguments: Tensor) -> Tensor:
        return original(*arguments) * (value if calls(next(count)) else 1.0)

    monkeypatch.setattr(loop, "ctc_loss", loss)


def one_head(data: Path, **changes: object) -> Recipe:
    """One call of the loss a step."""
    return recipe(
        data, optimisation=Optimisation(columns_per_batch=1500, warm_up_steps=1, auxiliary_weight=0.0), **changes
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_non_finite_loss_is_skipped_and_counted(data: Path, monkeypatch: pytest.MonkeyPatch, value: float) -> None:
    trainer = trainer_of(data, one_head(data, lines=200))
    spoiled(monkeypatch, lambda call: call in (2, 3, 5), value)
    weights: list[Tensor] = []
    listener = Listener(lambda: weights.append(trainer.network.output.weight.detach().clone()))
    assert trainer.go(listener, lambda: False)
    assert (trainer.progress.non_finite, trainer.progress.non_finite_in_a_row) == (3, 0)
    finite = [torch.isfinite(torch.tensor(report.loss)).item() for report in listener.reports]
    assert [number for number, value in enumerate(finite) if not value] == [2, 3, 5]
    same = [torch.equal(a, b) for a, b in pairwise(weights[:7])]
    assert same == [False, True, True, False, True, False]


def test_ink_that_is_not_finite_leaves_no_trace(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The norms' running statistics see a batch before the loss is known."""
    trainer = trainer_of(data, one_head(data, lines=100))
    original, count = loading.augment, iter(range(10**9))

    def augment(*arguments: object) -> Tensor:
        ink: Tensor = original(*arguments)  # type: ignore[arg-type]
        return ink * float("nan") if next(count) == 2 else ink

    monkeypatch.setattr(loading, "augment", augment)
    trainer.go(Listener(), lambda: False)
    assert trainer.progress.non_finite == 1
    for network in (trainer.network, trainer.average):
        for name, tensor in network.state_dict().items():
            assert torch.isfinite(tensor.float()).all(), name


def test_loss_that_stays_non_finite_ends_the_run_with_advice(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = trainer_of(data, one_head(data, lines=10_000))
    spoiled(monkeypatch, lambda call: call >= 4)
    with pytest.raises(TrainingError, match=f"{MAX_NON_FINITE} consecutive steps.*lower learning_rate.*fp32"):
        trainer.go(Listener(), lambda: False)
    assert trainer.progress.non_finite == MAX_NON_FINITE
    assert all(torch.isfinite(parameter).all() for parameter in trainer.network.parameters())


def test_stalled_steps_do_not_count_as_minutes(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step of a second; the sixtieth is stopped from outside for an hour."""
    trainer = trainer_of(data, recipe(data, lines=10_000))
    monkeypatch.setattr(trainer, "_update", lambda batch, rate, strength: 1.0)
    times = [0.0]
    starts_and_ends = iter(range(10**9))

    def clock() -> float:
        call = next(starts_and_ends)
        if call % 2:
            times[0] += 3600.0 if call // 2 == 59 else 1.0
        return times[0]

    monkeypatch.setattr(loop.time, "perf_counter", clock)
    trainer.go(Listener(), lambda: trainer.progress.step >= 70)
    assert trainer.progress.seconds == 70.0


def test_minutes_end_a_run(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = trainer_of(data, recipe(data, minutes=2.0, lines=0))
    monkeypatch.setattr(trainer, "_update", lambda batch, rate, strength: 1.0)
    seconds = iter(range(0, 10**9, 5))  # each call is five seconds later: so is each step
    monkeypatch.setattr(loop.time, "perf_counter", lambda: float(next(seconds)))
    listener = Listener()
    assert trainer.go(listener, lambda: False)
    assert trainer.progress.seconds == 120.0 and trainer.progress.step == 24
    assert listener.trunks == [20]  # 96 seconds are four fifths


def test_a_deadline_ends_a_longer_run(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour is asked for, two minutes are given: the learning rate falls from the first step on."""
    trainer = trainer_of(data, recipe(data, minutes=60.0, lines=0))
    trainer.deadline = 120.0
    monkeypatch.setattr(trainer, "_update", lambda batch, rate, strength: 1.0)
    seconds = iter(range(0, 10**9, 5))
    monkeypatch.setattr(loop.time, "perf_counter", lambda: float(next(seconds)))
    monkeypatch.setattr(loop.time, "monotonic", lambda: 5.0 * trainer.progress.step)
    listener = Listener()
    assert trainer.go(listener, lambda: trainer.progress.step > 100)
    assert (trainer.progress.seconds, trainer.progress.step) == (3600.0, 24)
    assert listener.trunks == [1]


def test_an_epoch_without_a_share_of_the_data_is_skipped(tmp_path: Path) -> None:
    """One group with weight one half: about every second epoch has nothing to show."""
    write_drawn(tmp_path / "train.parquet", [Drawn(drawn_line("abcd"), "abcd", "id")])
    trainer = trainer_of(tmp_path, recipe(tmp_path, lines=12), 0.5)
    assert trainer.go(Listener(), lambda: False)
    assert trainer.progress.lines == 12 and trainer.progress.epoch > 14


def mean(losses: list[float]) -> float:
    return sum(losses) / len(losses)


def test_a_tiny_network_learns_to_read_drawn_lines(tmp_path: Path) -> None:
    """It overfits to an easy alphabet: the CER on lines that it has not seen falls below 0.2."""
    drawn_store(tmp_path / "store", train=400, validation=40)
    settings = recipe(
        tmp_path / "store",
        lines=1500,
        augment=plain(),
        spec=QUICK_SPEC,
        optimisation=Optimisation(
            learning_rate=0.02, columns_per_batch=1500, warm_up_steps=10, span_time_steps=0, ema=0.95
        ),
    )
    recorded: Recorded = run(settings, tmp_path / "run")
    losses = [report.loss for report in recorded.reports]
    assert mean(losses[-10:]) < 0.3 * mean(losses[:10])
    (result,) = recorded.reporter.results[-1]
    assert result.lines == 40 and result.errors.rate < 0.2
