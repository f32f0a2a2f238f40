"""A dry run: it measures, and writes nothing."""

import re
from pathlib import Path

import pytest

from helpers.training_runs import SPEC, Recorder, recipe, run
from hwr.errors import TrainingError
from hwr.model.network import build
from hwr.train.cost import TIMED_STEPS, estimate_cost
from hwr.train.recipe import Recipe, TrainingSet


def estimated(settings: Recipe, folder: Path, resume: bool = False) -> dict[str, str]:
    table = estimate_cost(settings, folder, Recorder(), resume)
    return dict(re.split(r"  +", line, maxsplit=1) for line in table.splitlines())


def number(figure: str) -> float:
    """The first number of a figure."""
    return float(re.findall(r"[0-9,]*\.?[0-9]+", figure)[0].replace(",", ""))


def test_what_is_measured(tmp_path: Path, data: Path) -> None:
    settings = recipe(data, train=(TrainingSet(str(data), 2.5),), minutes=3.0, lines=0)
    rows = estimated(settings, tmp_path / "run")
    assert rows["drawn"] == "200 lines, weight 2.5"
    network = build(SPEC.replace("{classes}", "5"), auxiliary=True)
    assert rows["weights"] == f"{sum(parameter.numel() for parameter in network.parameters()):,}"
    assert f"in {TIMED_STEPS} steps" in rows["speed"] and number(rows["the run"]) == 3.0
    lines = number(rows["the run"].split(", ", 1)[1])
    assert lines == pytest.approx(180 * number(rows["speed"]), rel=0.1)
    assert number(rows["epochs"]) == pytest.approx(lines / 500, abs=0.01)
    assert 50 < number(rows["peak memory"]) < 10_000
    assert not (tmp_path / "run").exists()


def test_the_end_by_lines_and_the_rest_of_a_run(tmp_path: Path, data: Path) -> None:
    assert estimated(recipe(data, lines=60), tmp_path / "run")["the run"].endswith(" minutes in steps, 60 lines")
    settings = recipe(data, lines=100)
    seen = run(settings, tmp_path / "run", stop_after=4).run.progress.lines
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    rows = estimated(settings, tmp_path / "run", resume=True)
    assert rows["the run"].endswith(f"{100 - seen} lines after {seen}")
    assert before == {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}


def test_no_usable_line(tmp_path: Path, data: Path) -> None:
    settings = recipe(data, train=(TrainingSet(str(data), 0.0),), validation=())
    with pytest.raises(TrainingError, match="no usable line"):
        estimate_cost(settings, tmp_path / "run", Recorder())
