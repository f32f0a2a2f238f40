"""Errors and exit codes: the table of the design, and how the command line reports them."""

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

import hwr.cli
from hwr import errors


def subclasses(cls: type) -> Iterator[type]:
    for child in cls.__subclasses__():
        yield child
        yield from subclasses(child)


def test_exit_codes_are_those_of_the_design() -> None:
    codes = (errors.EXIT_OK, errors.EXIT_GATE_FAILED, errors.EXIT_ERROR, errors.EXIT_PARTIAL, errors.EXIT_INTERRUPTED)
    assert codes == (0, 1, 2, 3, 130)


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
        (KeyboardInterrupt(), 130, ""),
        (click.exceptions.Abort(), 130, ""),
        (click.exceptions.Exit(3), 3, ""),
        (click.exceptions.Exit(0), 0, ""),
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


def test_an_unknown_command_is_one_line() -> None:
    result = subprocess.run([sys.executable, "-m", "hwr", "reed"], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("hwr: error: ") and result.stderr.count("\n") == 1
