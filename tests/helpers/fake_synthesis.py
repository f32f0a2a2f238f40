"""Generators of lines for tests of training: drawn strokes, and all that can go wrong in a process of its own."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers.drawn_letters import CHARACTERS, drawn_line
from hwr.errors import InputError
from hwr.synth.options import SynthOptions
from hwr.train.recipe import Synthesis

FACTORY = "helpers.fake_synthesis:DrawnLines"


@dataclass(frozen=True)
class Drawn:
    """A line image and its text."""

    grey: NDArray[np.uint8]
    text: str


class DrawnLines:
    """Lines of random letters. The name of the file of strokes says what goes wrong: `WHAT` or `WHAT-LINE`."""

    def __init__(
        self, options: SynthOptions, alphabet: str | None, report: Callable[[str], None] = lambda message: None
    ) -> None:
        assert options.strokes is not None
        self.what, _, line = options.strokes.name.partition("-")
        self.at = int(line or -1)
        self.letters = [letter for letter in CHARACTERS if alphabet is None or letter in alphabet]
        if self.what == "missing":
            raise InputError(f"{options.strokes}: no such file")
        if self.what == "library":
            import a_library_that_does_not_exist  # noqa: F401
        if self.what == "prints":
            report("one font left out")
            print("a library says hello")
            os.write(1, b"\x80 even this\n")
        if self.what == "leaves":
            os.write(2, b"out of memory\n")
            os._exit(9)

    def ink(self, seed: int, index: int) -> Drawn:
        return self.line(seed, index)

    def line(self, seed: int, index: int) -> Drawn:
        if index == self.at:
            if self.what == "fails":
                raise ValueError("of no use\nat all")
            if self.what == "dies":
                os.kill(os.getpid(), 9)
            if self.what == "hangs":
                time.sleep(600)
        generator = np.random.default_rng([seed, index])
        text = "".join(generator.choice(self.letters, int(generator.integers(2, 9))))
        return Drawn(255 - drawn_line(text), text)


def synthesis(strokes: str = "strokes.npz", **settings: object) -> Synthesis:
    """A table `[synthesis]` that names the fault of `DrawnLines`."""
    return Synthesis(strokes=Path(strokes), **settings)  # type: ignore[arg-type]


def use_drawn_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let runs take their synthetic lines from `DrawnLines`, in their own process and in workers."""
    monkeypatch.setattr("hwr.train.synthetic.FACTORY", FACTORY)
