"""The language of a document and of its lines, and the search with its language model.

Lines that are read together, such as those of a page, are a document. Languages compete by the result of a search with
each:

    evidence = score of the best text - log-probability of the best path - score of "no language"

"No language" is a model too: it gives every character a probability of one in 2 ^ NO_LANGUAGE_BITS. In the language of
a text, a search finds texts that both the network and the language model find probable. In another language it finds
none, and its evidence is negative. The evidence of all lines together determines the language of the document. A line
is in another language, or in none, only if its own evidence is far greater.

A language model of prose knows little about lists, tables and accounts. In a document in which many tokens have digits,
all languages have less weight.

Scores are compared without the bonus for each character. With it, a text in the wrong language could win by its length
alone, on writing in which the best path misses many letters.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hwr.decode.beam import BeamSettings, Hypothesis, Scorer
from hwr.decode.compiled import compiled_scorer
from hwr.decode.lattice import best_path
from hwr.decode.search import beam_search
from hwr.lm.scorer import label_scores
from hwr.lm.tokens import DIGIT, SPACE

NO_LANGUAGE_BITS = 3.8
MIN_EVIDENCE = 3.0
"""Minimum evidence for the language of a document, as a natural logarithm."""
LINE_MARGIN = 12.0
"""Additional evidence for a line to differ from its document."""
MAX_CANDIDATES, MAX_GAP = 4, 0.35
"""Maximum number of languages to search for a document, and the maximum difference per character between their scores
of the best paths and the best score."""
SEARCHED_LINES = 8
"""Number of lines on which these are compared."""
TOGETHER = 16
"""Number of lines that NumPy searches together; more are not faster."""

MIN_NUMBER_SHARE = 0.3
"""Minimum share of tokens with digits in a document of numbers; chosen on validation lines, see
docs/language-models.md."""
FURTHER_TOKENS = 4
"""Number of tokens without digits that the share counts in addition, so that two numbers in a line of prose do not
decide."""
NUMBERS_FACTOR = 0.5
"""Weight of the language model in a document of numbers, as a share of its usual weight."""

LogProbs = NDArray[np.floating]
Numbers = NDArray[np.float64]
Labels = Sequence[int] | NDArray[np.int32]


@dataclass(frozen=True)
class Language:
    """A language that lines may be in; `code` is "" for a text in no language."""

    code: str
    scorer: Scorer | None


@dataclass(frozen=True)
class FoundText:
    """The best texts of a line, best first, and the language that they were searched in."""

    hypotheses: tuple[Hypothesis, ...]
    language: Language


def number_share(lines: Sequence[LogProbs], kinds: NDArray[np.int64]) -> float:
    """Return the share of tokens with digits in the best paths of lines, lower for short documents.

    Args:
        kinds: of each label (`hwr.lm.tokens.label_kinds`).
    """
    tokens = numbers = 0
    for line in lines:
        labels = line.argmax(axis=1)
        steps = kinds[labels[labels > 0]]
        token = (steps == SPACE).cumsum()
        tokens += len(np.unique(token[steps != SPACE]))
        numbers += len(np.unique(token[steps == DIGIT]))
    return numbers / (tokens + FURTHER_TOKENS)


def settings_for_numbers(settings: BeamSettings) -> BeamSettings:
    """Return the settings of the search in a document of numbers."""
    weight, bonus = NUMBERS_FACTOR * settings.weight, NUMBERS_FACTOR * settings.insertion_bonus
    return replace(settings, weight=weight, insertion_bonus=bonus)


class Languages:
    """Reads documents in the best of several languages, or in none of them."""

    def __init__(self, settings: BeamSettings, languages: Sequence[Language], none: Language | None) -> None:
        """Make a reader.

        Args:
            languages: competing languages, at least one unless `none` is given.
            none: reads a text in no language; without it, every text is in one of the languages.
        """
        self.settings, self.languages, self.none = settings, tuple(languages), none

    def read(self, lines: Sequence[LogProbs], results: int = 1) -> list[FoundText]:
        """Read the lines of a document, each of shape (T, classes), with at most `results` texts each."""
        if not lines:
            return []
        document = _Document(self.settings, lines, results)
        if not self.languages:
            assert self.none is not None
            return [FoundText(found, self.none) for found in document.search(self.none, range(len(lines)))]
        fits = np.array([document.fits(language) for language in self.languages])
        main = self._main(document, fits)
        found = document.search(main, range(len(lines)))
        texts = [FoundText(hypotheses, main) for hypotheses in found]
        self._take_rivals(document, fits, texts)
        if self.none is not None:
            self._take_none(document, texts)
        return texts

    def scores(self, code: str, labels: Sequence[int]) -> Numbers:
        """Return the score of a language for each label of a line (L,) and for its end: shape (L + 1,)."""
        every = (*self.languages, *([self.none] if self.none else []))
        return score_texts(next(language for language in every if language.code == code), [labels])[0]

    def _main(self, document: "_Document", fits: Numbers) -> Language:
        """Return the language of the document."""
        totals = fits.sum(axis=1)
        gap = MAX_GAP * document.lengths.sum()
        order: list[int] = np.argsort(-totals).tolist()
        candidates = [index for index in order if totals[index] >= totals.max() - gap][:MAX_CANDIDATES]
        if len(candidates) == 1:
            return self.languages[candidates[0]]
        spread = np.linspace(0, len(document.lines) - 1, SEARCHED_LINES).round().astype(int)
        indices = sorted(set(spread.tolist()))
        scores = [
            sum(found[0].score for found in document.search(self.languages[candidate], indices))
            for candidate in candidates
        ]
        return self.languages[candidates[int(np.argmax(scores))]]

    def _take_rivals(self, document: "_Document", fits: Numbers, texts: list[FoundText]) -> None:
        """Move each line that is far more probable in another language to that language."""
        if len(document.lines) == 1:  # its language was chosen for it alone
            return
        main = self.languages.index(texts[0].language)
        rivals = fits.argmax(axis=0)
        differ = np.flatnonzero(fits[rivals, np.arange(len(texts))] > fits[main] + LINE_MARGIN)
        for rival in sorted(set(rivals[differ].tolist())):
            indices = differ[rivals[differ] == rival].tolist()
            for index, found in zip(indices, document.search(self.languages[rival], indices), strict=True):
                if found[0].score > texts[index].hypotheses[0].score + LINE_MARGIN:
                    texts[index] = FoundText(found, self.languages[rival])

    def _take_none(self, document: "_Document", texts: list[FoundText]) -> None:
        """Read lines with evidence against their language without one; nearly all lines if the document has none."""
        assert self.none is not None
        bonus = self.settings.insertion_bonus
        scores = [text.hypotheses[0].score - bonus * (len(text.hypotheses[0].labels) + 1) for text in texts]
        evidence = np.array(scores) - document.without_language()
        bound = LINE_MARGIN if evidence.sum() < MIN_EVIDENCE else -LINE_MARGIN
        indices = np.flatnonzero(evidence < (MIN_EVIDENCE if len(texts) == 1 else bound)).tolist()
        for index, found in zip(indices, document.search(self.none, indices), strict=True):
            texts[index] = FoundText(found, self.none)


def score_texts(language: Language, texts: Sequence[Labels]) -> list[Numbers]:
    """Return the scores of a language for lines of labels; see `Languages.scores`."""
    if language.scorer is None:
        return [np.zeros(len(text) + 1) for text in texts]
    fast = compiled_scorer(language.scorer)
    return label_scores(language.scorer, texts) if fast is None else [fast.label_scores(text) for text in texts]


class _Document:
    """Lines with their best paths, and the searches made so far."""

    def __init__(self, settings: BeamSettings, lines: Sequence[LogProbs], results: int) -> None:
        self.settings, self.lines, self.results = settings, lines, results
        # Arrays, which are converted once and not for every language.
        self.paths = [np.array([span.label for span in best_path(line)], np.int32) for line in lines]
        self.lengths = np.array([len(path) + 1 for path in self.paths])
        self._found: dict[tuple[str, int], tuple[Hypothesis, ...]] = {}

    def fits(self, language: Language) -> Numbers:
        """Return the language's score of the best path of each line."""
        return np.array([scores.sum() for scores in score_texts(language, self.paths)])

    def without_language(self) -> Numbers:
        """Return the score of the best path of each line, including the score of "no language", without a bonus."""
        best = np.array([line.max(axis=1).sum(dtype=np.float64) for line in self.lines])
        result: Numbers = best - self.settings.weight * NO_LANGUAGE_BITS * np.log(2) * self.lengths
        return result

    def search(self, language: Language, indices: Sequence[int]) -> list[tuple[Hypothesis, ...]]:
        """Return the texts of the lines at these indices; lines that were searched before are not searched again."""
        missing = [index for index in indices if (language.code, index) not in self._found]
        missing.sort(key=lambda index: len(self.lines[index]))
        for start in range(0, len(missing), TOGETHER):
            chunk = missing[start : start + TOGETHER]
            found = beam_search([self.lines[n] for n in chunk], self.settings, language.scorer, self.results)
            self._found.update({(language.code, n): tuple(texts) for n, texts in zip(chunk, found, strict=True)})
        return [self._found[language.code, index] for index in indices]
