"""`hwr train mine.parquet --init-from MODEL`: what a user with few lines gets without further options."""

import dataclasses
import json
from pathlib import Path

import pytest

from helpers.commands import Run
from helpers.training_runs import SPEC, Recorder, drawn_store, recipe
from hwr.model.files import read_info
from hwr.recognize.models import find_model
from hwr.settings import load_toml, to_toml
from hwr.store.lines import LineStore
from hwr.store.writing import write_lines
from hwr.train import fine_tuning
from hwr.train.folder import BEST, LAST, METRICS, RECIPE
from hwr.train.recipe import Optimisation, Recipe, TrainingSet
from hwr.train.run import train

COMMAND = ("train",)
SAMPLES = Path(__file__).parent.parent.parent / "data" / "samples" / "lines"


@pytest.fixture(autouse=True)
def empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Train in an empty folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A single file of 30 lines."""
    path = tmp_path_factory.mktemp("data") / "mine.parquet"
    write_lines(path, list(LineStore(SAMPLES / "train.parquet"))[:30])
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model of four letters."""
    store = drawn_store(tmp_path_factory.mktemp("drawn") / "store", train=40, validation=5)
    return train(recipe(store, lines=20), tmp_path_factory.mktemp("model"), Recorder()).model


def test_few_lines_are_fine_tuned_and_measured(tmp_path: Path, run: Run, mine: Path, model: Path) -> None:
    done = run(mine, "--init-from", model, "--alphabet", "extend", "--threads", 1, "--lines", 40)
    assert done.code == 0, done.err
    folder = tmp_path / "runs" / "mine"  # as the file is called
    assert done.out.strip() == str(Path("runs") / "mine" / BEST)
    assert "30 lines: fine-tuning with the settings for few lines" in done.err and "until 40 lines seen" in done.err
    recipe = load_toml(Recipe, folder / RECIPE)
    assert (
        recipe == dataclasses.replace(fine_tuning.fine_tuning_recipe(recipe, 30), lines=40) and recipe.hold_out == 0.1
    )
    assert recipe.optimisation.learning_rate == fine_tuning.GROWTH_RATE

    assert done.err.index("before training:") < done.err.index("mine: CER")
    log = [json.loads(line) for line in (folder / METRICS).read_text(encoding="utf-8").splitlines()]
    validations = [event for event in log if event["event"] == "validation"]
    assert [event["step"] for event in validations] == [0, log[-1]["step"]]
    assert read_info(folder / LAST).trained_on["mine"]["lines"] == 27
    best = read_info(folder / BEST)
    assert best.validation["mine"]["lines"] == 3
    assert best.training["steps"] == log[-1]["step"]  # what has settled, not the best of some guesses on three lines
    before, after = (event["mean_cer"] for event in validations)
    assert f"3 validation lines, as `hwr recognize` reads them: CER {before:.4f}, WER " in done.err
    assert f" (greedily) before training, CER {after:.4f}, WER " in done.err
    assert ("nothing was gained" in done.err) is (after >= before)

    resumed = run("-o", folder, "--resume", "--lines", 60)
    assert resumed.code == 0, resumed.err
    assert f"CER {before:.4f}, WER " in resumed.err and "(greedily) before training, CER" in resumed.err

    mine.rename(mine.with_suffix(".away"))
    moved = run("-o", folder, "--resume", "--lines", 80)
    mine.with_suffix(".away").rename(mine)
    assert moved.code == 2
    assert f"{mine}: does not exist; if the data have moved" in moved.err
    assert f"hwr train NEW_PLACE -o {folder} --resume" in moved.err

    again = run(mine, "--init-from", model, "--alphabet", "extend")
    assert again.code == 2 and "already contains a run" in again.err


