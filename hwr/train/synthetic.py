"""Synthetic lines of a run.

A line depends on the seed of the run and its number alone: which process makes it, and when, does not matter. Every
pool has numbers of its own, so none comes twice. The processes that build pools make their lines.
"""

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from hwr.errors import HwrError, MissingDependency, TrainingError
from hwr.files.images import GreyImage
from hwr.line import normalise_line
from hwr.text import normalise_text
from hwr.train.cache import TrainingLine
from hwr.train.recipe import Synthesis

FACTORY = "hwr.synth.generator:LineGenerator"
"""Name of the class that makes the lines."""

SURVEYED_LINES = 1000
"""Number of lines whose characters are the alphabet of a run without data and without a list of characters."""


class Text(Protocol):
    """Something with a text."""

    @property
    def text(self) -> str: ...


class LineImage(Text, Protocol):
    """A line image with its text: ink dark, paper bright."""

    @property
    def grey(self) -> GreyImage: ...


class Generator(Protocol):
    """Makes line `index` of the lines that belong to `seed`, or its ink only."""

    def ink(self, seed: int, index: int) -> Text: ...

    def line(self, seed: int, index: int) -> LineImage: ...


class SyntheticLines:
    """The synthetic lines of a run and their share of all lines. A copy in another process opens the files again.

    Args:
        alphabet: characters that the lines may have; None: any.
        height: rows of the lines.
    """

    def __init__(self, options: Synthesis, alphabet: str | None, height: int, seed: int) -> None:
        self.options, self._alphabet, self._height = options, alphabet, height
        self._seed = seed % 2**63
        self._factory = FACTORY
        self._generator: Generator | None = None

    def open(self, log: Callable[[str], None] = lambda text: None) -> Generator:
        """Open all files, unless they are open; `log` is called for each font that cannot be used.

        Raises:
            HwrError: a file is missing or broken, a library is missing.
        """
        if self._generator is None:
            with _clear_errors("synthesis cannot begin"):
                module, _, name = self._factory.partition(":")
                factory = getattr(importlib.import_module(module), name)
                self._generator = factory(self.options, self._alphabet, log)
        assert self._generator is not None
        return self._generator

    def take(self, first: int, count: int) -> list[TrainingLine]:
        """Return lines `first` to `first + count - 1` of the run.

        Raises:
            HwrError: as `open`.
            TrainingError: a line cannot be made.
        """
        return [self._line(index) for index in range(first, first + count)]

    def text(self, index: int) -> str:
        """Return the text of line `index`."""
        generator = self.open()
        with _clear_errors(f"synthetic line {index}"):
            return normalise_text(generator.ink(self._seed, index).text)

    def _line(self, index: int) -> TrainingLine:
        generator = self.open()
        with _clear_errors(f"synthetic line {index}"):
            line = generator.line(self._seed, index)
            ink = normalise_line(line.grey, self._height)
            return TrainingLine(ink, normalise_text(line.text), f"synthetic-{index}")

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_generator": None}


def synthetic_characters(options: Synthesis, survey: bool, seed: int) -> Iterator[str]:
    """Yield the characters that synthesis adds to the alphabet of a run: those that `options` names.

    If it names none and `survey` is true, they are those of the first lines that the sources give.

    Raises:
        HwrError: see `SyntheticLines`.
    """
    found = set(options.characters)
    if not found and survey:
        lines = SyntheticLines(options, None, 1, seed)
        found = {character for index in range(SURVEYED_LINES) for character in lines.text(index)}
    visible = sorted(found - {" "})
    yield from visible
    if " " in found and visible:
        yield f"{visible[-1]} {visible[-1]}"  # alone it would be trimmed


@contextmanager
def _clear_errors(what: str) -> Iterator[None]:
    """Turn every failure into one clear line: hours of training depend on it."""
    try:
        yield
    except HwrError:
        raise
    except ImportError as error:
        raise MissingDependency(f"{what}: it needs {error.name}, which cannot be imported ({error})") from error
    except Exception as error:
        first = (str(error).splitlines() or [""])[0]
        raise TrainingError(f"{what}: {type(error).__name__}: {first}") from error
