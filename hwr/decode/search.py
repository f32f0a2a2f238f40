"""The beam search of `hwr.decode.beam`: compiled (search.c) if its library is available, otherwise in NumPy.

Both find the same texts.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hwr.decode import compiled
from hwr.decode.beam import BeamSettings, Hypothesis, Scorer


def beam_search(
    log_probs: Sequence[NDArray[np.floating]], settings: BeamSettings, scorer: Scorer | None = None, results: int = 1
) -> list[list[Hypothesis]]:
    """Find the most probable texts of several lines.

    Args:
        log_probs: for each line, natural logarithms of shape (T, classes), T >= 0; class 0 is the blank. All lines have
            the same classes. The NumPy search is fastest for lines of similar length.

    Returns:
        For each line at most `results` hypotheses, at most as many as the width, the best first; at least one.

    Raises:
        ValueError: a shape does not fit.
    """
    if not log_probs:
        return []
    classes = log_probs[0].shape[-1]
    if any(line.ndim != 2 or line.shape[1] != classes for line in log_probs) or not 2 <= classes < 2**15:
        raise ValueError("expected log_probs of shape (T, classes), with at least 2 classes, the same for all lines")
    results = min(results, settings.width)
    fast = compiled.compiled_scorer(scorer)
    if fast is not None:
        found = [compiled.search(line, settings, fast, results) for line in log_probs]
    else:
        from hwr.decode import numpy_search

        found = numpy_search.search(log_probs, settings, scorer, results)
    return [line or [Hypothesis((), -np.inf, -np.inf)] for line in found]