def test_all_lines_are_trained_on_when_asked(tmp_path: Path, run: Run, mine: Path, model: Path) -> None:
    options = (mine, "--init-from", model, "--alphabet", "extend", "--threads", 1, "--lines", 4)
    done = run(*options, "-o", "all", "--hold-out", 0)
    assert done.code == 0, done.err
    assert not (tmp_path / "all" / BEST).exists() and "no validation data" in done.err
    assert find_model(tmp_path / "all").graph == (tmp_path / "all" / LAST).with_suffix(".onnx")
    assert read_info(tmp_path / "all" / LAST).trained_on["mine"]["lines"] == 30

    done = run(*options, "-o", "val", "--val", SAMPLES)
    assert done.code == 0, done.err
    assert load_toml(Recipe, tmp_path / "val" / RECIPE).hold_out == 0
    assert read_info(tmp_path / "val" / LAST).trained_on["mine"]["lines"] == 30


def test_the_number_of_lines_decides(
    tmp_path: Path, run: Run, mine: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fine_tuning, "FEW_LINES", 30)
    options = (mine, "--init-from", model, "--alphabet", "extend", "--threads", 1, "--lines", 2)
    for folder, more, optimisation in (
        ("many", (), Optimisation()),
        ("asked", ("--fine-tune", "--learning-rate", 0.25), fine_tuning.OPTIMISATION),
    ):
        done = run(*options, "-o", folder, *more)
        assert done.code == 0, done.err
        found = load_toml(Recipe, tmp_path / folder / RECIPE).optimisation
        assert found.ema == optimisation.ema
        assert found.learning_rate == (0.25 if more else optimisation.learning_rate)
    monkeypatch.setattr(fine_tuning, "FEW_LINES", 31)
    assert run(*options, "-o", "not", "--no-fine-tune").code == 0
    assert load_toml(Recipe, tmp_path / "not" / RECIPE).optimisation == Optimisation()


def test_lines_are_held_out_of_any_training(tmp_path: Path, run: Run, mine: Path) -> None:
    done = run(mine, "-o", "run", "--spec", SPEC, "--threads", 1, "--lines", 4, "--hold-out", 0.2)
    assert done.code == 0, done.err
    assert read_info(tmp_path / "run" / BEST).validation["mine"]["lines"] == 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((SAMPLES, "--hold-out", 0.2), f"--hold-out has no effect: there are validation data ({SAMPLES})"),
        (("mine", "mine"), "mine: given twice; in a recipe, weight says how often a set is seen"),
        (("mine", "--patience", 3), "--patience needs validation data: give --val or --hold-out"),
    ],
)
def test_options_of_validation_that_would_do_nothing(
    tmp_path: Path, run: Run, arguments: tuple[object, ...], message: str
) -> None:
    done = run(*arguments, "-o", "run", "--spec", SPEC)
    assert (done.code, done.err) == (2, f"hwr: error: {message}\n")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("option", [("--seed", 2), ("--exclude", "e")])
def test_lines_that_were_held_out_are_not_trained_on_later(
    tmp_path: Path, run: Run, option: tuple[str, object]
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / RECIPE).write_text(to_toml(Recipe(train=(TrainingSet("mine.parquet"),), hold_out=0.1)))
    done = run("-o", "run", "--resume", *option)
    message = f"hwr: error: {option[0]} would change which lines are held out; start a new run instead\n"
    assert (done.code, done.err) == (2, message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--fine-tune", "data.parquet"), "--fine-tune needs --init-from"),
        (
            ("--recipe", "recipe.toml", "--init-from", "small", "--fine-tune", "data.parquet"),
            "cannot be combined with --recipe",
        ),
        (("--init-from", "small"), "name the training data, or a run folder with -o"),
        (("--init-from", "small", "missing.parquet"), "missing.parquet: does not exist"),
    ],
)
def test_options_that_exclude_each_other_are_refused(
    tmp_path: Path, run: Run, arguments: tuple[str, ...], message: str
) -> None:
    (tmp_path / "recipe.toml").write_text("minutes = 1.0\n")
    done = run(*arguments)
    assert done.code == 2 and message in done.err and done.err.count("\n") == 1
    assert not (tmp_path / "runs").exists()
