"""What a run from a model needs when its lines are few: a gentle rate, small batches, and an end after some epochs."""

from dataclasses import replace
from pathlib import Path

from hwr.model.info import read_info
from hwr.train.data import Normalised, open_sources
from hwr.train.recipe import Optimisation, Recipe

FEW_LINES = 3000
"""A run from a model with fewer training lines is a fine-tuning."""

EPOCHS = 40
MINUTES = 15.0
VALIDATE_MINUTES = 1.0
HOLD_OUT = 0.1

OPTIMISATION = Optimisation(
    learning_rate=5e-4,
    warm_up_steps=20,
    decay_share=0.9,
    ema=0.98,
    columns_per_batch=4_000,
    # The released weights lack the auxiliary head: a fresh one would pull at convolutions that are good already.
    shortcut_weight=0.0,
)


def fine_tuning(recipe: Recipe, lines: int = 0) -> Recipe:
    """The settings of a fine-tuning on `lines` training lines put into `recipe`; data, start and name stay as they are.

    The run ends after `EPOCHS` epochs or `MINUTES` minutes, whichever comes first. 0 lines: after the minutes.
    """
    return replace(
        recipe,
        minutes=MINUTES,
        lines=EPOCHS * lines,
        validate_minutes=VALIDATE_MINUTES,
        optimisation=OPTIMISATION,
    )


def count_lines(recipe: Recipe) -> int:
    """Lines with a text in the training data of a recipe that starts from a model.

    Raises:
        HwrError: the model or the data cannot be opened, or do not fit each other.
    """
    info = read_info(Path(recipe.init_from))
    wanted = Normalised(info.normalisation, info.normalisation_version, info.height)
    sources = [source for item in recipe.train for source in open_sources(Path(item.path), wanted, "train", item.set)]
    return sum(1 for source in sources for text in source.texts() if text)
