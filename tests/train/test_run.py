"""A whole run: the files in its folder, its messages, and what it refuses."""

from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
import torch

from helpers.line_images import image_file, stored_line
from helpers.training_runs import (
    CHARACTERS,
    SPEC,
    Drawn,
    Recorder,
    drawn_lines,
    drawn_store,
    read_log,
    recipe,
    run,
    write_drawn,
)
from hwr.errors import DataError, HwrError, InputError, ModelError, TrainingError
from hwr.line import NORMALISATION, NORMALISATION_VERSION
from hwr.metrics import ErrorCounts
from hwr.model.checkpoint import load_model, load_weights
from hwr.model.files import read_info
from hwr.settings import load_toml
from hwr.store.writing import write_lines
from hwr.text import Alphabet
from hwr.train.folder import BEST, LAST, METRICS, RECIPE, RESUME, TRUNK, TRUNK_RESUME
from hwr.train.recipe import Optimisation, Recipe, TrainingSet
from hwr.train.run import Run, train
from hwr.train.validate import SetResult


def test_folder_of_a_finished_run(tmp_path: Path, data: Path) -> None:
    settings = recipe(data, name="tiny", licence="CC0", validate_minutes=1e-9, save_minutes=1e-9, lines=100)
    reporter = Recorder()
    result = train(settings, tmp_path, reporter, command="hwr train")
    assert result.finished and result.model == tmp_path / BEST and result.progress.lines >= 100
    there = {path.name for path in tmp_path.iterdir()}
    assert {BEST, LAST, TRUNK, RESUME, TRUNK_RESUME, METRICS, RECIPE} <= there
    assert not [name for name in there if name.endswith(".tmp")]
    assert load_toml(Recipe, tmp_path / RECIPE) == settings

    for name in (BEST, LAST, TRUNK):
        network, info = load_model(tmp_path / name)
        assert info.make_alphabet() == Alphabet(CHARACTERS) and network.classes == 5
        assert (info.normalisation, info.normalisation_version) == (NORMALISATION, NORMALISATION_VERSION)
        assert (info.name, info.licence, info.height, info.stride) == ("tiny", "CC0", 48, 4)
        assert info.training["command"] == "hwr train" and info.training["seed"] == 1
    best, trunk = read_info(tmp_path / BEST), read_info(tmp_path / TRUNK)
    assert best.training["lines_seen"] == result.progress.lines > trunk.training["lines_seen"] >= 80
    assert best.validation["drawn"]["lines"] == 20
    # The auxiliary head is needed to train further only.
    heads = {name: any(key.startswith("auxiliary") for key in load_weights(tmp_path / name)) for name in (BEST, TRUNK)}
    assert heads == {BEST: False, TRUNK: True}


def test_metrics_log(tmp_path: Path, data: Path) -> None:
    recorded = run(recipe(data, validate_minutes=1e-9, lines=60), tmp_path)
    log = read_log(tmp_path)
    assert [event["event"] for event in log[:2]] == ["session", "step"] and log[-1]["event"] == "end"
    assert (log[0]["step"], log[1]["step"]) == (0, 1) and "1 thread, cpu" in log[0]["hardware"]
    validations = [event for event in log if event["event"] == "validation"]
    assert len(validations) == len(recorded.reports)  # the last one follows the last step
    for event in validations:
        assert set(event["cer"]) == {"drawn"} and event["mean_cer"] == event["cer"]["drawn"] >= 0
        assert event["lines_per_second"] > 0 and event["loss"] > 0
    assert validations[-1]["limit"] == 0
    assert log[-1]["skipped"] == {} and log[-1]["share"] == 1.0
    result = recorded.reporter.results[-1][0]
    assert recorded.run.trainer.progress.best == pytest.approx(result.errors.rate)


