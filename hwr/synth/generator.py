"""Synthetic lines: line `index` of a `seed` is always the same, in any order and in any process.

Fonts make ink of a text, `hwr.synth.papers` puts it on paper. Texts that do not fit are drawn again.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from hwr.errors import DataError, UsageError
from hwr.files.images import GreyImage
from hwr.synth.fonts import UncoveredText
from hwr.synth.ink import InkLine
from hwr.synth.options import SynthOptions
from hwr.synth.papers import clean, put_on_paper
from hwr.synth.texts import TextSampler
from hwr.synth.typeset import FontRenderer
from hwr.text import counted

Generator = np.random.Generator
Report = Callable[[str], None]

TRIES = 60
"""Texts to try for one line."""

_INK, _PAPER = range(2)
"""Random streams of one line: its ink stays the same when papers change."""


@dataclass(frozen=True)
class SynthLine:
    """A line as in a data set.

    Attributes:
        grey: uint8 (H, W), paper bright, ink dark.
        id: unique for a seed.
        text, source, language: as in `InkLine`.
    """

    grey: GreyImage
    text: str
    id: str
    source: str
    language: str | None


@dataclass
class UnusedTexts:
    """Counts of texts that were drawn and not used.

    Attributes:
        uncovered: texts that no font can write.
        lacking: their characters that not one font has.
        outside: texts with characters outside the alphabet.
        characters: these characters.
    """

    uncovered: int = 0
    lacking: Counter[str] = field(default_factory=Counter)
    outside: int = 0
    characters: Counter[str] = field(default_factory=Counter)

    def add(self, other: "UnusedTexts") -> None:
        """Add the counts of another part of the work."""
        self.uncovered += other.uncovered
        self.lacking.update(other.lacking)
        self.outside += other.outside
        self.characters.update(other.characters)

    def reasons(self) -> list[str]:
        """Return the counts as reasons, each a short phrase."""
        found = []
        uncovered = "with characters that no font has" if self.lacking else "that no font can write"
        for texts, why, characters in (
            (self.uncovered, uncovered, self.lacking),
            (self.outside, "with characters outside the alphabet", self.characters),
        ):
            if texts:
                shown = ", ".join(f"{character!r} ({count:,})" for character, count in characters.most_common(8))
                found.append(f"{counted(texts, 'text')} {why}" + (f": {shown}" if shown else ""))
        return found


class LineGenerator:
    """Makes the lines of any seed. Each thread and each process needs its own generator.

    Args:
        options: texts, fonts and papers.
        alphabet: the only characters that may occur; texts with others are drawn again. None: any.
        report: called with one line for each font that cannot be used.

    Attributes:
        unused: counts of texts that were drawn and not used, by this object.

    Raises:
        InputError, UsageError: a file is missing or broken, a language or kind of phrase is unknown.
    """

    def __init__(
        self, options: SynthOptions, alphabet: str | None = None, report: Report = lambda message: None
    ) -> None:
        self.options = options
        self.alphabet = None if alphabet is None else frozenset(alphabet)
        self.unused = UnusedTexts()
        self._texts = TextSampler(options.texts, options.phrase_share, options.phrases, options.languages)
        self._fonts = FontRenderer(options.fonts, report)

    def ink(self, seed: int, index: int) -> InkLine:
        """Return the ink of line `index`, without paper.

        Raises:
            DataError: no text fits the alphabet and the fonts.
            UsageError: `seed` or `index` is below 0.
        """
        generator = _stream(seed, index, _INK)
        generator.random()  # as when the sets of docs/decoding.md were made: they keep their lines
        unused = UnusedTexts()
        line = self._first_that_fits(generator, unused)
        self.unused.add(unused)
        if line is None:
            raise DataError(f"no line can be made: {' and '.join(unused.reasons())}")
        return line

    def _first_that_fits(self, generator: Generator, unused: UnusedTexts) -> InkLine | None:
        """Return the line of the first text that fits the alphabet and a font; count the others in `unused`."""
        for _ in range(TRIES):
            text, language = self._texts.sample(generator)
            if missing := [c for c in text if self.alphabet is not None and c not in self.alphabet]:
                unused.add(UnusedTexts(outside=1, characters=Counter(missing)))
                continue
            try:
                return replace(self._fonts.line(text, generator), language=language)
            except UncoveredText as error:
                unused.add(UnusedTexts(uncovered=1, lacking=Counter(error.lacking)))
        return None

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


def line_id(seed: int, index: int) -> str:
    """Return the id of a line in a store."""
    return f"synth-{seed}-{index:07d}"


def _stream(seed: int, index: int, stream: int) -> Generator:
    """Return the random numbers for one purpose of one line."""
    if seed < 0 or index < 0:
        raise UsageError(f"seed {seed}, line {index}: must be 0 or more")
    return np.random.Generator(np.random.PCG64([seed, index, stream]))
