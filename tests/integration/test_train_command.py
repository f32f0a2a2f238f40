"""`hwr train` as a user runs it: files, resuming, signals, bad input."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from helpers.commands import Outcome, Run
from helpers.training_runs import SPEC, drawn_store, read_log, recipe
from hwr.model.files import read_info
from hwr.settings import load_toml, to_toml
from hwr.store.lines import LineStore, StoredLine
from hwr.store.writing import write_lines
from hwr.train.folder import BEST, LAST, METRICS, RECIPE, RESUME, TRUNK, TRUNK_RESUME
from hwr.train.loop import StepReport
from hwr.train.recipe import Optimisation, Recipe, TrainingSet
from hwr.train.run import Run as TrainingRun

COMMAND = ("train",)
ROOT = Path(__file__).parent.parent.parent
SAMPLES = ROOT / "data" / "samples" / "lines"
TINY = ("--spec", SPEC, "--threads", "1", "--precision", "fp32")


def store_with_texts(folder: Path, texts: list[str]) -> Path:
    """A line store of images from the samples with these texts."""
    lines = list(LineStore(SAMPLES / "val.parquet"))[: len(texts)]
    stored = [
        StoredLine(line.image, line.path, text, line.id, line.width, line.height)
        for line, text in zip(lines, texts, strict=True)
    ]
    folder.mkdir()
    write_lines(folder / "train.parquet", stored)
    return folder


def test_a_run_leaves_its_files_and_continues(tmp_path: Path, run: Run) -> None:
    folder, data = tmp_path / "run", drawn_store(tmp_path / "drawn", train=60, validation=10)
    done = run(data, "-o", folder, *TINY, "--lines", 160, "--name", "mine", "--licence", "CC0", "--seed", 5)
    assert done.code == 0, done.err
    assert done.out == f"{folder / BEST}\n"
    files = {BEST, "best.onnx", LAST, TRUNK, RESUME, TRUNK_RESUME, METRICS, RECIPE}
    assert {path.name for path in folder.iterdir()} == files

    texts = list(LineStore(data / "train.parquet", normalised=True).texts())
    info = read_info(folder / BEST)
    assert (info.name, info.licence, info.training["seed"]) == ("mine", "CC0", 5)
    assert info.alphabet == "".join(sorted(set("".join(texts))))
    assert info.trained_on["drawn"]["lines"] == len(texts)
    assert info.training["lines_seen"] >= 160 and info.validation["drawn"]["lines"] == 10
    assert info.training["command"].startswith("hwr train ")
    assert [event["event"] for event in read_log(folder)] == ["session", "step", "validation", "end"]
    kept = load_toml(Recipe, folder / RECIPE)
    assert (kept.spec, kept.lines, kept.precision, kept.train[0].path) == (SPEC, 160, "fp32", str(data))

    assert "already contains a run" in run(data, "-o", folder, *TINY).error
    recipe = (folder / RECIPE).rename(tmp_path / "kept.toml")
    lost = run("-o", folder, "--resume").error
    assert "recipe.toml: no such file" in lost and f"--init-from {folder / LAST}" in lost
    recipe.rename(folder / RECIPE)
    longer = run("-o", folder, "--resume", "--lines", 400)
    assert longer.code == 0, longer.err
    assert "resuming from the trunk" in longer.err
    assert read_info(folder / BEST).training["lines_seen"] >= 400
    assert load_toml(Recipe, folder / RECIPE).lines == 400


def test_a_run_is_stopped_and_continues(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, data = tmp_path / "run", drawn_store(tmp_path / "drawn", train=60, validation=5)
    after_step = TrainingRun.after_step

    def with_signal(made: TrainingRun, report: StepReport) -> None:
        after_step(made, report)
        if report.step == 1:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(TrainingRun, "after_step", with_signal)
    done = run(data, "-o", folder, *TINY)
    monkeypatch.undo()
    assert (done.code, done.out) == (130, f"{folder / LAST}\n"), done.err
    check_stopped_run(folder, done.messages, run)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_ends_and_resume_continues(tmp_path: Path, run: Run, number: signal.Signals) -> None:
    folder, data = tmp_path / "run", drawn_store(tmp_path / "drawn", train=60, validation=5)
    command = [sys.executable, "-m", "hwr", "train", str(data), "-o", str(folder), *TINY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None and child.stderr is not None
        heard = []
        for line in child.stderr:
            heard.append(line)
            if "step 1 " in line:
                child.send_signal(number)
                break
        heard += child.stderr.readlines()
        out = child.stdout.read()
        assert child.wait(60) == 130, heard
    assert out == f"{folder / LAST}\n"
    check_stopped_run(folder, heard, run)


def check_stopped_run(folder: Path, heard: list[str], run: Run) -> None:
    """Check what a run that was stopped has said and saved, and that it continues."""
    assert sum("stopping after this step" in line for line in heard) == 1
    assert not any("Traceback" in line for line in heard)
    stopped = read_log(folder)[-1]
    assert stopped["event"] == "stopped"
    assert any(f"to continue: hwr train -o {folder} --resume" in line for line in heard)
    assert read_info(folder / LAST).training["steps"] == stopped["step"]

    done = run("-o", folder, "--resume", "--lines", stopped["lines"] + 60)
    assert done.code == 0, done.err
    assert f"resuming at step {stopped['step']}, {stopped['lines']:,} line" in done.err
    end = read_log(folder)[-1]
    assert end["event"] == "end" and end["lines"] >= stopped["lines"] + 60


def test_a_recipe_file_with_options_over_it(tmp_path: Path, run: Run) -> None:
    store = drawn_store(tmp_path / "store", train=40, validation=5)
    file = tmp_path / "recipe.toml"
    file.write_text(to_toml(recipe(store, lines=1_000_000, name="drawn", seed=3)), encoding="utf-8")
    done = run("--recipe", file, "-o", tmp_path / "run", "--lines", 30, "--learning-rate", 0.001)
    assert done.code == 0, done.err
    kept = load_toml(Recipe, tmp_path / "run" / RECIPE)
    assert (kept.lines, kept.optimisation.learning_rate, kept.name, kept.seed) == (30, 0.001, "drawn", 3)
    assert kept.optimisation.columns_per_batch == 1500
    assert read_info(tmp_path / "run" / BEST).alphabet == "abcd"


@pytest.mark.parametrize("kind", [Recipe, TrainingSet, Optimisation])
def test_the_guide_lists_every_setting_with_its_default(kind: type[Any]) -> None:
    guide = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    rows = {}
    for line in guide.splitlines():
        if line.startswith("| `"):
            names, defaults = line.split("|")[1:3]
            rows |= dict(zip(names.replace("`", "").split(","), defaults.replace("`", "").split(", "), strict=False))
            rows |= {names.replace("`", "").strip(): defaults.replace("`", "").strip()}
    rows = {name.strip(): default.strip() for name, default in rows.items()}
    tables = {"train", "validation", "optimisation", "augment", "path"}
    for setting in dataclasses.fields(kind):
        if setting.name not in tables:
            default = list(setting.default) if isinstance(setting.default, tuple) else setting.default
            assert rows[setting.name] == json.dumps(default), setting.name


def test_moved_data_is_named_again(tmp_path: Path, run: Run) -> None:
    """Weights and licences of the sets stay, and so does validation data that is not named."""
    store = drawn_store(tmp_path / "here" / "store", train=60, validation=5)
    shutil.copytree(store, tmp_path / "validation")
    sets = (TrainingSet(str(store), 2.5, "CC0"),)
    settings = recipe(store, train=sets, validation=(TrainingSet(str(tmp_path / "validation")),), lines=20)
    file = tmp_path / "recipe.toml"
    file.write_text(to_toml(settings), encoding="utf-8")
    folder = tmp_path / "run"
    assert run("--recipe", file, "-o", folder).code == 0
    moved = (tmp_path / "here").rename(tmp_path / "there") / "store"
    assert "store: does not exist" in run("-o", folder, "--resume", "--lines", 40).error
    done = run(moved, "--val", tmp_path / "validation", "-o", folder, "--resume", "--lines", 40)
    assert done.code == 0, done.err
    kept = load_toml(Recipe, folder / RECIPE)
    assert kept.train == (replace(sets[0], path=str(moved)),)
    assert kept.validation == settings.validation
    facts = read_info(folder / LAST).trained_on["store"]
    assert (facts["weight"], facts["licence"]) == (2.5, "CC0")


def test_a_dry_run_prints_what_a_run_costs_and_writes_nothing(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(SAMPLES, *TINY, "--dry-run", "--lines", 320)
    assert done.code == 0, done.err
    assert "160 " in done.out and "the run" in done.out and " 320 lines" in done.out
    assert "epochs       2.00" in done.out
    assert list(tmp_path.iterdir()) == []
    assert "there is no run to resume" in run("--dry-run", "--resume", "-o", tmp_path / "run").error


def test_without_validation_data_it_says_so(tmp_path: Path, run: Run) -> None:
    done = run(SAMPLES / "train.parquet", "-o", tmp_path / "run", *TINY, "--lines", 10)
    assert done.code == 0, done.err
    assert done.out == f"{tmp_path / 'run' / LAST}\n"
    assert "no validation data" in done.err and "--val" in done.err
    assert (tmp_path / "run" / "last.onnx").exists() and not (tmp_path / "run" / BEST).exists()


def test_val_names_other_data(tmp_path: Path, run: Run) -> None:
    done = run(SAMPLES / "train.parquet", "--val", SAMPLES, "-o", tmp_path / "run", *TINY, "--lines", 10)
    assert done.code == 0, done.err
    assert read_info(tmp_path / "run" / BEST).validation["lines"]["lines"] == 40


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name the training data, or a run folder with -o"),
        (("-o", "{run}"), "no training data"),
        (("{missing}", "-o", "{run}"), "missing: does not exist"),
        (("{empty}", "-o", "{run}"), "no train.parquet here"),
        (("{samples}/train.parquet", "--val", "{missing}", "-o", "{run}"), "missing: does not exist"),
        (("{samples}", "-o", "{run}", "--preset", "big"), "unknown preset 'big'; known: tiny, small, base"),
        (("{samples}", "-o", "{run}", "--preset", "small", "--spec", SPEC), "--preset cannot be combined with --spec"),
        (("{samples}", "-o", "{run}", "--dry-run", "--deadline", "1"), "--dry-run cannot be combined with --deadline"),
        (("{samples}", "-o", "{run}", "--spec", "nonsense"), "'nonsense' must be in square brackets"),
        (("{samples}", "-o", "{run}", "--spec", SPEC.replace("{classes}", "7")), "has 7 classes"),
        (("{samples}", "-o", "{run}", "--minutes", "0"), "'--minutes'"),
        (("{samples}", "-o", "{run}", "--threads", "-1"), "'--threads'"),
        (("{samples}", "-o", "{run}", "--learning-rate", "-1"), "'--learning-rate'"),
        (("-o", "{run}", "--resume"), "run: there is no run to resume"),
        (("-o", "{run}", "--resume", "--preset", "base"), "--resume cannot be combined with --preset: the run keeps"),
        (("-o", "{run}", "--resume", "--init-from", "tiny"), "--resume cannot be combined with --init-from"),
        (("-o", "{run}", "--resume", "--hold-out", "0.2"), "--resume cannot be combined with --hold-out"),
        (("--recipe", "{missing}", "-o", "{run}"), "missing: cannot be read"),
        (("{samples}", "-o", "{run}", "--init-from", "nobody"), "no model named 'nobody'"),
        (("{samples}", "-o", "{run}", "--init-from", "{missing}.safetensors"), "no such model file"),
        (
            ("{samples}", "-o", "{run}", "--init-from", "small", "--preset", "small"),
            "cannot be combined with --preset",
        ),
        (("{samples}", "-o", "{file}"), "file: is a file; name a folder"),
        (("{samples}", "-o", "{file}/run"), "file is not a folder"),
    ],
)
def test_wrong_use_is_one_line(tmp_path: Path, run: Run, arguments: tuple[str, ...], message: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("no folder")
    places = {
        "{run}": tmp_path / "run",
        "{missing}": tmp_path / "missing",
        "{empty}": tmp_path / "empty",
        "{file}": tmp_path / "file",
        "{samples}": SAMPLES,
    }
    for mark, path in places.items():
        arguments = tuple(argument.replace(mark, str(path)) for argument in arguments)
    assert message in run(*arguments).error
    assert not (tmp_path / "run").exists()


def test_characters_outside_a_kept_alphabet_are_named_at_the_start(tmp_path: Path, run: Run) -> None:
    store = drawn_store(tmp_path / "store", train=40, validation=5)
    first = run(store, "-o", tmp_path / "first", *TINY, "--lines", 20, "--licence", "CC BY 4.0", "--name", "first")
    assert first.code == 0, first.err
    model = tmp_path / "first" / BEST
    data = store_with_texts(tmp_path / "own", ["abba", "Abba", "ab Ab", "cab", "dad", "bad ß ß", "#dab"])
    options = ("-o", tmp_path / "run", "--init-from", model, "--threads", 1, "--lines", 4)
    error = run(data, *options, "--exclude", "#").error
    assert "3 training lines have characters outside its alphabet: ' ' 3, 'A' 2, 'ß' 2;" in error
    assert "--exclude '# Aß'" in error
    assert not (tmp_path / "run").exists()

    done = run(data, *options, "--exclude", "# Aß")
    assert done.code == 0, done.err
    info = read_info(tmp_path / "run" / LAST)
    assert (info.alphabet, info.spec) == ("abcd", SPEC.replace("{classes}", "5"))
    assert info.name == "run"  # that of its folder
    # What was learned before stays, and so do its licence and its sets.
    assert info.licence == "CC BY 4.0" and set(info.trained_on) == {"store", "own"}


def test_an_alphabet_grows(tmp_path: Path, run: Run) -> None:
    store = drawn_store(tmp_path / "store", train=40, validation=5)
    first = run(store, "-o", tmp_path / "first", *TINY, "--lines", 20)
    assert first.code == 0, first.err
    data = store_with_texts(tmp_path / "own", ["abba", "Abba", "cab", "dad", "bad ß"])
    options = (data, "--init-from", tmp_path / "first" / BEST, "--threads", 1, "--lines", 4)
    for alphabet, characters, told in (
        ("extend", "abcd Aß", "3 new: ' ' (1 time) from nothing, 'A' (1 time) from 'a', 'ß' (1 time) from nothing"),
        ("replace", " Aabcdß", "3 new: ' ' (1 time) from nothing, 'A' (1 time) from 'a', 'ß' (1 time) from nothing"),
    ):
        done = run(*options, "-o", tmp_path / alphabet, "--alphabet", alphabet)
        assert done.code == 0, done.err
        assert f"alphabet of 7 characters, {told}\n" in done.err
        info = read_info(tmp_path / alphabet / LAST)
        assert (info.alphabet, info.spec) == (characters, SPEC.replace("{classes}", "8"))
    error = run(store, "-o", tmp_path / "run", *TINY, "--alphabet", "extend").error
    assert "alphabet 'extend' needs a model to start from (--init-from)" in error


def test_no_usable_line_is_counted_and_named(tmp_path: Path, run: Run) -> None:
    data = store_with_texts(tmp_path / "own", ["long" * 200, "text" * 200])
    error = one_line_error_after_progress(run(data, "-o", tmp_path / "run", *TINY))
    assert "no usable line" in error and "2 too narrow" in error


def one_line_error_after_progress(outcome: Outcome) -> str:
    """The last line of stderr of a run that had begun."""
    assert outcome.code == 2 and outcome.out == "" and "Traceback" not in outcome.err
    last = outcome.err.splitlines()[-1]
    assert last.startswith("hwr: error: ")
    return last
