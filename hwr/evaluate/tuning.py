"""Find the best settings of a beam search for a model: try many on the same lines, then choose.

The network reads every line once, and all searches run on its output. The edits of each setting on each line are kept,
so that a choice on one half of the lines can be judged on the other.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwr.decode.beam import BONUSES, WEIGHTS, BeamSettings
from hwr.evaluate.lines import OnLine, read_decoded
from hwr.evaluate.sets import EVERY_LINE, EvaluationSet, Origin, Selection, first_half
from hwr.metrics import character_errors, word_errors
from hwr.recognize.decoder import DecodedLine, Decoder, GreedyDecoder
from hwr.recognize.recognizer import Recognizer
from hwr.text import Alphabet, normalise_text

Counts = NDArray[np.int64]

WIDTHS = (8, 16, 32)
BLANK_SCALES = (1.0, 0.9, 1.1, 0.8)
"""Beam widths and blank scales in order of preference: a wide beam costs time, and scaled blanks are unusual."""
MAX_RELATIVE_LOSS = 0.005
"""An earlier value is kept if its CER is higher by at most this share."""
LINES_AT_ONCE = 64

MakeDecoder = Callable[[BeamSettings], Decoder]


@dataclass(frozen=True)
class NetworkLine(Origin):
    """A line of a set with the network's log-probabilities."""

    truth: str
    log_probs: NDArray[np.float32]


@dataclass(frozen=True)
class Edits:
    """Edits of one decoder on each line, and the lengths of the references: arrays of shape (lines,)."""

    characters: Counts
    character_lengths: Counts
    words: Counts
    word_lengths: Counts

    def __getitem__(self, lines: NDArray[np.integer]) -> "Edits":
        return Edits(self.characters[lines], self.character_lengths[lines], self.words[lines], self.word_lengths[lines])

    @property
    def cer(self) -> float:
        """Return the rate pooled over the lines."""
        return float(self.characters.sum() / max(self.character_lengths.sum(), 1))

    @property
    def wer(self) -> float:
        """Return the rate pooled over the lines."""
        return float(self.words.sum() / max(self.word_lengths.sum(), 1))


@dataclass(frozen=True)
class Trial:
    """Settings and their edits."""

    settings: BeamSettings
    edits: Edits


def read_network_lines(
    source: EvaluationSet,
    recognizer: Recognizer,
    selection: Selection = EVERY_LINE,
    on_line: OnLine = lambda line: None,
) -> Iterator[NetworkLine]:
    """Run the network on a set; arguments and errors as in `hwr.evaluate.lines.read_decoded`."""
    for line, log_probs, _ in read_decoded(source, recognizer, selection, on_line):
        yield NetworkLine(line.set, line.id, line.writer, line.page, line.truth, log_probs)


def measure(lines: Sequence[NetworkLine], decoder: Decoder, alphabet: Alphabet) -> Edits:
    """Decode all lines and count the edits of each."""
    rows = np.zeros((len(lines), 4), np.int64)
    for index, line in _decode(lines, decoder):
        text = normalise_text(alphabet.decode([span.label for span in line.spans]))
        characters, words = character_errors(lines[index].truth, text), word_errors(lines[index].truth, text)
        rows[index] = (characters.edits, characters.reference_length, words.edits, words.reference_length)
    return Edits(*rows.T)


