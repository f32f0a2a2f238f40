"""Progress through a run, and the learning rate that follows from it: warm-up, constant, decay over the last part."""

import math
from dataclasses import dataclass, field
from typing import Any

from hwr.train.recipe import Optimisation, Recipe


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


LEAST_PROGRESS = 0.005
"""A validation counts as progress when its CER is lower by this part at least."""


@dataclass
class Progress:
    """Where a run stands."""

    step: int = 0
    lines: int = 0
    characters: int = 0
    seconds: float = 0.0
    epoch: int = 0
    pool: int = 0
    batch: int = 0
    synthetic_share: float = 0.0  # of the present pool
    synthetic: int = 0  # lines made for the pools before it
    non_finite: int = 0
    non_finite_in_a_row: int = 0
    last_validation: float = 0.0
    last_save: float = 0.0
    trunk_saved: bool = False
    best: float = float("inf")
    validation: dict[str, Any] = field(default_factory=dict)
    warm_up_from: int = 0  # the step at which the optimiser began afresh
    stale: int = 0  # validations without progress
    stale_above: float = float("inf")  # the mean CER that counted as progress last
    early_end: tuple[float, float, int] | None = None  # share, and the minutes and lines of the recipe it belongs to

    def share(self, recipe: Recipe) -> float:
        """How much of the run is over, 0 to 1 or more; of a run that is cut short, how much of what is left of it."""
        by_lines = self.lines / recipe.lines if recipe.lines else 0.0
        share = max(self.seconds / (60 * recipe.minutes), by_lines)
        if self.early_end is not None and self.early_end[1:] == (recipe.minutes, recipe.lines):
            share /= self.early_end[0]
        return share

    def end_early(self, recipe: Recipe) -> None:
        """Bring the end forward, so that the decay begins now and keeps its share of the run.

        The end holds for the length that the recipe has now: a run that is made longer forgets it.
        """
        self.early_end = (self.share(recipe) / (1 - recipe.optimisation.decay_share), recipe.minutes, recipe.lines)
        self.stale = 0

    def stalls(self, cer: float, patience: int) -> bool:
        """Note the mean CER of a validation; True when `patience` of them in a row brought no progress."""
        if cer < self.stale_above * (1 - LEAST_PROGRESS):
            self.stale_above, self.stale = cer, 0
        else:
            self.stale += 1
        return 0 < patience <= self.stale
