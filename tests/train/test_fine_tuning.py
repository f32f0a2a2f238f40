"""The settings for few lines: what they change, how lines are counted, and that the recipe file says the same."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from helpers.training_runs import SPEC, drawn_store
from hwr.errors import InputError
from hwr.line import NORMALISATION, NORMALISATION_VERSION
from hwr.model.checkpoint import save_model
from hwr.model.info import ModelInfo
from hwr.model.network import build
from hwr.settings import load_toml
from hwr.train.fine_tuning import EPOCHS, GROWTH_RATE, MINUTES, OPTIMISATION, count_lines, describe, fine_tuning_recipe
from hwr.train.recipe import Optimisation, Recipe, TrainingSet

ROOT = Path(__file__).parent.parent.parent
BEGUN = Recipe(train=(TrainingSet("mine.parquet"),), init_from="small.safetensors", name="mine", seed=4, exclude="#")


def test_what_few_lines_change() -> None:
    settings = fine_tuning_recipe(BEGUN, 200)
    assert settings.lines == EPOCHS * 180 and settings.minutes == MINUTES <= 15 and settings.hold_out == 0.1
    assert settings.optimisation == OPTIMISATION != Optimisation()
    kept = ("train", "init_from", "name", "seed", "exclude", "precision", "threads", "alphabet", "augment")
    assert all(getattr(settings, name) == getattr(BEGUN, name) for name in kept)


def test_new_characters_need_a_higher_rate() -> None:
    for alphabet in ("extend", "replace"):
        settings = fine_tuning_recipe(replace(BEGUN, alphabet=alphabet), 200)
        assert settings.alphabet == alphabet
        assert settings.optimisation == replace(OPTIMISATION, learning_rate=GROWTH_RATE)
    assert OPTIMISATION.learning_rate < GROWTH_RATE


def test_nothing_is_held_out_with_validation_data() -> None:
    settings = fine_tuning_recipe(replace(BEGUN, validation=(TrainingSet("val.parquet"),)), 200, hold_out=0.3)
    assert settings.hold_out == 0 and settings.lines == EPOCHS * 200
    assert fine_tuning_recipe(BEGUN, 200, hold_out=0.0).hold_out == 0
    assert fine_tuning_recipe(BEGUN, 200, hold_out=0.5).lines == EPOCHS * 100


def test_minutes_that_are_asked_for_are_used() -> None:
    assert fine_tuning_recipe(BEGUN, 200, endless=True).lines == 0


def test_what_is_said() -> None:
    told = describe(fine_tuning_recipe(BEGUN, 200), 200)
    assert told.startswith("200 lines: fine-tuning ") and f"until {EPOCHS * 180:,} lines seen or for 15 m" in told
    assert told.endswith("or for 15 minutes")
    assert describe(replace(fine_tuning_recipe(BEGUN, 1200, 0.0, True), minutes=2.5), 1200).endswith(
        ", for 2.5 minutes"
    )


def test_lines_are_counted(tmp_path: Path) -> None:
    info = ModelInfo(SPEC.replace("{classes}", "5"), "abcd", 48, NORMALISATION, NORMALISATION_VERSION, 4)
    torch.manual_seed(1)
    save_model(tmp_path / "m.safetensors", build(info.spec).state_dict(), info)
    data = TrainingSet(str(drawn_store(tmp_path / "store", train=30, validation=7)))
    recipe = Recipe(train=(data, data), init_from=str(tmp_path / "m.safetensors"))
    assert count_lines(recipe) == 60
    with pytest.raises(InputError, match="missing"):
        count_lines(replace(recipe, train=(TrainingSet("missing"),)))


def test_the_recipe_file_has_the_same_settings() -> None:
    recipe = load_toml(Recipe, ROOT / "recipes" / "fine-tune.toml")
    expected = fine_tuning_recipe(Recipe(), 200)
    assert recipe == replace(expected, name=recipe.name)
