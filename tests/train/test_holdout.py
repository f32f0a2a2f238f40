"""Lines that are put aside: how many, which, and that no text is on both sides."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

from hwr.train.data import TrainingLine
from hwr.train.holdout import MOST_LINES, hold_out

INK = np.zeros((48, 10), np.uint8)


@dataclass
class Lines:
    """A source of groups of texts."""

    groups: list[list[str]]
    name: str = "lines"
    licences: set[str] = field(default_factory=lambda: {"CC0"})
    reads: int = 0

    @property
    def runs(self) -> list[int]:
        return list(range(len(self.groups)))

    def texts(self) -> Iterator[str]:
        for group in self.groups:
            yield from group

    def read(self, group: int) -> list[TrainingLine]:
        self.reads += 1
        return [TrainingLine(INK, text, f"{group}-{number}") for number, text in enumerate(self.groups[group])]


def texts(count: int, start: int = 0) -> list[str]:
    return [f"text {number}" for number in range(start, start + count)]


@pytest.mark.parametrize(
    ("count", "share", "held"), [(200, 0.1, 20), (20, 0.1, 2), (5, 0.1, 1), (2, 0.1, 1), (1, 0.5, 0), (10, 1.0, 9)]
)
def test_the_share_is_met(count: int, share: float, held: int) -> None:
    [(training, validation)] = hold_out([Lines([texts(count)])], share, seed=1)
    assert (len(list(training.texts())), len(list(validation.texts()))) == (count - held, held)


def test_it_is_bounded() -> None:
    [(training, validation)] = hold_out([Lines([texts(20_000)])], 0.1, seed=1)
    assert len(list(validation.texts())) == MOST_LINES and len(list(training.texts())) == 20_000 - MOST_LINES


def test_every_line_is_on_one_side_with_all_its_copies() -> None:
    sources = [Lines([texts(30), texts(40, 10)], "first"), Lines([texts(60, 20), []], "second", set())]
    parts = hold_out(sources, 0.2, seed=3)
    sides: list[set[str]] = [set(), set()]
    for source, both in zip(sources, parts, strict=True):
        read: Counter[str] = Counter()
        for part, side in zip(both, sides, strict=True):
            assert (part.name, part.runs, part.licences) == (source.name, source.runs, source.licences)
            lines = [line for group in range(len(part.runs)) for line in part.read(group)]
            assert [line.text for line in lines] == list(part.texts())
            read.update(line.text for line in lines)
            side.update(part.texts())
        assert read == Counter(source.texts())
    assert not sides[0] & sides[1] and 18 <= sum(len(list(part.texts())) for _, part in parts) <= 39


def test_the_seed_and_the_texts_decide() -> None:
    def held(groups: list[list[str]], seed: int) -> set[str]:
        return set(hold_out([Lines(groups)], 0.1, seed)[0][1].texts())

    lines = texts(100)
    assert held([lines], 1) == held([lines[50:][::-1], lines[:50]], 1)
    assert held([lines], 1) != held([lines], 2)


def test_lines_that_are_not_trained_on_are_not_drawn() -> None:
    [(training, validation)] = hold_out([Lines([["#a", "#b", "", *texts(2)]])], 0.9, seed=1, exclude="#")
    held = list(validation.texts())
    assert len(held) == 1 and held[0].startswith("text")
    assert sorted(training.texts()) == sorted(["#a", "#b", "", *({"text 0", "text 1"} - set(held))])


def test_a_text_that_is_everywhere_stays_to_train_on() -> None:
    [(training, validation)] = hold_out([Lines([["same"] * 50, ["same"] * 50 + texts(10)])], 0.05, seed=1)
    assert Counter(training.texts())["same"] == 100 and len(list(validation.texts())) > 0


def test_lines_to_validate_on_are_read_once() -> None:
    source = Lines([texts(50), texts(50, 50)])
    [(training, validation)] = hold_out([source], 0.1, seed=1)
    first = [validation.read(group) for group in (0, 1)]
    assert [validation.read(group) for group in (0, 1)] == first and source.reads == 2
    training.read(0)
    training.read(0)
    assert source.reads == 4
