"""Synthetic lines: line `index` of a `seed` is always the same, in any order and in any process.

Sources (fonts, pen strokes, words) make ink, `hwr.synth.papers` puts it on paper. This module chooses the source of
each line and skips texts that do not fit.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from hwr.errors import DataError, UsageError
from hwr.files.images import GreyImage
from hwr.synth.fonts import UncoveredText
from hwr.synth.ink import InkLine
from hwr.synth.options import SynthOptions
from hwr.synth.papers import clean, put_on_paper

Generator = np.random.Generator
Report = Callable[[str], None]

TRIES = 60
"""Attempts at a line in one source before the next source is asked."""

_INK, _PAPER = range(2)
"""Random streams of one line: its ink stays the same when papers change."""


@dataclass(frozen=True)
class SynthLine:
    """A line as in a data set.

    grey: uint8 (H, W), paper bright, ink dark; id: unique for a seed; the rest as in `InkLine`.
    """

    grey: GreyImage
    text: str
    id: str
    source: str
    language: str | None


@dataclass
class PassedOver:
    """Counts of texts that were drawn and not used.

    uncovered: texts that no font can write; outside: texts with characters outside the alphabet; characters: those.
    """

    uncovered: int = 0
    outside: int = 0
    characters: Counter[str] = field(default_factory=Counter)

    def add(self, other: "PassedOver") -> None:
        """Add the counts of another part of the work."""
        self.uncovered += other.uncovered
        self.outside += other.outside
        self.characters.update(other.characters)

    def reasons(self) -> list[str]:
        """Return the counts in a few words each."""
        found = [f"{self.uncovered:,} texts have characters that no font has"] if self.uncovered else []
        if self.outside:
            shown = ", ".join(f"{character!r} ({count:,})" for character, count in self.characters.most_common(8))
            found.append(f"{self.outside:,} texts have characters outside the alphabet: {shown}")
        return found


class Renderer(Protocol):
    """Makes lines of ink that depend only on the generator's state; raises UncoveredText for a text that it
    cannot write.
    """

    def line(self, generator: Generator) -> InkLine: ...


class LineGenerator:
    """Makes the lines of any seed. Not to be shared between threads; each process makes its own.

    Args:
        options: the sources and the papers.
        alphabet: the only characters that may occur; texts with others are drawn again. None: any.
        report: called with one line for each font that cannot be used.

    Attributes:
        passed_over: counts of texts that were drawn and not used, by this object.

    Raises:
        InputError, DataError, UsageError: a source is missing or broken, a language or kind of phrase is unknown.
    """

    def __init__(
        self, options: SynthOptions, alphabet: str | None = None, report: Report = lambda message: None
    ) -> None:
        self.options = options
        self.alphabet = None if alphabet is None else frozenset(alphabet)
        self.passed_over = PassedOver()
        self._shares = {name: share for name, share in options.source_shares().items() if share > 0}
        self._renderers = {name: _open_renderer(name, options, self.alphabet, report) for name in self._shares}

    def ink(self, seed: int, index: int) -> InkLine:
        """Return the ink of line `index`, without paper.

        Raises:
            DataError: no source can make a line that fits the alphabet and the fonts.
            UsageError: `seed` or `index` is below 0.
        """
        return self._make(_stream(seed, index, _INK))

    def line(self, seed: int, index: int) -> SynthLine:
        """Return line `index` of `seed`; a share of the lines (`paper_share`) is on paper, the others are clean.

        Raises:
            DataError, UsageError: as `ink`.
        """
        ink = self.ink(seed, index)
        generator = _stream(seed, index, _PAPER)
        if generator.random() < self.options.paper_share:
            grey = put_on_paper(ink, generator, self.options.papers)
        else:
            grey = clean(ink)
        return SynthLine(grey, ink.text, line_id(seed, index), ink.source, ink.language)

    def _make(self, generator: Generator) -> InkLine:
        """Return a line of one of the sources; if it gives nothing usable, the others are tried."""
        names = list(self._shares)
        first = names[int(generator.choice(len(names), p=list(self._shares.values())))]
        for name in (first, *(name for name in names if name != first)):
            for _ in range(TRIES):
                try:
                    line = self._renderers[name].line(generator)
                    _check(line.text, self.alphabet)
                    return line
                except UncoveredText:
                    self.passed_over.uncovered += 1
                except _OutsideAlphabet as error:
                    self.passed_over.outside += 1
                    self.passed_over.characters.update(error.args[0])
        raise DataError(f"no line can be made of the sources given: {' and '.join(self.passed_over.reasons())}")


class _OutsideAlphabet(Exception):
    """A text with characters outside the alphabet."""


def _check(text: str, alphabet: frozenset[str] | None) -> None:
    """Raise _OutsideAlphabet if a text does not fit the alphabet."""
    missing = [] if alphabet is None else [character for character in text if character not in alphabet]
    if missing:
        raise _OutsideAlphabet(missing)


class _Fonts:
    """Texts and fonts as one renderer. A text is checked before it is drawn, which costs much more."""

    def __init__(self, options: SynthOptions, alphabet: frozenset[str] | None, report: Report) -> None:
        from hwr.synth.texts import TextSampler
        from hwr.synth.typeset import FontRenderer

        self._texts = TextSampler(options.texts, options.phrase_share, options.phrases, options.languages)
        self._fonts = FontRenderer(options.fonts, report)
        self._alphabet = alphabet

    def line(self, generator: Generator) -> InkLine:
        text, language = self._texts.sample(generator)
        _check(text, self._alphabet)
        return replace(self._fonts.line(text, generator), language=language)


def _open_renderer(name: str, options: SynthOptions, alphabet: frozenset[str] | None, report: Report) -> Renderer:
    """Return the renderer of a source; its modules are imported when it is used."""
    if name == "fonts":
        return _Fonts(options, alphabet, report)
    if name == "strokes":
        from hwr.synth.strokes import StrokeRenderer

        assert options.strokes is not None
        return StrokeRenderer(options.strokes)
    from hwr.synth.words import WordComposer

    assert options.words is not None
    return WordComposer(options.words)


def line_id(seed: int, index: int) -> str:
    """Return the id of a line in a store."""
    return f"synth-{seed}-{index:07d}"


def _stream(seed: int, index: int, stream: int) -> Generator:
    """Return the random numbers for one purpose of one line."""
    if seed < 0 or index < 0:
        raise UsageError(f"seed {seed}, line {index}: must be 0 or more")
    return np.random.Generator(np.random.PCG64([seed, index, stream]))
