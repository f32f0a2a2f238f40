"""Lines that are put aside to validate on, where there are no validation data."""

import hashlib
from collections.abc import Callable, Iterator, Sequence

from hwr.train.data import Source, TrainingLine
from hwr.train.kept import KeptSource

MOST_LINES = 500
"""More lines would hardly make the CER more certain, and each is one less to learn from."""


class Part:
    """The lines of a source whose text passes a test."""

    def __init__(self, source: Source, belongs: Callable[[str], bool]) -> None:
        self._source, self._belongs = source, belongs
        self.name, self.runs = source.name, source.runs
        self.licences: set[str] = getattr(source, "licences", set())

    def texts(self) -> Iterator[str]:
        """All texts of the part, without the images."""
        return filter(self._belongs, self._source.texts())

    def read(self, group: int) -> list[TrainingLine]:
        """The lines of one group that belong to the part; there may be none."""
        return [line for line in self._source.read(group) if self._belongs(line.text)]


def hold_out(sources: Sequence[Source], share: float, seed: int, exclude: str = "") -> list[tuple[Part, KeptSource]]:
    """Cut every source into lines to train on and lines to validate on.

    The few to validate on stay in memory: they are not decoded with all the others time and again.

    Whole texts are drawn, each with all its lines, so that no text is in both parts; which ones depends on the seed and
    on the texts alone. At least one text stays to train on.

    Args:
        share: of all lines together, but at most `MOST_LINES`.
        exclude: lines with one of these characters are not drawn.
    """
    chosen = _draw(sources, share, seed, exclude)
    return [
        (Part(source, lambda text: text not in chosen), KeptSource(Part(source, chosen.__contains__)))
        for source in sources
    ]


def _draw(sources: Sequence[Source], share: float, seed: int, exclude: str) -> frozenset[str]:
    counts: dict[str, int] = {}
    for source in sources:
        for text in source.texts():
            if text and not any(character in exclude for character in text):
                counts[text] = counts.get(text, 0) + 1
    wanted = min(MOST_LINES, max(1, round(share * sum(counts.values()))))
    chosen: set[str] = set()
    lines = 0
    for text in sorted(counts, key=lambda text: _draw_order(seed, text))[:-1]:
        if lines >= wanted:
            break
        if lines + counts[text] <= max(1, 1.5 * wanted):
            chosen.add(text)
            lines += counts[text]
    return frozenset(chosen)


def _draw_order(seed: int, text: str) -> tuple[bytes, str]:
    return (hashlib.blake2b(f"{seed}/{text}".encode(), digest_size=8).digest(), text)
