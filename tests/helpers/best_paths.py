"""Random outputs of a network, and the reading of one line by its best path, with which tests compare decoders."""

import numpy as np
from numpy.typing import NDArray

from hwr.decode.confidence import UNCALIBRATED, Calibration, read_spans
from hwr.decode.lattice import best_path
from hwr.decode.reading import Reading
from hwr.text import Alphabet


def random_log_probs(steps: int, classes: int, seed: int = 0, sharpness: float = 2.0) -> NDArray[np.float64]:
    """Return log-probabilities (steps, classes); the sharper, the more certain."""
    scores = np.random.default_rng(seed).normal(0, sharpness, (steps, classes))
    return np.asarray(scores - np.logaddexp.reduce(scores, axis=1, keepdims=True))


def decode_greedy(
    log_probs: NDArray[np.floating], alphabet: Alphabet, calibration: Calibration = UNCALIBRATED
) -> Reading:
    """Return the reading of one line, log_probs of shape (T, classes)."""
    return read_spans([log_probs], [best_path(log_probs)], alphabet, [calibration])[0]
