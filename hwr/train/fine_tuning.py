"""Settings for a run from a model with few lines: a gentle rate, small batches, and an end after some epochs."""

from dataclasses import replace
from pathlib import Path

from hwr.model.files import read_info
from hwr.text import counted
from hwr.train.datasets import StoreLines
from hwr.train.recipe import Optimisation, Recipe

FEW_LINES = 3000
"""A run from a model with fewer training lines is fine-tuning."""

EPOCHS = 25
MINUTES = 15.0
VALIDATE_MINUTES = 1.0
HOLD_OUT = 0.1

OPTIMISATION = Optimisation(
    optimiser="adamw",  # the settings below were tried with AdamW
    learning_rate=5e-4,
    warm_up_steps=20,
    decay_share=0.9,
    ema=0.98,
    columns_per_batch=4_000,
    # Released weights have no auxiliary head: a new one would disturb convolutions that are already good.
    auxiliary_weight=0.0,
)


GROWTH_RATE = 1.5e-3
"""The learning rate if characters may be new: a step moves a weight by about the rate, and theirs have far to go."""


def fine_tuning_recipe(recipe: Recipe, lines: int, hold_out: float | None = None, endless: bool = False) -> Recipe:
    """Return `recipe` with the settings for fine-tuning on `lines` training lines; data, start and name do not change.

    Args:
        hold_out: share of the lines to validate on if there are no validation sets; None: `HOLD_OUT`.
        endless: only the minutes end the run; otherwise it ends after `EPOCHS` epochs, if these come first.
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
    """Describe fine-tuning on `lines` lines, in one line."""
    return (
        f"{counted(lines, 'line')}: fine-tuning with the settings for few lines (--no-fine-tune: those for many), "
        + (f"until {counted(recipe.lines, 'line')} seen or for " if recipe.lines else "for ")
        + f"{recipe.minutes:g} minute{'' if recipe.minutes == 1 else 's'}"
    )


def count_lines(recipe: Recipe) -> int:
    """Return the number of lines with a text in the training data of a recipe that starts from a model.

    Raises:
        HwrError: the model or the data cannot be opened, or do not fit each other.
    """
    height = read_info(Path(recipe.init_from)).height
    stores = [StoreLines(Path(entry.path), height, "train") for entry in recipe.train]
    return sum(1 for store in stores for text in store.texts() if text)
