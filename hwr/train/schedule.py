"""The learning rate over a run: warm-up, constant, decay over the last part."""

import math

from hwr.train.recipe import Optimisation


def in_decay(progress: float, options: Optimisation) -> bool:
    """True once the decay has begun; `progress` runs from 0 to 1 over the run."""
    return options.decay_share > 0 and progress >= 1 - options.decay_share


def learning_rate(step: int, progress: float, options: Optimisation) -> float:
    """The rate of step `step` (from 0) at `progress` through the run.

    The decay is 1 - sqrt(x), x the share of the decay that is over (Haegele et al. 2024, "Scaling laws and
    compute-optimal training beyond fixed training durations").
    """
    rate = options.learning_rate * min(1.0, (step + 1) / max(1, options.warm_up_steps))
    if in_decay(progress, options):
        over = min(1.0, (progress - (1 - options.decay_share)) / options.decay_share)
        rate *= 1 - math.sqrt(over)
    return rate
