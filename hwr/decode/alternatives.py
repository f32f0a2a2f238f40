"""Other readings of a line and of its words, with their probabilities.

Each word is searched again on the time steps that `hwr.decode.confidence` assigns to it. Candidates are compared with
the chosen word by the probability of their paths (the forward algorithm) and by the scorer's score of the whole line
with them. The probability that the chosen word's confidence leaves over is divided among them in proportion.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from hwr.decode.beam import BeamSettings, Hypothesis
from hwr.decode.confidence import find_windows, space_labels
from hwr.decode.lattice import LabelSpan, text_log_probabilities
from hwr.decode.search import beam_search
from hwr.page.page import Alternative
from hwr.text import Alphabet, normalise_text

SEARCHED = 24
"""Number of texts to find for each word."""

Score = Callable[[Sequence[int]], float]


def line_alternatives(
    log_probs: NDArray[np.floating], spans: Sequence[LabelSpan], alphabet: Alphabet, confidence: float, count: int
) -> tuple[Alternative, ...]:
    """Return at most `count` other readings of a line that was read along its best path, the most probable first.

    Args:
        log_probs: natural logarithms of shape (T, classes).
        spans: the labels of the best path.
        confidence: of the line.
    """
    (found,) = beam_search([log_probs], BeamSettings(width=SEARCHED), results=SEARCHED)
    texts = [tuple(span.label for span in spans), *(text.labels for text in found)]
    shown = [normalise_text(alphabet.decode(labels)) for labels in texts]
    return share_out(shown, [0.0, *(text.score for text in found)], confidence)[:count]


def word_alternatives(
    log_probs: NDArray[np.floating],
    spans: Sequence[LabelSpan],
    alphabet: Alphabet,
    confidences: Sequence[float],
    count: int,
    score: Score,
) -> tuple[tuple[Alternative, ...], ...]:
    """Return at most `count` other readings of each word of a line, the most probable first.

    Args:
        log_probs: natural logarithms of shape (T, classes).
        spans: the labels that were chosen.
        confidences: of each word.
        score: what the scorers add to a whole line of labels.
    """
    labels = [span.label for span in spans]
    spaces = space_labels(alphabet)
    settings = BeamSettings(width=SEARCHED)
    result = []
    windows = find_windows(spans, spaces, len(log_probs))
    for (first, last, steps), confidence in zip(windows, confidences, strict=True):
        before = labels[first : first + 1] if labels[first] in spaces else []
        after = labels[last : last + 1] if labels[last] in spaces else []
        chosen = tuple(labels[first + len(before) : last + 1 - len(after)])
        (found,) = beam_search([log_probs[steps]], settings, results=SEARCHED)
        words = [chosen, *_words(found, spaces, chosen)]
        paths = text_log_probabilities([log_probs[steps]] * len(words), [[*before, *word, *after] for word in words])
        whole = [score([*labels[:first], *before, *word, *after, *labels[last + 1 :]]) for word in words]
        texts = [normalise_text(alphabet.decode(word)) for word in words]
        result.append(share_out(texts, paths + np.array(whole), confidence)[:count])
    return tuple(result)


def _words(found: Sequence[Hypothesis], spaces: frozenset[int], chosen: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return the stripped texts without empty ones, those with a space inside, and the chosen word."""
    words: dict[tuple[int, ...], None] = {}
    for hypothesis in found:
        inner = list(hypothesis.labels)
        while inner and inner[0] in spaces:
            inner.pop(0)
        while inner and inner[-1] in spaces:
            inner.pop()
        if inner and not spaces.intersection(inner):
            words[tuple(inner)] = None
    words.pop(chosen, None)
    return list(words)


def share_out(texts: Sequence[str], scores: Sequence[float], confidence: float) -> tuple[Alternative, ...]:
    """Return all texts but the first with a share of the probability that its confidence leaves over.

    Args:
        scores: logarithms; the shares are in proportion to their exponentials.
    """
    others: dict[str, float] = {}
    for text, value in sorted(zip(texts[1:], scores[1:], strict=True), key=lambda item: -item[1]):
        if text and text != texts[0] and value > -np.inf:
            others.setdefault(text, value)
    if not others:
        return ()
    values = np.array(list(others.values()))
    shares = (1 - confidence) * np.exp(values - np.logaddexp.reduce(values))
    return tuple(Alternative(text, float(share)) for text, share in zip(others, shares, strict=True))
