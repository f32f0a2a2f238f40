"""Other readings of the words of a line, with their probabilities.

A word is searched again on the time steps that `hwr.decode.confidence` counts for it, and what is found is compared
with the word that was chosen: by the probability of its paths (the forward algorithm) and by what the scorer gives the
whole line with it. What the chosen word's confidence leaves to 1 is shared out in proportion.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from hwr.decode.beam import BeamSettings, Hypothesis, beam_search
from hwr.decode.confidence import find_windows, space_labels
from hwr.decode.lattice import LabelSpan, text_log_probabilities
from hwr.page.page import Alternative
from hwr.text import Alphabet, normalise_text

SEARCHED = 24
"""Texts that are found for each word."""

Score = Callable[[Sequence[int]], float]


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
    """The texts without spaces around them; none that is empty, has a space inside, or is the chosen word."""
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
    """Return all texts but the first, which has the confidence, with what is left to 1 in proportion to their scores.

    Args:
        scores: logarithms of what the probabilities are in proportion to.
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
