"""Careful reading: decode each line in three views, and choose the text that fits all of them best.

A view is the line a little narrower or wider, slanted, and with a thicker or thinner pen. A network makes different
errors in different views, while the right text is probable in all of them. So the texts found in any view are compared
by their probability in every view (the forward algorithm) and by the scorers of the decoder.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hwr.decode.beam import Hypothesis
from hwr.decode.lattice import align, text_log_probabilities
from hwr.files.images import GreyImage
from hwr.recognize.decoder import DecodedLine, Decoder, LogProbs

CANDIDATES = 5
"""Texts to compare from each view."""


@dataclass(frozen=True)
class View:
    """A change of a normalised line.

    Attributes:
        width: factor.
        slant: columns to the right for each row further down.
        pen: share of a dilation of the ink by one pixel; negative: of an erosion.
    """

    width: float = 1.0
    slant: float = 0.0
    pen: float = 0.0

    def of(self, ink: GreyImage) -> GreyImage:
        """Return the line in this view, uint8 (height, W)."""
        import cv2

        if self == View():
            return ink
        height, width = ink.shape
        size = (max(1, round(self.width * width)), height)
        to_view = np.array([[self.width, self.slant, -self.slant * (height - 1) / 2], [0.0, 1.0, 0.0]])
        moved = cv2.warpAffine(ink, to_view, size, flags=cv2.INTER_LINEAR)
        change = (cv2.dilate if self.pen > 0 else cv2.erode)(moved, np.ones((2, 2), np.uint8))
        return np.asarray(cv2.addWeighted(moved, 1 - abs(self.pen), change, abs(self.pen), 0), np.uint8)


VIEWS = (View(), View(0.93, 0.08, 0.5), View(1.07, -0.08, -0.5))


def decode_views(
    network: Callable[[Sequence[GreyImage]], list[LogProbs]],
    decoder: Decoder,
    lines: Sequence[GreyImage],
    results: int = 1,
) -> tuple[list[LogProbs], list[DecodedLine]]:
    """Return the log-probabilities of each line as it is, and the text that fits all views best, aligned to them.

    Args:
        network: normalised lines -> log-probabilities, (T, classes) each.
        lines: normalised, of one document.
        results: number of texts to return for each line.
    """
    views = [network([view.of(line) for line in lines]) for view in VIEWS]
    found = [decoder.decode(log_probs, max(results, CANDIDATES)) for log_probs in views]
    chosen = [
        _choose(decoder, log_probs, decoded, results)
        for log_probs, decoded in zip(zip(*views, strict=True), zip(*found, strict=True), strict=True)
    ]
    return views[0], chosen


def _choose(decoder: Decoder, views: Sequence[LogProbs], found: Sequence[DecodedLine], results: int) -> DecodedLine:
    """Rank the texts that were found in the views of a line."""
    texts = list(dict.fromkeys(text for line in found for text in _texts(line)))
    # A text that is too long for the narrowest view has no probability there; that view's own texts fit all of them.
    paths = np.mean([text_log_probabilities([view] * len(texts), texts) for view in views], axis=0)
    scores = paths + np.array([decoder.score(found[0], text) for text in texts])
    best = np.argsort(-scores, kind="stable")[:results]
    ranked = tuple(Hypothesis(texts[index], float(paths[index]), float(scores[index])) for index in best)
    language, chosen = found[0].language, ranked[0].labels
    return DecodedLine(align(views[0], chosen), language, ranked, decoder.predict(language, chosen))


def _texts(line: DecodedLine) -> list[tuple[int, ...]]:
    """Return the labels of all texts of a decoded line; a best path has one."""
    return [text.labels for text in line.texts] or [tuple(span.label for span in line.spans)]
