"""Scalars for TensorBoard."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from helpers.training_runs import Recorder, drawn_store, recipe
from hwr.errors import MissingDependency
from hwr.train.reporters import tensorboard
from hwr.train.run import train


class Writer:
    """What TensorBoardReporter uses of torch.utils.tensorboard.SummaryWriter."""

    made: list["Writer"]
    full = False

    def __init__(self, folder: str, purge_step: int) -> None:
        self.folder, self.purge_step, self.closed = folder, purge_step, False
        self.scalars: list[tuple[str, float, int]] = []
        Writer.made.append(self)

    def add_scalar(self, name: str, value: float, step: int) -> None:
        if Writer.full:
            raise OSError(28, "No space left on device")
        self.scalars.append((name, value, step))

    def flush(self) -> None: ...

    def close(self) -> None:
        if Writer.full:
            raise OSError(28, "No space left on device")
        self.closed = True


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Writer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    Writer.made, Writer.full = [], False


def run(folder: Path, resume: bool = False, **changes: Any) -> Recorder:
    recorder = Recorder()
    data = folder.parent / "drawn"
    settings = recipe(data if data.exists() else drawn_store(data, train=60, validation=5), **changes)
    with tensorboard(recorder, folder, True) as reporter:
        train(settings, folder, reporter, resume)
    return recorder


@pytest.mark.usefixtures("fake")
def test_scalars_are_those_that_are_reported(tmp_path: Path) -> None:
    told = run(tmp_path / "run", lines=30)
    (writer,) = Writer.made
    assert writer.folder == str(tmp_path / "run" / "tensorboard") and writer.closed and writer.purge_step == 1
    names = {name for name, _, _ in writer.scalars}
    assert names == {
        "training/loss",
        "training/learning_rate",
        "training/lines_per_second",
        "cer/drawn",
        "cer/mean",
    }
    assert told.messages[0] == f"to see the curves: tensorboard --logdir {tmp_path / 'run'}"
    assert len(told.figures) == 1 and len(told.results) == 1
    rate = told.results[0][0].errors.rate
    assert [value for name, value, _ in writer.scalars if name.startswith("cer/")] == [rate, rate]
    assert ("training/loss", told.figures[0]["loss"], 1) in writer.scalars

    run(tmp_path / "run", resume=True, lines=60)
    assert Writer.made[1].purge_step > 1, "the second session would hide the first"


@pytest.mark.usefixtures("fake")
def test_a_full_disk_is_reported_once_and_does_not_end_the_run(tmp_path: Path) -> None:
    Writer.full = True
    told = run(tmp_path / "run", lines=30)
    (message,) = [message for message in told.messages if "TensorBoard" in message]
    assert "No space left" in message and "tensorboard: cannot be written" in message
    assert len(told.results) == 1


@pytest.mark.usefixtures("fake")
def test_a_disk_that_is_full_at_the_end_does_not_lose_the_result(tmp_path: Path) -> None:
    recorder = Recorder()
    with tensorboard(recorder, tmp_path, True) as reporter:
        reporter.progress({"step": 1, "loss": 1.0, "learning_rate": 0.1, "lines_per_second": 9.0})
        Writer.full = True
    message = recorder.messages[-1]
    assert message.endswith("cannot be written (No space left on device): nothing more is written for TensorBoard")


def test_without_the_package_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with (
        pytest.raises(MissingDependency, match=r"needs the package tensorboard; run: pip install tensorboard$"),
        tensorboard(Recorder(), tmp_path, True),
    ):
        pass
    recorder = Recorder()
    with tensorboard(recorder, tmp_path, False) as reporter:
        assert reporter is recorder


def test_files_that_tensorboard_reads(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra hwr[tensorboard] is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    told = run(tmp_path / "run", lines=30)
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    assert [event.value for event in events.Scalars("cer/mean")] == pytest.approx([told.results[0][0].errors.rate])
