"""What a run from a model needs when its lines are few: a gentle rate, small batches, and an end after some epochs."""

from dataclasses import replace
from pathlib import Path

from hwr.model.files import read_info
from hwr.train.datasets import StoreLines
from hwr.train.recipe import Optimisation, Recipe

FEW_LINES = 3000
"""A run from a model with fewer training lines is a fine-tuning."""

EPOCHS = 25
MINUTES = 15.0
VALIDATE_MINUTES = 1.0
HOLD_OUT = 0.1

OPTIMISATION = Optimisation(
    optimiser="adamw",  # what the settings were tried with
    learning_rate=5e-4,
    warm_up_steps=20,
    decay_share=0.9,
    ema=0.98,
    columns_per_batch=4_000,
    # The released weights lack the auxiliary head: a fresh one would pull at convolutions that are good already.
    auxiliary_weight=0.0,
)


GROWTH_RATE = 1.5e-3
"""The learning rate where characters may be new: a step moves a weight by about the rate, and theirs have far to go."""


def fine_tuning(recipe: Recipe, lines: int, hold_out: float | None = None, endless: bool = False) -> Recipe:
    """The settings of a fine-tuning on `lines` training lines put into `recipe`; data, start and name stay as they are.

    Args:
        hold_out: share of the lines to validate on where there are no validation sets; None: `HOLD_OUT`.
        endless: only the minutes end the run; else it ends after `EPOCHS` epochs, if these come first.
    """
    rate = OPTIMISATION.learning_rate if recipe.alphabet == "keep" else GROWTH_RATE
    held = 0.0 if recipe.validation else HOLD_OUT if hold_out is None else hold_out
    return replace(
        recipe,
        hold_out=held,
        minutes=MINUTES,
        lines=0 if endless else max(1, round(EPOCHS * lines * (1 - held))),
        validate_minutes=VALIDATE_MINUTES,
        optimisation=replace(OPTIMISATION, learning_rate=rate),
    )


def describe(recipe: Recipe, lines: int) -> str:
    """What a fine-tuning on `lines` lines does, in one line."""
    return (
        f"fine-tuning on {lines:,} lines with settings for few (--no-fine-tune: those for many), "
        + (f"until {recipe.lines:,} lines are seen or for " if recipe.lines else "for ")
        + f"{recipe.minutes:g} minutes"
        + (f"; {recipe.hold_out:.0%} of the lines are held out to measure on" if recipe.hold_out else "")
    )


def count_lines(recipe: Recipe) -> int:
    """Return the number of lines with a text in the training data of a recipe that starts from a model.

    Raises:
        HwrError: the model or the data cannot be opened, or do not fit each other.
    """
    height = read_info(Path(recipe.init_from)).height
    stores = [StoreLines(Path(entry.path), height, "train") for entry in recipe.train]
    return sum(1 for store in stores for text in store.texts() if text)
