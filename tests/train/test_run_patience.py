"""A run without progress ends early, with its decay."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from helpers.training_runs import Recorded, recipe, run
from hwr.errors import UsageError
from hwr.metrics import ErrorCounts
from hwr.train.folder import METRICS, TRUNK_RESUME, RunFolder
from hwr.train.recipe import Optimisation, Recipe
from hwr.train.schedule import Progress
from hwr.train.validate import SetResult


def rates(monkeypatch: pytest.MonkeyPatch, values: Iterable[float], blank: int = 0) -> None:
    """The CER of each validation, one for each step; the last one stays."""
    remaining = list(values)

    def validate(network: object, source: Any, *others: object, **options: object) -> SetResult:
        rate = remaining.pop(0) if len(remaining) > 1 else remaining[0]
        return SetResult(source.name, ErrorCounts(round(100_000 * rate), 100_000), 10, blank, ())

    monkeypatch.setattr("hwr.train.run.validate", validate)


def settings(data: Path, patience: int = 3, lines: int = 1000, **changes: Any) -> Recipe:
    """A validation after every step."""
    return recipe(data, lines=lines, patience=patience, validate_minutes=1e-9, **changes)


def told(recorded: Recorded) -> list[str]:
    return [message for message in recorded.reporter.messages if "without progress" in message]


FALLS_FOR_FIVE = (
    0.9,
    0.8,
    0.7,
    0.6,
    0.5,
    0.499,
)  # the last is less than half a percent better: not progress


def test_the_decay_begins_and_keeps_its_share(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rates(monkeypatch, FALLS_FOR_FIVE)
    recorded = run(settings(data), tmp_path / "run")
    lines = [report.lines for report in recorded.reports]
    at = 8  # five validations with progress, then three without
    seen = sum(lines[:at])
    assert recorded.finished and told(recorded) == [
        "3 validations without progress: the mean CER stays near 0.5000; the learning rate falls from here"
    ]
    assert RunFolder(tmp_path / "run").load_state(TRUNK_RESUME)["progress"]["step"] == at
    top = recipe(data).optimisation.learning_rate
    assert recorded.rates[at - 1] == pytest.approx(0.8 * top)  # the warm-up has ten steps
    assert recorded.rates[at + 1] < recorded.rates[at]
    # A fifth of the shortened run is its decay: a quarter of what came before.
    assert sum(lines[:-1]) < 1.25 * seen <= sum(lines) + 1e-6
    events = [json.loads(line) for line in (tmp_path / "run" / METRICS).read_text().splitlines()]
    (early,) = [event for event in events if event["event"] == "early end"]
    assert early["step"] == at and early["share"] == pytest.approx(0.8)


def test_without_decay_the_run_ends(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rates(monkeypatch, FALLS_FOR_FIVE)
    flat = Optimisation(columns_per_batch=1500, warm_up_steps=1, decay_share=0.0)
    recorded = run(settings(data, optimisation=flat), tmp_path / "run")
    assert recorded.finished and len(recorded.reports) == 8
    assert "the run ends here" in told(recorded)[0]


@pytest.mark.parametrize(
    ("patience", "series", "blank"),
    [
        (0, (0.5,), 0),
        (3, tuple(0.98**step for step in range(200)), 0),  # slow, but progress
        (3, (1.0,), 10),  # the blank plateau comes before all progress
        (3, (0.9, 0.9, 0.9, 0.8, 0.8, 0.8, *(0.7 * 0.9**step for step in range(200))), 0),
    ],
)
def test_no_early_end(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch, patience: int, series: tuple[float, ...], blank: int
) -> None:
    rates(monkeypatch, series, blank)
    recorded = run(settings(data, patience, lines=150), tmp_path / "run")
    assert not told(recorded) and recorded.run.trainer.progress.lines >= 150


def test_the_early_end_is_kept_when_a_run_continues(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates(monkeypatch, FALLS_FOR_FIVE)
    whole = run(settings(data), tmp_path / "whole")
    for stop in (6, 9):  # while patience is running out, and in the decay
        folder = tmp_path / f"run-{stop}"
        rates(monkeypatch, FALLS_FOR_FIVE)
        run(settings(data), folder, stop_after=stop)
        after = run(settings(data), folder, resume=True)
        assert after.finished
        assert after.losses == {step: loss for step, loss in whole.losses.items() if step > stop}
        assert after.rates == whole.rates[stop:]


def test_a_run_that_is_made_longer_forgets_its_early_end(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates(monkeypatch, FALLS_FOR_FIVE)
    run(settings(data, lines=250), tmp_path / "run")
    rates(monkeypatch, (0.4 * 0.98**step for step in range(500)))
    longer = run(settings(data, lines=300), tmp_path / "run", resume=True)
    assert longer.reports[0].step == 9 and any("lengthened" in message for message in longer.reporter.messages)
    assert longer.run.trainer.progress.lines >= 300 and not told(longer)


def test_share_of_a_run_that_is_cut_short() -> None:
    settings = Recipe(minutes=100.0, optimisation=Optimisation(decay_share=0.2))
    progress = Progress(seconds=60 * 40.0)
    assert progress.share(settings) == pytest.approx(0.4)
    progress.end_early(settings)
    assert progress.share(settings) == pytest.approx(0.8)
    progress.seconds = 60 * 50.0
    assert progress.share(settings) == pytest.approx(1.0)
    assert progress.share(replace(settings, minutes=200.0)) == pytest.approx(0.25)


def test_patience_is_not_negative() -> None:
    with pytest.raises(UsageError, match="patience"):
        Recipe(patience=-1)
