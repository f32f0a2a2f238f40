"""Errors and exit codes: the table of the design, and how the command line reports them."""

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import hwr.cli
from hwr import errors
from hwr.store.splits import find_split


def subclasses(cls: type) -> Iterator[type]:
    for child in cls.__subclasses__():
        yield child
        yield from subclasses(child)


def test_exit_codes_are_those_of_the_design() -> None:
    names = ("OK", "GATE_FAILED", "ERROR", "PARTIAL", "FAULT", "INTERRUPTED", "BROKEN_PIPE")
    assert [getattr(errors, f"EXIT_{name}") for name in names] == [0, 1, 2, 3, 70, 130, 141]


@pytest.mark.parametrize(
    ("done", "failed", "bounds_kept", "code"),
    [(2, 0, True, 0), (0, 0, True, 0), (2, 1, True, 3), (0, 1, True, 2), (2, 0, False, 1), (2, 1, False, 1)],
)
def test_an_outcome_has_the_code_of_the_design(done: int, failed: int, bounds_kept: bool, code: int) -> None:
    assert errors.Outcome(done, failed, bounds_kept).exit_code == code


@pytest.mark.parametrize(("name", "argument"), [("a.png", "a.png"), (Path("my lines"), "'my lines'"), ("$a", "'$a'")])
def test_a_name_in_a_command_can_be_pasted(name: object, argument: str) -> None:
    assert errors.as_argument(name) == argument
    assert shlex.split(f"hwr prepare {argument} -o DIR")[2] == str(name)


@pytest.mark.parametrize("name", ["my lines", "a;b"])
def test_messages_quote_names_in_commands(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).mkdir()
    with pytest.raises(errors.DataError, match=f"`hwr prepare '{name}' -o DIR` makes one"):
        find_split(Path(name), "val")


def test_the_drawn_tree_is_the_real_tree() -> None:
    assert errors.__doc__ is not None
    drawn = {word for word in errors.__doc__.split() if word in vars(errors)}
    # Only those of this module: other modules may refine them.
    real = {child.__name__ for child in subclasses(errors.HwrError) if child.__module__ == errors.__name__}
    assert drawn == real | {"HwrError"}
    assert all(getattr(errors, name).exit_code == 2 for name in drawn)


@pytest.mark.parametrize(
    ("raised", "code", "message"),
    [
        (errors.DataError("set x: empty"), 2, "hwr: error: set x: empty\n"),
        (errors.OutputError("file: the disk is full"), 2, "hwr: error: file: the disk is full\n"),
        (click.UsageError("no such option"), 2, "hwr: error: no such option\n"),
        (KeyboardInterrupt(), 130, "hwr: interrupted\n"),
        (click.exceptions.Abort(), 130, "hwr: interrupted\n"),
        (click.exceptions.Exit(3), 3, ""),
        (click.exceptions.Exit(0), 0, ""),
        (PermissionError(13, "Permission denied", "x.png"), 2, "hwr: error: x.png: Permission denied\n"),
        (errors.InputError("a\nhwr: error: forged"), 2, "hwr: error: a\\nhwr: error: forged\n"),
    ],
)
def test_main_reports_one_line_and_the_code(
    raised: BaseException,
    code: int,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    @click.command()
    def command() -> None:
        raise raised

    monkeypatch.setattr(hwr.cli.LazyGroup, "get_command", lambda *_: command)
    monkeypatch.setattr(sys, "argv", ["hwr", "models"])
    with pytest.raises(SystemExit) as left:
        hwr.cli.main()
    assert left.value.code == code
    captured = capsys.readouterr()
    assert captured.out == ""
    # Click 8 prints "Aborted!" only in its standalone mode, which `main` does not use.
    assert captured.err.removeprefix("\n") == message


def test_verbose_shows_the_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    @click.command()
    def command() -> None:
        raise errors.ModelError("m: truncated")

    monkeypatch.setattr(hwr.cli.LazyGroup, "get_command", lambda *_: command)
    monkeypatch.setattr(sys, "argv", ["hwr", "--verbose", "models"])
    with pytest.raises(SystemExit):
        hwr.cli.main()
    error = capsys.readouterr().err
    assert "Traceback" in error and error.endswith("hwr: error: m: truncated\n")


def test_a_fault_of_the_program_is_code_70_and_its_traceback_is_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    @click.command()
    def command() -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(hwr.cli.LazyGroup, "get_command", lambda *_: command)
    monkeypatch.setattr(sys, "argv", ["hwr", "models"])
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(SystemExit) as left:
        hwr.cli.main()
    error = capsys.readouterr().err
    (trace,) = tmp_path.iterdir()
    assert left.value.code == 70 and error.count("\n") == 1
    assert (
        error.startswith("hwr: error: internal error in hwr")
        and "ZeroDivisionError: by zero" in error
        and str(trace) in error
    )
    assert "Traceback" in trace.read_text() and "by zero" in trace.read_text()


def test_an_unknown_command_is_one_line() -> None:
    result = subprocess.run([sys.executable, "-m", "hwr", "reed"], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("hwr: error: ") and result.stderr.count("\n") == 1