def test_best_is_the_lowest_mean_of_the_sets(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CER of two sets at each validation; the last one sees all lines and counts for itself."""
    rates = [(0.9, 0.5), (0.2, 0.4), (0.1, 0.8), (0.3, 0.2), (0.5, 0.5)]
    calls = iter([rate for pair in rates for rate in pair])
    limits: list[int] = []

    def validate(network: object, source: Any, alphabet: object, limit: int, *others: object, keep: int) -> SetResult:
        limits.append(limit)
        return SetResult(source.name, ErrorCounts(round(1000 * next(calls)), 1000), 10, 0, ())

    monkeypatch.setattr("hwr.train.run.validate", validate)
    made = Run(recipe(data, validation=(TrainingSet(str(data)),) * 2), tmp_path, Recorder())
    kept = []
    for number in range(4):
        made.trainer.progress.step = number + 1
        made.validate(7)
        kept.append(read_info(tmp_path / BEST).training["steps"])
    assert kept == [1, 2, 2, 4]
    made.trainer.progress.step = 5
    made.finish(True)
    assert read_info(tmp_path / BEST).training["steps"] == 5
    assert limits == [7] * 8 + [0] * 2


@pytest.mark.parametrize(("blank", "told"), [(20, True), (19, True), (18, False), (0, False)])
def test_blank_plateau_is_named(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch, blank: int, told: bool
) -> None:
    def validate(*arguments: object, keep: int) -> SetResult:
        return SetResult("drawn", ErrorCounts(90, 100), 20, blank, (("truth", ""),))

    monkeypatch.setattr("hwr.train.run.validate", validate)
    reporter = Recorder()
    Run(recipe(data), tmp_path, reporter).validate(0)
    assert any("blank plateau" in message and f"{blank} of 20" in message for message in reporter.messages) is told


def test_a_network_that_reads_nothing_is_on_the_plateau(tmp_path: Path, data: Path) -> None:
    reporter = Recorder()
    made = Run(recipe(data), tmp_path, reporter)
    with torch.no_grad():
        made.trainer.average.output.bias[0] = 50.0
    made.validate(0)
    assert reporter.results[0][0].errors.rate == 1.0 and reporter.results[0][0].empty_readings == 20
    assert any("blank plateau" in message for message in reporter.messages)


def test_no_validation_sets(tmp_path: Path, data: Path) -> None:
    result = train(recipe(data, validation=(), lines=40), tmp_path, Recorder())
    assert result.finished and result.model == tmp_path / LAST and not (tmp_path / BEST).exists()


def test_going_on_from_a_model(tmp_path: Path, data: Path) -> None:
    train(recipe(data, lines=60), tmp_path / "first", Recorder())
    settings = recipe(data, lines=40, spec="", init_from=str(tmp_path / "first" / TRUNK))
    made = Run(settings, tmp_path / "second", Recorder())
    assert made.alphabet == Alphabet(CHARACTERS)
    start, _ = load_model(tmp_path / "first" / TRUNK, auxiliary=True)
    for name, tensor in made.trainer.network.state_dict().items():
        torch.testing.assert_close(tensor, start.state_dict()[name], rtol=0, atol=0)
    train(settings, tmp_path / "second", Recorder())
    info = read_info(tmp_path / "second" / LAST)
    assert info.spec == SPEC.replace("{classes}", "5") and info.training["init_from"].endswith(TRUNK)


@pytest.mark.parametrize("cache", [True, False])
def test_a_damaged_store_is_named(tmp_path: Path, cache: bool) -> None:
    folder = drawn_store(tmp_path / "store")
    file = folder / "train.parquet"
    content = bytearray(file.read_bytes())
    content[2000] ^= 255  # within the images
    file.write_bytes(content)
    reporter = Recorder()
    with pytest.raises(TrainingError, match="no usable line"):
        train(recipe(folder, cache=cache), tmp_path / "run", reporter)
    (message,) = [message for message in reporter.messages if "cannot be read" in message]
    assert "row 0 left out: and the 199 rows after it" in message and "train.parquet: row group 0" in message


def other_spec(spec: str) -> Callable[[Path], Recipe]:
    return lambda folder: recipe(folder, spec=spec)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        (lambda folder: Recipe(), DataError, "no training data: name at least one"),
        (lambda folder: recipe(folder / "missing"), DataError, "missing: does not exist"),
        (lambda folder: recipe(folder, exclude=CHARACTERS), DataError, "the training data contain no text"),
        (other_spec(SPEC.replace("{classes}", "9")), DataError, "9 classes, the alphabet needs 5: write {classes}"),
        (other_spec("[1,48,0,1 Frob O1c{classes}]"), ModelError, "Frob"),
        (other_spec(SPEC.replace("1,48", "1,32")), DataError, "at height 48; .* at height 32 is needed"),
        (lambda folder: recipe(folder, init_from="nothing.safetensors"), InputError, "nothing.safetensors"),
    ],
)
def test_what_cannot_start(
    tmp_path: Path, data: Path, settings: Callable[[Path], Recipe], error: type[HwrError], message: str
) -> None:
    with pytest.raises(error, match=message) as raised:
        train(settings(data), tmp_path / "run", Recorder())
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "run").exists()


def test_a_store_with_broken_images_is_trained_on_without_them(tmp_path: Path) -> None:
    lines = [stored_line(number, "ab", image_file(300, seed=number)) for number in range(12)]
    lines[5] = stored_line(5, "ab", b"no image")
    write_lines(tmp_path / "store" / "train.parquet", lines)
    recorded = run(recipe(tmp_path / "store", lines=30, validation=()), tmp_path / "run")
    told = [message for message in recorded.reporter.messages if "row 5 left out" in message]
    assert recorded.finished and len(told) == 1
    assert {11, 22} <= set(accumulate(report.lines for report in recorded.reports))  # epochs of eleven lines


def test_seed_decides_the_run(tmp_path: Path, data: Path) -> None:
    options = Optimisation(columns_per_batch=1500, warm_up_steps=1)
    runs = [
        run(recipe(data, lines=40, seed=seed, optimisation=options), tmp_path / name).losses
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    assert runs[0] == runs[1] != runs[2]


def test_weights_of_several_sets(tmp_path: Path) -> None:
    write_drawn(tmp_path / "often" / "train.parquet", drawn_lines(20))
    write_drawn(tmp_path / "once" / "train.parquet", drawn_lines(20, seed=5))
    sets = (TrainingSet(str(tmp_path / "often"), 3.0), TrainingSet(str(tmp_path / "once"), 1.0))
    recorded = run(recipe(tmp_path / "store", train=sets, validation=(), lines=80), tmp_path / "run")
    assert recorded.run.trainer.progress.epoch <= 1
    assert sum(report.lines for report in recorded.reports) == 80
    facts = read_info(tmp_path / "run" / LAST).trained_on
    assert {name: (fact["weight"], fact["lines"]) for name, fact in facts.items()} == {
        "often": (3.0, 20),
        "once": (1.0, 20),
    }


def test_resuming_on_other_characters_is_refused(tmp_path: Path) -> None:
    data = drawn_store(tmp_path / "data")
    train(recipe(data, lines=40), tmp_path / "run", Recorder())
    # As many characters, so the network would fit; but label 1 would stand for another letter.
    lines = [Drawn(line.ink, line.text.replace("a", "z"), line.id) for line in drawn_lines(200)]
    write_drawn(data / "train.parquet", lines)
    with pytest.raises(InputError, match="the training data have other characters"):
        train(recipe(data, lines=80), tmp_path / "run", Recorder(), resume=True)
