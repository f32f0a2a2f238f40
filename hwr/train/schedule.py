"""Progress through a run, and what follows from it: the learning rate, the strength of regularisation."""

import math
from dataclasses import dataclass, field
from typing import Any

from hwr.train.recipe import Optimisation, Recipe

MIN_GAIN = 0.005
"""A validation brings progress if it lowers the CER by at least this share of it."""

Position = tuple[int, int, int]
"""Epoch, pool and batch that come next."""


def in_decay(progress: float, options: Optimisation) -> bool:
    """Return whether the decay has begun; `progress` runs from 0 to 1 over the run."""
    return options.decay_share > 0 and progress >= 1 - options.decay_share


def learning_rate(step: int, progress: float, options: Optimisation) -> float:
    """Return the rate of step `step` (from 0) at `progress` through the run: warm-up, constant, decay.

    The decay is 1 - sqrt(x), where x is the share of the decay that is done (Haegele et al. 2024, "Scaling laws and
    compute-optimal training beyond fixed training durations").
    """
    rate = options.learning_rate * min(1.0, (step + 1) / max(1, options.warm_up_steps))
    if in_decay(progress, options):
        over = min(1.0, (progress - (1 - options.decay_share)) / options.decay_share)
        rate *= 1 - math.sqrt(over)
    return rate


def regularisation(progress: float, options: Optimisation) -> float:
    """Return the strength of augmentation, dropout and span masking at `progress`: 1, then falling linearly to 0."""
    if options.relax_share == 0:
        return 1.0
    return min(1.0, max(0.0, (1 - progress) / options.relax_share))


@dataclass
class Progress:
    """The state of a run apart from weights and optimiser.

    Attributes:
        skipped: lines skipped in the first epoch, by reason.
        warm_up_from: the step at which the optimiser started from scratch.
        stale: validations since the last one that brought progress.
        stale_above: the mean CER of that one.
        before: error rates of the initial model, and the sets that they were measured on.
        early_end: share of the run at which it ends, and the recipe's minutes and lines, for which this is valid.
    """

    step: int = 0
    lines: int = 0
    characters: int = 0
    seconds: float = 0.0
    position: Position = (0, 0, 0)
    skipped: dict[str, int] = field(default_factory=dict)
    non_finite: int = 0
    non_finite_in_a_row: int = 0
    last_validation: float = 0.0
    last_save: float = 0.0
    trunk_saved: bool = False
    best: float = float("inf")
    validation: dict[str, Any] = field(default_factory=dict)
    before: dict[str, Any] = field(default_factory=dict)
    warm_up_from: int = 0
    stale: int = 0
    stale_above: float = float("inf")
    early_end: tuple[float, float, int] | None = None

    @property
    def epoch(self) -> int:
        """The epoch that the next batch belongs to, or the one before at its end."""
        return self.position[0]

    def share(self, recipe: Recipe) -> float:
        """Return how much of the run is over, 0 to 1 or more; a run that ends early is shorter."""
        by_lines = self.lines / recipe.lines if recipe.lines else 0.0
        share = max(self.seconds / (60 * recipe.minutes), by_lines)
        if self.early_end is not None and self.early_end[1:] == (recipe.minutes, recipe.lines):
            share /= self.early_end[0]
        return share

    def end_early(self, recipe: Recipe) -> None:
        """Bring the end forward, so that the decay begins now and keeps its share of the run.

        A run that is made longer forgets its early end.
        """
        self.early_end = (self.share(recipe) / (1 - recipe.optimisation.decay_share), recipe.minutes, recipe.lines)
        self.stale = 0

    def stalls(self, cer: float, patience: int) -> bool:
        """Note the mean CER of a validation; True when `patience` validations in a row brought no progress."""
        if cer < self.stale_above * (1 - MIN_GAIN):
            self.stale_above, self.stale = cer, 0
        else:
            self.stale += 1
        return 0 < patience <= self.stale
