"""Recipes: written and read back the same; mistakes are named."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hwr.errors import InputError, UsageError
from hwr.settings import load_toml, to_toml
from hwr.train.augment.options import AugmentOptions
from hwr.train.recipe import Optimisation, Recipe, TrainingSet, override

RECIPES = Path(__file__).parent.parent.parent / "recipes"
CHANGED = Recipe(
    train=(TrainingSet('a b/\u0153 "quoted" \\ path', 2.5, "CC0"), TrainingSet("second")),
    validation=(TrainingSet("third", licence="\x7f\t\n"),),
    preset="base",
    spec="[1,48,0,1 O1c{classes}]",
    name="n\u00e4me\u2028",
    minutes=1e16,
    lines=7,
    seed=-3,
    exclude="#\u00a4'\"",
    precision="fp32",
    optimisation=Optimisation(learning_rate=1e-05, betas=(0.5, 0.75), clip_norm=3.0),
    augment=AugmentOptions(strength=0.5, erode_mix=(0.0, 1.0)),
)


@pytest.mark.parametrize("recipe", [Recipe(), CHANGED], ids=["default", "changed"])
def test_round_trip(tmp_path: Path, recipe: Recipe) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(to_toml(recipe), encoding="utf-8")
    assert load_toml(Recipe, path) == recipe


def test_written_recipe_is_complete() -> None:
    text = to_toml(Recipe(train=(TrainingSet("x"),)))
    for name in (*Optimisation.__dataclass_fields__, *AugmentOptions.__dataclass_fields__, "seed", "validation"):
        assert f"\n{name} = " in f"\n{text}"


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.name)
def test_recipes_that_ship(path: Path) -> None:
    recipe = load_toml(Recipe, path)
    assert recipe.minutes > 0
    if recipe.train:
        assert recipe.validation and recipe.name
    else:  # the recipe of a fine-tuning, for which a user names data and model
        assert recipe.hold_out > 0 and not (recipe.validation or recipe.init_from)


def test_only_the_fine_tuning_names_no_data() -> None:
    assert [path.name for path in sorted(RECIPES.glob("*.toml")) if not load_toml(Recipe, path).train] == [
        "fine-tune.toml"
    ]


def test_there_are_recipes() -> None:
    assert (RECIPES / "small.toml").is_file()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[train]\npath = "x"', r"train = .*: a list \(\[\[train\]\]\) is needed"),
        ("minuets = 3", r"unknown key 'minuets' \(did you mean 'minutes'\?\); known: .*minutes"),
        ("[optimisation]\nrate = 1.0", "optimisation: unknown key 'rate'"),
        ("[augment]\nfrobnicate = 1.0", "augment: unknown key 'frobnicate'"),
        ('[[train]]\npath = "x"\nweigth = 2.0', "train: unknown key 'weigth'"),
        ("[surprise]\nx = 1", "unknown key 'surprise'"),
        ('minutes = "ten"', "minutes = 'ten': a number, above 0, is needed"),
        ("lines = 1.5", "lines = 1.5: a whole number, at least 0, is needed"),
        ("seed = true", "seed = True: a whole number"),
        ("seed = 999999999999999999999999999999", r"seed = 9+: a whole number, at least -9\d+ and at most 9\d+"),
        ("threads = 99999", "threads = 99999: a whole number, at least 0 and at most 1024"),
        ("minutes = true", "minutes = True: a number"),
        ("spec = 3", "spec = 3: a text in quotes is needed"),
        ("[optimisation]\nbetas = [0.9]", "betas = .*a list of 2 values is needed"),
        ('[optimisation]\nbetas = [0.9, "x"]', "betas"),
        ("[optimisation]\nbetas = 3", "betas = 3: a list is needed"),
        ("[optimisation]\nclip_norm = [1.0]", "clip_norm"),
        ('[augment]\nerode_mix = ["a", "b"]', "erode_mix"),
        (
            "[augment]\nerode_probability = 1.5",
            "erode_probability = 1.5: a number, at least 0 and at most 1",
        ),
        ("optimisation = 3", "optimisation: expected a table of settings"),
        ("train = 5", "train"),
        ('train = "folder"', "train"),
        ("[train]\npath = 'x'", "train"),
        ("[[train]]\nweight = 1.0", "train.*path"),
        ('[[train]]\npath = "x"\nweight = -1.0', "weight"),
        ("minutes = 0", "minutes = 0: a number, above 0, is needed"),
        ("minutes = nan", "minutes = nan: a number, above 0, is needed"),
        ("lines = -1", "lines = -1: a whole number, at least 0"),
        ('precision = "fp8"', "precision = 'fp8': one of auto, bf16, fp32 is needed"),
        ("[optimisation]\ndecay_share = 1.0", "decay_share"),
        ("[optimisation]\ntime_steps_per_span = 0", "time_steps_per_span = 0: a whole number, at least 1, is needed"),
        ("[optimisation]\nmomentum = -1e300", r"momentum = -1e\+300: a number, at least 0 and below 1, is needed"),
        ("[optimisation]\nwidth_jitter = [0.2, -0.2]", "width_jitter = .*the lowest value first"),
        ("[optimisation]\ntime_steps_per_span = 0", "time_steps_per_span = 0: a whole number, at least 1"),
        ("[optimisation]\nmomentum = -1e300", "momentum = -1e\\+300: a number, at least 0 and below 1"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=message) as error:
        load_toml(Recipe, path)
    assert "\n" not in str(error.value)
    assert "recipe.toml" in str(error.value)


def test_files_that_are_not_recipes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing\.toml: cannot be read"):
        load_toml(Recipe, tmp_path / "missing.toml")
    with pytest.raises(InputError, match="cannot be read"):
        load_toml(Recipe, tmp_path)
    for content in (b"minutes = = 3", b"\xff\xfe\x00"):
        (tmp_path / "broken.toml").write_bytes(content)
        with pytest.raises(InputError, match=r"not (a TOML file|UTF-8 text)|UTF-16 text that is broken"):
            load_toml(Recipe, tmp_path / "broken.toml")


def test_whole_numbers_pass_as_floats(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("minutes = 30\n[optimisation]\nbetas = [0, 0.5]\n", encoding="utf-8")
    recipe = load_toml(Recipe, path)
    assert recipe.minutes == 30.0 and recipe.optimisation.betas == (0.0, 0.5)


def test_override() -> None:
    changes: dict[str, Any] = {"minutes": 5.0, "seed": None, "learning_rate": 0.5}
    changed = override(CHANGED, **changes)
    assert changed == replace(CHANGED, minutes=5.0, optimisation=replace(CHANGED.optimisation, learning_rate=0.5))
    assert override(CHANGED) == CHANGED
