"""How well a language model knows a text: the cross-entropy that it has on each character."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hwr.lm.model import Model
from hwr.lm.scorer import NgramScorer
from hwr.lm.symbols import UNKNOWN
from hwr.text import Alphabet


@dataclass(frozen=True)
class Score:
    """Sum over lines. `log_probability` is natural; `characters` counts the ends of lines too, `unknown` does not."""

    log_probability: float
    characters: int
    unknown: int

    @property
    def bits(self) -> float:
        """Bits a character: the lower, the better the model knows the text."""
        return -self.log_probability / self.characters / float(np.log(2.0))


def line_log_probabilities(scorer: NgramScorer, lines: Sequence[Sequence[int]]) -> list[float]:
    """What a scorer adds to whole lines of labels, ends included: ln p where its weight is 1 and its bonus 0."""
    states = np.full(len(lines), scorer.start)
    totals = np.zeros(len(lines))
    for step in range(max(map(len, lines), default=0)):
        active = np.array([index for index, line in enumerate(lines) if len(line) > step])
        labels = np.array([line[step] for line in lines if len(line) > step])
        totals[active] += scorer.scores(states[active], labels[:, None])[:, 0]
        states[active] = scorer.advance(states[active], labels)
    return list(map(float, totals + scorer.finish(states))) if lines else []


def text_log_probabilities(model: Model, lines: Sequence[str]) -> list[float]:
    """ln p of each normalised line, from its start to its end."""
    alphabet = Alphabet.of(lines)
    return line_log_probabilities(NgramScorer(model, alphabet, weight=1.0), [alphabet.encode(line) for line in lines])


def score_lines(model: Model, lines: Sequence[str]) -> Score:
    """The cross-entropy of normalised lines."""
    alphabet = Alphabet.of(lines)
    unknown = {c for c in alphabet.characters if model.symbols.symbol(c) == UNKNOWN}
    return Score(
        sum(text_log_probabilities(model, lines)),
        sum(len(line) + 1 for line in lines),
        sum(character in unknown for line in lines for character in line),
    )
