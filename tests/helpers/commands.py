"""Run `hwr` in the test's own process, and keep what it printed."""

import json
import re
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

import hwr.cli


class Outcome(NamedTuple):
    """Exit code and output of a command."""

    code: int
    out: str
    err: str

    @property
    def messages(self) -> list[str]:
        """The lines on stderr."""
        return self.err.splitlines()

    @property
    def error(self) -> str:
        """The message of a command that failed with exit code 2, one line on stderr and nothing on stdout."""
        assert (self.code, self.out) == (2, ""), self
        assert self.err.startswith("hwr: error: ") and self.err.count("\n") == 1, self.err
        return self.err.removeprefix("hwr: error: ").rstrip("\n")

    @property
    def report(self) -> dict[str, Any]:
        """The JSON object on stdout."""
        result: dict[str, Any] = json.loads(self.out)
        return result

    @property
    def counts(self) -> dict[str, int]:
        """The first number of each row of the tables on stdout."""
        rows = (re.fullmatch(r"(\S.*?)  +([\d,]+)(?:  .*)?", row) for row in self.out.splitlines())
        return {row[1]: int(row[2].replace(",", "")) for row in rows if row}


Run = Callable[..., Outcome]
"""Run a command with these arguments."""


def run_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object) -> Outcome:
    """Run `hwr` with these arguments."""
    capsys.readouterr()
    monkeypatch.setattr(sys, "argv", ["hwr", *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        hwr.cli.main()
    captured = capsys.readouterr()
    return Outcome(int(left.value.code or 0), captured.out, captured.err)


def without_doubts(err: str) -> str:
    """Return stderr without warnings that a reading is bad: the tiny model reads nothing well."""
    doubts = ("most of them are probably wrong", "since it reads better", "may be writing up or down the page")
    return "".join(line for line in err.splitlines(keepends=True) if not line.rstrip("\n").endswith(doubts))
