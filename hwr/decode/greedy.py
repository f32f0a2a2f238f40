"""The best path through CTC's log-probabilities.

The best path takes the likeliest class at each time step; runs of one class are one character, and the blank is
dropped (Graves et al. 2006, "best path decoding"). It is the fastest decoder and needs nothing but the network.
"""

import numpy as np
from numpy.typing import NDArray

from hwr.decode.confidence import UNCALIBRATED, Calibration, read_spans
from hwr.decode.lattice import LabelSpan
from hwr.decode.reading import Reading
from hwr.text import BLANK, Alphabet, normalise_text


def best_path(log_probs: NDArray[np.floating]) -> tuple[LabelSpan, ...]:
    """The labels of the best path with their time steps; log_probs of shape (T, classes), T >= 0."""
    if len(log_probs) == 0:
        return ()
    best = log_probs.argmax(axis=1)
    starts = np.concatenate(([0], np.flatnonzero(best[1:] != best[:-1]) + 1))
    stops = np.append(starts[1:], len(best))
    runs = zip(best[starts].tolist(), starts.tolist(), stops.tolist(), strict=True)
    return tuple(LabelSpan(*run) for run in runs if run[0] != BLANK)


def decode_greedy(
    log_probs: NDArray[np.floating], alphabet: Alphabet, calibration: Calibration = UNCALIBRATED
) -> Reading:
    """Read the best path of one line; `hwr.decode.confidence.read_spans` does many at a time.

    Args:
        log_probs: natural logarithms of probabilities, shape (T, classes), T >= 0; class 0 is the CTC blank.
        alphabet: characters of the classes 1, 2, ...

    Raises:
        ValueError: the shape does not belong to the alphabet.
    """
    return read_spans([log_probs], [best_path(log_probs)], alphabet, calibration)[0]


def greedy_text(log_probs: NDArray[np.floating], alphabet: Alphabet) -> str:
    """The text of the best path alone, which costs least."""
    return normalise_text(alphabet.decode([span.label for span in best_path(log_probs)]))
