"""Tuning of the beam search: what is counted, what is chosen, and that nothing is judged by what it was chosen on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers.line_sets import NumberReader
from hwr.decode.beam import BeamSettings
from hwr.decode.lattice import LabelSpan, best_path
from hwr.evaluate import tuning as tuning_module
from hwr.evaluate.lines import ReadLine, UnreadableLines
from hwr.evaluate.sets import EvaluationSet, Selection, first_half
from hwr.evaluate.tuning import (
    BLANK_SCALES,
    LINES_AT_ONCE,
    MAX_RELATIVE_LOSS,
    WIDTHS,
    Edits,
    NetworkLine,
    Trial,
    Tuning,
    best,
    by_set,
    count_languages,
    judge_in_halves,
    measure,
    objective,
    read_network_lines,
    tune,
)
from hwr.metrics import character_errors, word_errors
from hwr.recognize.decoder import DecodedLine, GreedyDecoder
from hwr.store.writing import write_lines
from hwr.text import Alphabet

ALPHABET = Alphabet(" abcdefgh")


def log_probs_of(text: str) -> NDArray[np.float32]:
    """Certain of this text: a time step of each character, then one of the blank."""
    scores = np.full((2 * len(text), ALPHABET.classes), -9.0, np.float32)
    scores[1::2, 0] = 0.0
    scores[np.arange(0, 2 * len(text), 2), ALPHABET.encode(text)] = 0.0
    return scores


def spans_of(text: str) -> tuple[LabelSpan, ...]:
    return tuple(LabelSpan(label, 2 * place, 2 * place + 1) for place, label in enumerate(ALPHABET.encode(text)))


def line(
    number: int, truth: str, read: str | None = None, group: str = "one", writer: str | None = None
) -> NetworkLine:
    return NetworkLine(group, f"l{number}", writer, None, truth, log_probs_of(truth if read is None else read))


def random_lines(count: int, seed: int = 0) -> list[NetworkLine]:
    """Lines of two sets and several writers with random truths and readings, of very different lengths."""
    random = np.random.default_rng(seed)

    def text() -> str:
        return " ".join("".join(random.choice(list(" abcd"), random.integers(1, 30))).split()) or "a"

    return [
        line(number, text(), text(), "one" if number % 3 else "two", f"w{random.integers(6)}")
        for number in range(count)
    ]


def random_edits(count: int, random: np.random.Generator) -> Edits:
    return Edits(*(random.integers(0, 9, count) for _ in range(2)), *(random.integers(0, 4, count) for _ in range(2)))


# ---- counting


def test_edits_are_those_of_each_line_in_its_place() -> None:
    lines = random_lines(LINES_AT_ONCE + 20)
    edits = measure(lines, GreedyDecoder(), ALPHABET)
    for place, item in enumerate(lines):
        text = ALPHABET.decode([span.label for span in best_path(item.log_probs)])
        characters, words = character_errors(item.truth, text), word_errors(item.truth, text)
        assert (edits.characters[place], edits.character_lengths[place]) == (
            characters.edits,
            characters.reference_length,
        )
        assert (edits.words[place], edits.word_lengths[place]) == (words.edits, words.reference_length)
    assert edits.characters.any() and edits.words.any()


def test_edits_by_hand() -> None:
    lines = [line(0, "ab cd", "ab cc"), line(1, "a"), line(2, "ab", "")]
    edits = measure(lines, GreedyDecoder(), ALPHABET)
    assert edits.characters.tolist() == [1, 0, 2] and edits.character_lengths.tolist() == [5, 1, 2]
    assert edits.words.tolist() == [1, 0, 1] and edits.word_lengths.tolist() == [2, 1, 1]
    assert edits.cer == 3 / 8 and edits.wer == 2 / 4
    assert edits[np.array([2, 1])].cer == 2 / 3
    nothing = measure([], GreedyDecoder(), ALPHABET)
    assert (nothing.cer, nothing.wer, len(nothing.characters)) == (0.0, 0.0, 0)


def test_sets_are_decoded_apart_and_in_chunks() -> None:
    sizes: list[int] = []

    class Watching(GreedyDecoder):
        def decode(self, log_probs: Sequence[NDArray[np.floating]], results: int = 1, /) -> list[DecodedLine]:
            sizes.append(len(log_probs))
            return super().decode(log_probs)

    lines = random_lines(3 * LINES_AT_ONCE)
    measure(lines, Watching(), ALPHABET)
    assert sizes == [
        min(LINES_AT_ONCE, len(places) - start)
        for places in by_set(lines).values()
        for start in range(0, len(places), LINES_AT_ONCE)
    ]


def test_languages_are_counted_by_set() -> None:
    class Bilingual(GreedyDecoder):
        def decode(self, log_probs: Sequence[NDArray[np.floating]], results: int = 1, /) -> list[DecodedLine]:
            return [
                replace(found, language="de" if len(found.spans) > 1 else "") for found in super().decode(log_probs)
            ]

    lines = [line(0, "ab"), line(1, "a"), line(2, "abc")]
    lines.append(replace(line(3, "b"), set="other"))
    assert count_languages(lines, Bilingual()) == {lines[0].set: {"de": 2, "": 1}, "other": {"": 1}}


def test_places_by_set() -> None:
    lines = [line(0, "a", group="y"), line(1, "a", group="x"), line(2, "a", group="y")]
    assert {name: places.tolist() for name, places in by_set(lines).items()} == {"y": [0, 2], "x": [1]}
    assert list(by_set(lines)) == ["y", "x"] and by_set([]) == {}


# ---- choosing


def slow_objective(trial: Edits, greedy: Edits, lines: Sequence[NetworkLine], places: set[int]) -> float:
    """The mean over the sets of CER / greedy CER, with plain sums."""
    ratios = []
    for name in sorted({lines[place].set for place in places}):
        members = [place for place in places if lines[place].set == name]
        length = max(sum(int(greedy.character_lengths[place]) for place in members), 1)
        before = sum(int(greedy.characters[place]) for place in members) / length
        own_length = max(sum(int(trial.character_lengths[place]) for place in members), 1)
        after = sum(int(trial.characters[place]) for place in members) / own_length
        ratios.append(after / before if before else 1 + after)
    return sum(ratios) / len(ratios)


def test_the_objective_and_the_best_are_those_of_plain_sums() -> None:
    random = np.random.default_rng(3)
    lines = random_lines(20)
    for _ in range(20):
        greedy = random_edits(20, random)
        trials = [Trial(BeamSettings(width=n + 1), random_edits(20, random)) for n in range(6)]
        chosen = random.choice(20, random.integers(1, 20), replace=False)
        sets = [np.intersect1d(members, chosen) for members in by_set(lines).values()]
        values = [slow_objective(trial.edits, greedy, lines, set(chosen.tolist())) for trial in trials]
        found = [objective(trial.edits, greedy, [members for members in sets if len(members)]) for trial in trials]
        assert found == pytest.approx(values)
        assert best(trials, greedy, lines, chosen) is trials[int(np.argmin(values))]
        everywhere = [slow_objective(trial.edits, greedy, lines, set(range(20))) for trial in trials]
        assert best(trials, greedy, lines) is trials[int(np.argmin(everywhere))]


def test_a_large_set_counts_no_more_than_a_small_one() -> None:
    lines = [*(line(number, "a", group="large") for number in range(9)), line(9, "a", group="small")]
    lengths = np.full(10, 10)

    def edits(large: int, small: int) -> Edits:
        return Edits(np.array([large] * 9 + [small]), lengths, np.zeros(10, np.int64), lengths)

    greedy, trials = edits(4, 4), [Trial(BeamSettings(), edits(3, 4)), Trial(BeamSettings(), edits(4, 2))]
    sets = list(by_set(lines).values())
    assert [objective(trial.edits, greedy, sets) for trial in trials] == [0.875, 0.75]
    assert best(trials, greedy, lines) is trials[1]
    assert objective(edits(3, 1), edits(3, 0), sets) == pytest.approx((1 + 1.1) / 2)


def test_lines_are_judged_by_what_was_chosen_on_the_others() -> None:
    """Each half has a setting that is perfect on it and bad on the other; a third one is middling on both."""
    lines = random_lines(30)
    inside = first_half(lines)
    first, second = np.flatnonzero(inside), np.flatnonzero(~inside)
    lengths = np.full(30, 10)

    def trial(width: int, on_first: int, on_second: int) -> Trial:
        edits = np.zeros(30, np.int64)
        edits[first], edits[second] = on_first, on_second
        return Trial(BeamSettings(width=width), Edits(edits, lengths, edits, lengths))

    trials = trial(1, 0, 7), trial(2, 5, 1), trial(3, 2, 3)
    greedy = trial(9, 4, 4).edits
    judged, chosen = judge_in_halves(Tuning(tuple(lines), greedy, trials[:2], trials[2:], trials[2]))
    assert [settings.width for settings in chosen] == [1, 2]
    assert [item.name for item in judged] == list(by_set(lines))
    for item, members in zip(judged, by_set(lines).values(), strict=True):
        on_first, on_second = len(np.intersect1d(members, first)), len(np.intersect1d(members, second))
        assert item.lines == len(members) == len(item.beam.characters)
        assert item.greedy.cer == 0.4
        assert item.beam.characters.sum() == 5 * on_first + 7 * on_second
        assert item.beam.cer == pytest.approx((5 * on_first + 7 * on_second) / (10 * len(members)))


def test_the_measured_half_does_not_influence_the_choice_on_the_other() -> None:
    random = np.random.default_rng(8)
    lines = random_lines(24)
    second = np.flatnonzero(~first_half(lines))
    for _ in range(10):
        greedy = random_edits(24, random)
        trials = [Trial(BeamSettings(width=n + 1), random_edits(24, random)) for n in range(5)]
        _, before = judge_in_halves(Tuning(tuple(lines), greedy, tuple(trials), (), trials[0]))
        other = []
        for trial in trials:
            characters = trial.edits.characters.copy()
            characters[second] = random.integers(0, 9, len(second))
            other.append(replace(trial, edits=replace(trial.edits, characters=characters)))
        _, after = judge_in_halves(Tuning(tuple(lines), greedy, tuple(other), (), other[0]))
        assert after[0] == before[0]


def test_a_single_line_is_read_with_what_was_chosen_on_it() -> None:
    edits = Edits(*(np.array([number]) for number in (1, 4, 1, 2)))
    trial = Trial(BeamSettings(), edits)
    judged, chosen = judge_in_halves(Tuning((line(0, "abcd"),), edits, (trial,), (), trial))
    assert [item.beam.cer for item in judged] == [0.25] and chosen == [BeamSettings(), BeamSettings()]


# ---- tuning

LONG = 1_000
"""Characters of a line on which a relative difference of less than MAX_RELATIVE_LOSS can be seen."""


@dataclass
class FakeDecoder:
    """Reads the truth of a line of `LONG` characters with some of them wrong."""

    errors: int
    name: str = field(default="beam")

    def decode(self, log_probs: Sequence[NDArray[np.floating]], results: int = 1, /) -> list[DecodedLine]:
        return [DecodedLine(spans_of("b" * self.errors + "a" * (LONG - self.errors))) for _ in log_probs]


def tuned(
    errors: Callable[[BeamSettings], int], start: BeamSettings | None = None
) -> tuple[Tuning, list[tuple[Trial, float]]]:
    told: list[tuple[Trial, float]] = []
    lines = [line(0, "a" * LONG, "b" * LONG)]
    found = tune(
        lines,
        start or BeamSettings(("en",)),
        lambda settings: FakeDecoder(errors(settings)),
        ALPHABET,
        on_trial=lambda trial, value: told.append((trial, value)),
    )
    return found, told


def test_the_known_optimum_is_found() -> None:
    def errors(s: BeamSettings) -> int:
        away = abs(s.weight - 0.65) + abs(s.insertion_bonus - 1.5) + abs(s.blank_scale - 0.9) + abs(s.width - 32) / 32
        return 400 + round(100 * away)

    start = BeamSettings(("en", "de"), 0.1, 0.1, 16, 0.99, 0.002)
    found, told = tuned(errors, start)
    assert found.chosen.settings == replace(start, weight=0.65, insertion_bonus=1.5, width=32, blank_scale=0.9)
    assert found.greedy.cer == 1.0 and found.chosen.edits.cer == 400 / LONG
    assert [trial for trial, _ in told] == [*found.surface, *found.others]
    for trial, value in told:
        assert value == pytest.approx(errors(trial.settings) / 1000)


def test_all_weights_are_tried_with_all_bonuses_and_nothing_twice() -> None:
    found, told = tuned(lambda s: 500)
    tried = {(trial.settings.weight, trial.settings.insertion_bonus) for trial in found.surface}
    assert len(found.surface) == len(tried) == len(tuning_module.WEIGHTS) * len(tuning_module.BONUSES)
    assert {trial.settings.width for trial in found.surface} == {16}
    assert len({trial.settings for trial, _ in told}) == len(told)
    # what the surface was tried with is not tried again
    assert {trial.settings.width for trial in found.others} | {16} == set(WIDTHS)
    assert {trial.settings.blank_scale for trial in found.others} == set(BLANK_SCALES)
    assert len(found.others) == len(WIDTHS) - 1 + len(BLANK_SCALES) - 1


@pytest.mark.parametrize(
    ("by_width", "chosen"),
    [
        ({8: 401, 16: 401, 32: 400}, 8),
        ({8: 403, 16: 401, 32: 400}, 16),
        ({8: 403, 16: 403, 32: 400}, 32),
        ({8: 400, 16: 401, 32: 402}, 8),
    ],
)
def test_a_wider_beam_must_be_worth_it(by_width: dict[int, int], chosen: int) -> None:
    assert MAX_RELATIVE_LOSS == 0.005  # of 400: 2
    found, _ = tuned(lambda s: by_width[s.width])
    assert found.chosen.settings.width == chosen
    assert found.chosen.edits.characters.tolist() == [by_width[chosen]]


@pytest.mark.parametrize(("scaled", "chosen"), [(399, 1.0), (398, 1.1)])
def test_scaled_blanks_must_be_worth_it(scaled: int, chosen: float) -> None:
    found, _ = tuned(lambda s: scaled if s.blank_scale == 1.1 else 400)
    assert found.chosen.settings.blank_scale == chosen


# ---- reading


@dataclass
class FakeNetwork:
    """Says of the numbered images of `NumberReader` what that reads."""

    reader: NumberReader
    alphabet: Alphabet = ALPHABET

    def decode_lines(
        self, lines: Sequence[NDArray[np.uint8]], /
    ) -> tuple[list[NDArray[np.float32]], list[DecodedLine]]:
        log_probs = [log_probs_of(reading.text) for reading in self.reader.read_lines(lines)]
        return log_probs, [DecodedLine(best_path(one)) for one in log_probs]


def test_lines_come_with_the_output_of_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line cannot be opened; the others keep their own log-probabilities, over several batches."""
    monkeypatch.setattr("hwr.evaluate.lines.MAX_BATCH_PIXELS", 300)
    pairs = [("ab", "ab"), ("  a   b ", "ab"), ("c", "cd"), ("d", "a"), ("e", "e"), ("f", "h")]
    reader = NumberReader()
    stored = reader.lines(pairs, writers=[f"w{n}" for n in range(6)], pages=[None, *"abcde"])
    stored[2] = replace(stored[2], image=b"no image")
    write_lines(tmp_path / "val.parquet", stored)
    heard: list[ReadLine] = []
    source = EvaluationSet("s", tmp_path / "val.parquet", None)
    found = list(read_network_lines(source, FakeNetwork(reader), on_line=heard.append))
    kept = [0, 1, 3, 4, 5]
    assert [(item.set, item.id, item.writer, item.page) for item in found] == [
        ("s", f"line-{n}", f"w{n}", stored[n].page) for n in kept
    ]
    assert [item.truth for item in found] == ["ab", "a b", "d", "e", "f"]
    for item, n in zip(found, kept, strict=True):
        np.testing.assert_array_equal(item.log_probs, log_probs_of(pairs[n][1]))
    assert len(reader.batches) > 1
    unreadable = [item for item in heard if isinstance(item, UnreadableLines)]
    assert len(heard) == 6 and [item.id for item in unreadable] == ["line-2"]
    assert [item.id for item in read_network_lines(source, FakeNetwork(reader), Selection(4))] == [
        "line-0",
        "line-1",
        "line-3",
    ]
