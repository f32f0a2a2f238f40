"""Saves that fail, are cut off, or come too late."""

import errno
import os
import signal
from pathlib import Path

import pytest

from helpers.children import run_child
from helpers.commands import run_command
from helpers.file_limits import largest_file
from helpers.training_runs import Recorder, read_log, recipe, run
from hwr.errors import OutputError
from hwr.files.atomic import write_file
from hwr.model.checkpoint import load_weights
from hwr.settings import to_toml
from hwr.train.folder import BEST, LAST, METRICS, RESUME, TRUNK, TRUNK_RESUME, RunFolder, Saver
from hwr.train.loop import StepReport
from hwr.train.recipe import Recipe
from hwr.train.run import Run


def killed_in_a_save(settings: Recipe, folder: Path) -> None:
    """For a child process: is killed when half of the fourth resume state is written."""
    original, saves = Path.write_bytes, iter(range(10**9))

    def write_bytes(path: Path, data: bytes) -> int:
        if ".resume.pt." in path.name and next(saves) == 3:
            original(path, data[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        return original(path, data)

    Path.write_bytes = write_bytes  # type: ignore[assignment,method-assign]
    run(settings, folder)


class Disk:
    """A disk that can be full: then half of what is written arrives."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = False
        original = Path.write_bytes

        def write_bytes(path: Path, content: bytes) -> int:
            if not self.full:
                return original(path, content)
            original(path, content[: len(content) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(Path, "write_bytes", write_bytes)


def step_of(folder: Path, name: str = RESUME) -> int:
    step: int = RunFolder(folder).load_state(name)["progress"]["step"]
    return step


def test_a_disk_that_is_full_for_a_while_costs_nothing(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is full from the third step until after the trunk was to be saved."""
    settings = recipe(data, lines=160, save_minutes=1e-9, validate_minutes=1e-9)
    whole = run(settings, tmp_path / "whole")
    trunk, last = step_of(tmp_path / "whole", TRUNK_RESUME), len(whole.reports)
    disk, saved = Disk(monkeypatch), {}

    def after(made: Run, report: StepReport) -> None:
        disk.full = 3 <= report.step <= trunk + 1
        saved[report.step] = step_of(tmp_path / "run")

    recorded = run(settings, tmp_path / "run", after=after)
    assert trunk >= 4 and trunk + 3 <= last, "the run is too short for this test"
    assert recorded.finished and recorded.losses == whole.losses
    assert [saved[step] for step in (1, 2, 3, trunk + 1, trunk + 2, last)] == [1, 2, 3, 3, 3, last]
    told = [message for message in recorded.reporter.messages if "cannot be written" in message]
    assert len(told) == 1 and "No space left" in told[0] and "training continues" in told[0] and "\n" not in told[0]
    assert step_of(tmp_path / "run", TRUNK_RESUME) == trunk
    for name in (BEST, LAST, TRUNK):
        weights, expected = load_weights(tmp_path / "run" / name), load_weights(tmp_path / "whole" / name)
        assert all(weights[key].equal(expected[key]) for key in expected), name
    assert not list((tmp_path / "run").glob(".*")), "something is left of the saves that failed"


def test_a_disk_that_stays_full_ends_the_run_with_one_line(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = recipe(data, lines=60, save_minutes=1e-9)
    whole = run(settings, tmp_path / "whole")
    disk = Disk(monkeypatch)

    def after(made: Run, report: StepReport) -> None:
        disk.full = report.step >= 3

    with pytest.raises(OutputError, match=r"cannot be written: No space left on device$") as error:
        run(settings, tmp_path / "run", after=after)
    assert "\n" not in str(error.value)
    lost = str(error.value).removeprefix("the run ended without saving ").partition(": ")[0].split(", ")
    assert {BEST, LAST, RESUME} <= set(lost) and not error.value.partial
    assert step_of(tmp_path / "run") == 3 and load_weights(tmp_path / "run" / LAST)
    disk.full = False
    again = run(settings, tmp_path / "run", resume=True)
    assert again.losses == {step: loss for step, loss in whole.losses.items() if step > 3}


def test_files_that_may_not_grow(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The system refuses the resume states, but not the models and the short log: a part of the results is there."""
    file = tmp_path / "recipe.toml"
    file.write_text(to_toml(recipe(data, lines=20, save_minutes=1e-9)), encoding="utf-8")
    with largest_file(20_000):
        done = run_command(monkeypatch, capsys, "train", "--recipe", file, "--no-cache", "-o", tmp_path / "run")
    assert done.code == 3 and done.out == "" and "Traceback" not in done.err
    assert "(the model is complete): " in done.err and load_weights(tmp_path / "run" / BEST)
    told = [line for line in done.err.splitlines() if "File too large" in line]
    assert len(told) == 2 and "training continues" in told[0] and told[1].startswith("hwr: error: ")
    assert read_log(tmp_path / "run")[-1]["event"] == "end"
    assert not list((tmp_path / "run").glob(".*"))


def test_a_process_killed_in_a_save_leaves_the_save_before(tmp_path: Path, data: Path) -> None:
    settings = recipe(data, lines=60, save_minutes=1e-9)
    whole = run(settings, tmp_path / "whole")
    done = run_child(tmp_path, killed_in_a_save, settings, tmp_path / "run")
    assert done.code == -signal.SIGKILL, done.err
    assert len(list((tmp_path / "run").glob(".resume.pt.*.tmp"))) == 1
    assert step_of(tmp_path / "run") == 3
    again = run(settings, tmp_path / "run", resume=True)
    assert again.losses == {step: loss for step, loss in whole.losses.items() if step > 3}
    assert not list((tmp_path / "run").glob(".*")), "the half-written file is still there"


def test_events_wait_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reporter = Recorder()
    saver, full, original = Saver(RunFolder(tmp_path), reporter.message), [False], RunFolder.append_log

    def append_log(folder: RunFolder, lines: str) -> None:
        if full[0]:
            raise OutputError("no room")
        original(folder, lines)

    monkeypatch.setattr(RunFolder, "append_log", append_log)
    for step in range(8):
        full[0] = step in (2, 3, 6)
        saver.log({"step": step})
    saver.finish()
    assert [event["step"] for event in read_log(tmp_path)] == list(range(8))
    assert 1 <= len(reporter.messages) <= 2 and "no room; training continues" in reporter.messages[0]


def test_half_an_event_does_not_stay(tmp_path: Path) -> None:
    log = RunFolder(tmp_path)
    log.append_log("a" * 990 + "\n")
    with largest_file(1000), pytest.raises(OutputError, match=r"metrics\.jsonl: cannot be written: File too large$"):
        log.append_log("b" * 90 + "\n")
    assert (tmp_path / METRICS).read_text() == "a" * 990 + "\n"


def test_a_model_that_is_saved_is_complete_without_the_resume_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saver, original = Saver(RunFolder(tmp_path), Recorder().message), write_file

    def write(path: Path, content: bytes) -> None:
        if path.name == RESUME:
            raise OutputError(f"{path}: no room")
        original(path, content)

    monkeypatch.setattr("hwr.train.folder.write_file", write)
    (tmp_path / LAST).write_bytes(b"a model")
    saver.save_state(RESUME, {"x": 1})
    with pytest.raises(OutputError, match=r"without saving resume\.pt \(the model is complete\): .*no room") as error:
        saver.finish()
    assert error.value.partial and error.value.exit_code == 3


def test_other_processes_write_nothing(tmp_path: Path) -> None:
    saver = Saver(RunFolder(tmp_path / "run"), Recorder().message, writes=False)
    saver.log({"step": 1})
    saver.save_state(RESUME, {"x": 1})
    saver.finish()
    assert not (tmp_path / "run").exists()
