"""A dry run: it measures, and changes nothing."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_synthesis import synthesis, use_drawn_lines
from training_runs import SPEC, Recorder, drawn_bundle, drawn_lines, recipe, run

from hwr.errors import DataError, TrainingError
from hwr.model.network import build
from hwr.train.cost import TIMED_STEPS, Cost, SetSize, cost_table, measure_cost
from hwr.train.loop import Trainer
from hwr.train.recipe import Recipe, TrainingSet
from hwr.train.run import Session, dry_run


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_bundle(tmp_path_factory.mktemp("bundle"))


def opened(settings: Recipe, folder: Path) -> Session:
    return Session(settings, folder, Recorder())


def test_what_is_measured(tmp_path: Path, data: Path) -> None:
    settings = recipe(data, train=(TrainingSet(str(data), 2.5),), minutes=3.0, lines=0)
    cost = measure_cost(opened(settings, tmp_path / "run"))
    characters = [sum(len(line.text) for line in drawn_lines(count, seed)) for count, seed in ((200, 0), (20, 1))]
    assert cost.sets == (SetSize("drawn", 200, characters[0], 2.5), SetSize("drawn", 20, characters[1], None))
    assert cost.lines_an_epoch == 500
    network = build(SPEC.replace("{classes}", "5"), auxiliary=True)
    assert cost.weights == sum(parameter.numel() for parameter in network.parameters())
    assert cost.steps == TIMED_STEPS and cost.lines_per_second > 0 and 0 < cost.reading_share < 1
    assert cost.minutes == pytest.approx(3.0)
    # Reading does not run on the clock of a run.
    assert cost.lines == pytest.approx(180 * cost.lines_per_second / (1 - cost.reading_share))
    assert np.mean([line.ink.shape[1] for line in drawn_lines(200)]) == pytest.approx(cost.columns, rel=0.15)
    assert cost.memory is not None and 50e6 < cost.memory < 10e9
    assert not (tmp_path / "run").exists()


def test_size_of_the_run_folder(tmp_path: Path, data: Path) -> None:
    settings = recipe(data, lines=60)
    cost = measure_cost(opened(settings, tmp_path / "none"))
    run(settings, tmp_path / "run")
    written = sum(path.stat().st_size for path in (tmp_path / "run").iterdir())
    onnx = (tmp_path / "run" / "best.safetensors").stat().st_size  # which only `train` writes, of about this size
    assert cost.disk == pytest.approx(written + onnx, rel=0.2)


def test_the_end_by_lines(tmp_path: Path, data: Path) -> None:
    cost = measure_cost(opened(recipe(data, lines=60), tmp_path / "run"))
    assert (cost.lines, cost.lines_before) == (60, 0)
    assert cost.minutes == pytest.approx(60 / cost.lines_per_second * (1 - cost.reading_share) / 60)


@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
def test_a_run_after_a_dry_run_is_the_same(tmp_path: Path, data: Path, optimiser: str) -> None:
    settings = recipe(data, lines=40, exclude="x")
    settings = replace(settings, optimisation=replace(settings.optimisation, optimiser=optimiser))
    whole = run(settings, tmp_path / "whole")
    session = opened(settings, tmp_path / "run")
    before = {name: tensor.clone() for name, tensor in session.trainer.network.state_dict().items()}
    measure_cost(session)
    for network in (session.trainer.network, session.trainer.average):
        assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert session.trainer.progress.step == 0 and session.trainer.progress.seconds == 0.0
    losses = {}
    observer = type(
        "Observer",
        (),
        {
            "step": lambda self, report, progress: losses.update({report.step: report.loss}),
            "trunk": lambda self, trainer: None,
            "due": lambda self, trainer: None,
        },
    )
    session.trainer.run(observer(), lambda: False)
    assert losses == whole.losses


def test_a_run_that_goes_on(tmp_path: Path, data: Path) -> None:
    settings = recipe(data, lines=100)
    done = run(settings, tmp_path / "run", stop_after=4)
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    table = dry_run(settings, tmp_path / "run", Recorder(), resume=True)
    seen = done.session.trainer.progress.lines
    assert re.search(rf"^the run .* {100 - seen} lines after {seen}$", table, re.M)
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before


def test_synthetic_lines_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_drawn_lines(monkeypatch)
    monkeypatch.setattr("hwr.train.batches.SYNTHETIC_POOL", 64)
    settings = recipe(tmp_path, train=(), validation=(), lines=60, synthesis=synthesis(workers=0, characters="abcd"))
    table = dry_run(settings, tmp_path / "run", Recorder())
    assert "synthetic lines" in table and "one epoch     no data sets" in table


def test_data_that_cannot_be_used(tmp_path: Path, data: Path) -> None:
    with pytest.raises(DataError, match="no training data"):
        dry_run(Recipe(), tmp_path / "run", Recorder())
    with pytest.raises(TrainingError, match="no usable line"):
        dry_run(recipe(data, train=(TrainingSet(str(data), weight=0.0),)), tmp_path / "run", Recorder())
    session = opened(recipe(data), tmp_path / "run")
    session.trainer.planner.exclude = "abcd"
    with pytest.raises(TrainingError, match=r"no usable line.*200 excluded"):
        measure_cost(session)


def test_the_table() -> None:
    cost = Cost(
        sets=(SetSize("letters", 12_000, 480_000, 2.5), SetSize("forms", 300, 9_000, None)),
        machine="x86_64, 2 threads, cpu, bf16",
        weights=2_413_000,
        multiplications=480.2e6,
        columns=486.4,
        steps=12,
        lines_per_second=50.0,
        reading_share=0.021,
        minutes=60.0,
        lines=183_870.0,
        lines_before=1_000,
        memory=3 * 2**30,
        disk=100 * 2**20,
    )
    table = cost_table(cost, Recipe()).splitlines()
    words = [line.split() for line in table]
    assert ["letters", "12,000", "480,000", "2.5", "30,000"] in words
    assert ["forms", "300", "9,000", "-", "-"] in words
    assert table[5:] == [
        "machine       x86_64, 2 threads, cpu, bf16",
        "weights       2,413,000",
        "mean line     486 columns, 480.2 million multiplications to read",
        "speed         50.0 lines a second, over 12 steps",
        "reading data  2% of the time",
        "one epoch     0.17 hours",
        "the run       60.0 minutes spent in steps, 183,870 lines after 1,000",
        "epochs        6.13",
        "peak memory   3,072 MiB",
        "run folder    100.0 MiB",
    ]


def test_slow_steps_are_few(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session, original = opened(recipe(data), tmp_path / "run"), Trainer.timed_step
    monkeypatch.setattr(Trainer, "timed_step", lambda *given: replace(original(*given), seconds=20.0))
    assert measure_cost(session).steps == 2
