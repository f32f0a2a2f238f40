"""`hwr calibrate` as a user runs it, on the hand-made network."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.commands import Run
from helpers.tiny_model import INFO, write_tiny_model
from hwr.cli import terminal
from hwr.model.files import read_info
from hwr.recognize.models import load_model
from hwr.recognize.recognizer import Recognizer
from hwr.store.lines import StoredLine
from hwr.store.writing import write_lines


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "model")


@pytest.fixture
def store(tmp_path: Path, model: Path) -> Path:
    """Lines of two writers, half of whose words the network reads wrong."""
    random = np.random.default_rng(0)
    recognizer = Recognizer(model, threads=1)
    lines = []
    for number in range(120):
        image = random.choice([40, 80, 120, 160], (1, 12)).astype(np.uint8).repeat(24, axis=0).repeat(12, axis=1)
        image[:, ::12] = image[:, 1::12] = 0
        grey = 255 - image
        words = recognizer.read_line(grey).text.split()
        truth = " ".join(word if random.random() < 0.5 else word + "b" for word in words) or "a"
        path = tmp_path / "line.png"
        Image.fromarray(grey).save(path)
        lines.append(StoredLine(path.read_bytes(), "", truth, str(number), *grey.shape[::-1], writer=str(number % 2)))
    folder = tmp_path / "lines"
    folder.mkdir()
    write_lines(folder / "val.parquet", lines)
    return folder


def test_it_reports_and_stores_in_copies(run: Run, model: Path, store: Path, tmp_path: Path) -> None:
    before = model.read_bytes(), model.with_suffix(".onnx").read_bytes()
    target = tmp_path / "new" / "calibrated.safetensors"
    outcome = run("calibrate", store, "-m", model, "-o", target)
    assert (outcome.code, outcome.err) == (0, "")
    assert "lines" in outcome.out and "temperature" in outcome.out and f"stored in {target}" in outcome.out
    assert (model.read_bytes(), model.with_suffix(".onnx").read_bytes()) == before
    stored = read_info(target).decoder["calibration"]["greedy"]
    assert set(stored) == {"temperature", "clarity", "language", "length", "word", "line"}
    assert load_model(target).info.decoder == read_info(target).decoder
    assert f"temperature {stored['temperature']:.4f}" in outcome.out
    files = {path: path.read_bytes() for path in target.parent.iterdir()}
    outcome = run("calibrate", store, "-m", model, "-o", target)
    assert outcome.code == 2 and outcome.err == f"hwr: error: {target}: already exists; --force overwrites it\n"
    target.unlink()
    outcome = run("calibrate", store, "-m", model, "-o", target)
    assert outcome.code == 2 and "calibrated.onnx: already exists" in outcome.err
    assert run("calibrate", store, "-m", model, "-o", target, "--force").code == 0
    assert {path: path.read_bytes() for path in target.parent.iterdir()} == files


def test_the_report_fits_80_columns_and_names_each_set(
    run: Run, model: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal, "TABLE_WIDTH", 80)
    named = store.rename(tmp_path / "wills-of-soldiers")
    outcome = run("calibrate", named, "-m", model)
    assert outcome.code == 0 and "…" not in outcome.out
    tables = outcome.out.partition("temperature")[0]
    assert max(map(len, tables.splitlines())) <= 80
    assert len(re.findall(r"^ wills-of-soldiers +\d+ .*0\.\d{4} $", tables, re.M)) == 2


def test_the_calibration_makes_confidences_truer(run: Run, model: Path, store: Path) -> None:
    assert run("calibrate", store, "-m", model, "--write").code == 0
    report = json.loads(run("eval", store, "-m", model, "--json", "-").out)
    figures = report["sets"][0]["confidence"]
    assert figures["word_ece"]["equal_mass"] < figures["word_ece_uncalibrated"]["equal_mass"]
    assert figures["word_ece"]["equal_width"] < 0.1 < figures["word_ece_uncalibrated"]["equal_width"]


def test_nothing_is_stored_unless_asked_for(run: Run, model: Path, store: Path) -> None:
    before = model.read_bytes()
    outcome = run("calibrate", store, "-m", model)
    assert outcome.code == 0 and "stored" not in outcome.out and model.read_bytes() == before


def test_a_calibration_of_few_words_is_stored_with_a_warning(run: Run, model: Path, store: Path) -> None:
    outcome = run("calibrate", store, "-m", model, "--limit", "12", "--write")
    assert outcome.code == 0 and f"stored in {model}" in outcome.out
    found = re.search(r"unreliable: it is fitted to (\d+) right words and (\d+) wrong words; at least 60", outcome.err)
    assert found and outcome.err.count("\n") == 1
    right, wrong = map(int, found.groups())
    words = re.search(r"all\W+(\d+)\W+([0-9.]+)%", outcome.out)
    assert words and int(words[1]) == right + wrong
    assert float(words[2]) == pytest.approx(100 * right / (right + wrong), abs=0.05)


def test_other_settings_are_kept(run: Run, tmp_path: Path, store: Path) -> None:
    from dataclasses import replace

    kept = {"temperature": 2.0, "word": [1.0, 1.0, 0.0], "line": [1.0, 1.0, 0.0]}
    settings = {"beam": {"width": 4}, "calibration": {"beam": kept}}
    model = write_tiny_model(tmp_path / "other", info=replace(INFO, decoder=settings))
    assert run("calibrate", store, "-m", model, "--decoder", "greedy", "--write").code == 0
    decoder = read_info(model).decoder
    assert decoder["beam"] == {"width": 4} and decoder["calibration"]["beam"] == kept
    assert "greedy" in decoder["calibration"]


def test_wrong_use_is_found_before_the_reading(run: Run, model: Path, store: Path, tmp_path: Path) -> None:
    for arguments, says in (
        (["--write", "-o", tmp_path / "a.safetensors"], "give only one"),
        (["-o", tmp_path / "a.txt"], "name a model file"),
        (["-m", tmp_path / "none.onnx"], "no such model file"),
    ):
        outcome = run("calibrate", store, *([] if "-m" in arguments else ["-m", model]), *arguments)
        assert (outcome.code, outcome.out) == (2, "") and says in outcome.err and outcome.err.count("\n") == 1


def test_data_that_cannot_be_fitted_to(run: Run, model: Path, tmp_path: Path, store: Path) -> None:
    outcome = run("calibrate", store, "-m", model, "--limit", "1", "--write")
    assert outcome.code in (0, 2)
    if outcome.code == 2:
        assert "both right and wrong words" in outcome.err
    assert run("calibrate", tmp_path / "nothing", "-m", model).code == 2
    partial = run("calibrate", store, tmp_path / "nothing", "-m", model)
    assert partial.code == 3 and "nothing" in partial.err
