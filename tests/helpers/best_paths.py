"""Reading of one line by its best path, as tests compare decoders with it."""

import numpy as np
from numpy.typing import NDArray

from hwr.decode.confidence import UNCALIBRATED, Calibration, read_spans
from hwr.decode.lattice import best_path
from hwr.decode.reading import Reading
from hwr.text import Alphabet


def decode_greedy(
    log_probs: NDArray[np.floating], alphabet: Alphabet, calibration: Calibration = UNCALIBRATED
) -> Reading:
    """Return the reading of one line, log_probs of shape (T, classes)."""
    return read_spans([log_probs], [best_path(log_probs)], alphabet, [calibration])[0]