def count_languages(lines: Sequence[NetworkLine], decoder: Decoder) -> dict[str, Counter[str]]:
    """Return the number of lines in each language, by set; "" is the code for no language."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in by_set(lines)}
    for index, line in _decode(lines, decoder):
        counts[lines[index].set][line.language] += 1
    return counts


def _decode(lines: Sequence[NetworkLine], decoder: Decoder) -> Iterator[tuple[int, DecodedLine]]:
    """Yield the index of each line and what was decoded, set by set in documents of `LINES_AT_ONCE` lines."""
    for indices in by_set(lines).values():
        for start in range(0, len(indices), LINES_AT_ONCE):
            chunk = indices[start : start + LINES_AT_ONCE].tolist()
            yield from zip(chunk, decoder.decode([lines[index].log_probs for index in chunk]), strict=True)


def by_set(lines: Sequence[NetworkLine]) -> dict[str, NDArray[np.int64]]:
    """Return the indices of the lines of each set, in the order of the sets."""
    names = np.array([line.set for line in lines])
    return {name: np.flatnonzero(names == name) for name in dict.fromkeys(names.tolist())}


def objective(trial: Edits, greedy: Edits, sets: Sequence[NDArray[np.integer]]) -> float:
    """Return the CER relative to the greedy decoder, as a mean over the sets; lower is better.

    For a set that the greedy decoder reads without an edit, the ratio is 1 plus the CER.
    """
    ratios = []
    for indices in sets:
        reference, found = greedy[indices].cer, trial[indices].cer
        ratios.append(found / reference if reference > 0 else 1 + found)
    return float(np.mean(ratios))


def best(
    trials: Sequence[Trial],
    greedy: Edits,
    lines: Sequence[NetworkLine],
    indices: NDArray[np.integer] | None = None,
) -> Trial:
    """Return the trial with the lowest objective on the lines at `indices`, or on all lines."""
    chosen = np.arange(len(lines)) if indices is None else indices
    sets = [np.intersect1d(members, chosen) for members in by_set(lines).values()]
    sets = [members for members in sets if len(members)]
    return min(trials, key=lambda trial: objective(trial.edits, greedy, sets))


@dataclass(frozen=True)
class Tuning:
    """All trials of a search for settings.

    Attributes:
        greedy: edits of the best path.
        surface: trials of language-model weights and insertion bonuses.
        others: trials of beam widths and blank scales at the best of these.
        chosen: the best settings on all lines.
        languages: number of lines in each language with these settings, by set.
    """

    lines: tuple[NetworkLine, ...]
    greedy: Edits
    surface: tuple[Trial, ...]
    others: tuple[Trial, ...]
    chosen: Trial
    languages: Mapping[str, Counter[str]] = field(default_factory=dict)


def tune(
    lines: Sequence[NetworkLine],
    start: BeamSettings,
    make: MakeDecoder,
    alphabet: Alphabet,
    on_trial: Callable[[Trial, float], None] = lambda trial, value: None,
) -> Tuning:
    """Try all weights with all bonuses, then widths and blank scales with the best of them.

    Args:
        start: the language models, and the settings that are not varied.
        make: returns a decoder with these settings.
        on_trial: is called with each trial and its objective.
    """
    greedy = measure(lines, GreedyDecoder(), alphabet)
    sets = list(by_set(lines).values())

    def attempt(settings: BeamSettings) -> Trial:
        trial = Trial(settings, measure(lines, make(settings), alphabet))
        on_trial(trial, objective(trial.edits, greedy, sets))
        return trial

    surface = [attempt(replace(start, weight=w, insertion_bonus=b)) for w, b in product(WEIGHTS, BONUSES)]
    chosen = best(surface, greedy, lines)
    others: list[Trial] = []
    for name, values in (("width", WIDTHS), ("blank_scale", BLANK_SCALES)):
        current = getattr(chosen.settings, name)
        tried = [chosen if value == current else attempt(_changed(chosen.settings, name, value)) for value in values]
        others.extend(trial for trial in tried if trial is not chosen)
        bound = min(objective(trial.edits, greedy, sets) for trial in tried) * (1 + MAX_RELATIVE_LOSS)
        chosen = next(trial for trial in tried if objective(trial.edits, greedy, sets) <= bound)
    languages = count_languages(lines, make(chosen.settings))
    return Tuning(tuple(lines), greedy, tuple(surface), tuple(others), chosen, languages)


def _changed(settings: BeamSettings, name: str, value: float) -> BeamSettings:
    changes: dict[str, Any] = {name: value}
    return replace(settings, **changes)


@dataclass(frozen=True)
class Judged:
    """A set read with settings that were chosen on lines of other writers."""

    name: str
    lines: int
    greedy: Edits
    beam: Edits


def judge_in_halves(tuning: Tuning) -> tuple[list[Judged], list[BeamSettings]]:
    """Measure the beam search on lines that it was not tuned on: each half with the best settings of the other.

    Returns:
        The sets, with both halves pooled, and the settings that were chosen on the first and on the second half.
    """
    inside = first_half(tuning.lines)
    halves = [np.flatnonzero(inside), np.flatnonzero(~inside)]
    trials = [*tuning.surface, *tuning.others]
    chosen = [best(trials, tuning.greedy, tuning.lines, half) if len(half) else tuning.chosen for half in halves]
    judged = []
    for name, members in by_set(tuning.lines).items():
        parts = [np.intersect1d(members, half) for half in halves]
        beam = _joined([trial.edits[part] for trial, part in zip(reversed(chosen), parts, strict=True)])
        judged.append(Judged(name, len(members), tuning.greedy[members], beam))
    return judged, [trial.settings for trial in chosen]


def _joined(parts: Sequence[Edits]) -> Edits:
    names = ("characters", "character_lengths", "words", "word_lengths")
    return Edits(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
