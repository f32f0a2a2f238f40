"""Halves that share no writer: sizes, order and what is unknown."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hwr.evaluate.sets import Origin, first_half


def lines(*counts: int, page: bool = False) -> list[Origin]:
    """Make this number of lines for each writer, or for each page of one writer."""
    return [
        Origin("one", f"{group}-{number}", "w" if page else f"w{group}", f"p{group}" if page else "p")
        for group, count in enumerate(counts)
        for number in range(count)
    ]


def halves(known: Sequence[Origin]) -> tuple[set[str], set[str]]:
    """The ids of the lines in both halves."""
    inside = first_half(known)
    first, second = ({line.id for line, at in zip(known, inside, strict=True) if at == half} for half in (True, False))
    return first, second


def test_no_writer_is_in_both_and_all_lines_are_in_one() -> None:
    random = np.random.default_rng(0)
    for _ in range(20):
        counts = random.integers(1, 40, random.integers(2, 25))
        known = lines(*counts)
        first, second = halves(known)
        assert first.isdisjoint(second) and first | second == {line.id for line in known}
        writers = [{line.writer for line in known if line.id in half} for half in (first, second)]
        assert writers[0].isdisjoint(writers[1]) and all(writers)
        # the largest group first, each to the smaller half: never further apart than one group
        assert abs(len(first) - len(second)) <= counts.max()


def test_one_writer_is_cut_by_page_and_one_page_by_line() -> None:
    first, second = halves(lines(3, 2, 1, page=True))
    assert first == {"0-0", "0-1", "0-2"} and len(second) == 3
    first, second = halves(lines(5))
    assert sorted((len(first), len(second))) == [2, 3]


def test_the_order_of_lines_does_not_matter() -> None:
    known = [*lines(4, 4, 4, 2), Origin("one", "a", None, None), Origin("one", "b", None, None)]
    assert halves(known) == halves(known[::-1])


def test_lines_without_a_writer_are_clusters_of_their_own() -> None:
    known = [Origin("one", str(number), None, None) for number in range(6)] + [
        Origin("one", "x", "w", None),
        Origin("one", "y", "w", None),
    ]
    first, second = halves(known)
    assert len(first) == len(second) == 4
    assert {"x", "y"} <= first or {"x", "y"} <= second


def test_nothing_and_one_line() -> None:
    assert halves([]) == (set(), set())
    assert halves(lines(1)) == ({"0-0"}, set())


def test_each_set_is_cut_on_its_own() -> None:
    """Sets may have ids and writers of the same names."""
    one, other = lines(3, 5, 2), [replace(line, set="other") for line in lines(4, 4)]
    inside = first_half([*one, *other])
    assert inside[: len(one)].tolist() == first_half(one).tolist()
    assert inside[len(one) :].tolist() == first_half(other).tolist() == [True] * 4 + [False] * 4
