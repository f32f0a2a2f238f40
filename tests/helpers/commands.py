"""Run `hwr` in the test's own process, and keep what it left."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

import hwr.cli


@dataclass
class Outcome:
    """What a run of the program left."""

    code: int
    out: str
    err: str


def run_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object
) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `hwr` with `arguments`."""
    capsys.readouterr()
    monkeypatch.setattr(sys, "argv", ["hwr", *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        hwr.cli.main()
    captured = capsys.readouterr()
    return int(left.value.code or 0), captured.out, captured.err


def without_doubts(err: str) -> str:
    """What was printed on stderr, without warnings that a reading is bad: the tiny model reads nothing well."""
    doubts = ("most of them are probably wrong", "since it reads better", "may be writing up or down the page")
    return "".join(line for line in err.splitlines(keepends=True) if not line.rstrip("\n").endswith(doubts))


Run = Callable[..., Outcome]
