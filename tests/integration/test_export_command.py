"""`hwr export` as a user runs it, and a trained model on its way to `hwr eval` and `hwr recognize`."""

import io
import json
import re
from pathlib import Path

import jiwer
import numpy as np
import pytest
from PIL import Image

from helpers.commands import Run
from helpers.training_runs import QUICK_SPEC, drawn_line, drawn_lines, plain, recipe
from hwr.model.files import read_info, weights_hash
from hwr.model.graph import WEIGHTS_KEY
from hwr.store.lines import LineStore, StoredLine
from hwr.store.writing import write_lines
from hwr.train.folder import BEST
from hwr.train.recipe import Optimisation
from hwr.train.reporters import PlainReporter
from hwr.train.run import train


def drawn_image(text: str, identity: str) -> StoredLine:
    """A line of drawn letters, dark on light paper with a margin."""
    ink = drawn_line(text)
    page = np.full((ink.shape[0] + 20, ink.shape[1] + 20), 235, np.uint8)
    page[10:-10, 10:-10] -= (ink * 0.8).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(page).save(buffer, "png")
    return StoredLine(buffer.getvalue(), f"{identity}.png", text, identity, page.shape[1], page.shape[0])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "letters"
    folder.mkdir()
    for split, count, seed in (("train", 400, 0), ("val", 20, 1)):
        lines = drawn_lines(count, seed, longest=5)
        write_lines(folder / f"{split}.parquet", [drawn_image(line.text, line.id) for line in lines])
    return folder


@pytest.fixture(scope="module")
def trained(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The best model of a run that has learned to read most of the drawn letters."""
    optimisation = Optimisation(
        learning_rate=2e-2,
        columns_per_batch=1500,
        warm_up_steps=10,
        span_time_steps=0,
        time_steps_per_span=20,
        ema=0.95,
    )
    settings = recipe(store, lines=1800, spec=QUICK_SPEC, augment=plain(), optimisation=optimisation, name="letters")
    folder = tmp_path_factory.mktemp("run")
    train(settings, folder, PlainReporter(io.StringIO()))
    return folder / BEST


def copied(trained: Path, folder: Path) -> Path:
    """The weights alone in a folder of their own."""
    folder.mkdir(exist_ok=True)
    (folder / "model.safetensors").write_bytes(trained.read_bytes())
    return folder / "model.safetensors"


def test_export_writes_the_graph_next_to_the_weights(run: Run, trained: Path, tmp_path: Path) -> None:
    weights = copied(trained, tmp_path / "model")
    for force in ([], ["--force"]):
        done = run("export", weights, *force)
        assert done.code == 0, done.err
        target = weights.with_suffix(".onnx")
        found = re.fullmatch(r"(.*): \d+\.\d+ [kM]B, differs from torch by at most (\S+)\n", done.out)
        assert found and found[1] == str(target) and float(found[2]) <= 1e-4
        assert target.stat().st_size < 100_000
    assert {path.name for path in weights.parent.iterdir()} == {"model.safetensors", "model.onnx"}


def test_export_to_a_file_has_the_weights_inside(run: Run, trained: Path, tmp_path: Path) -> None:
    import onnx

    target = tmp_path / "letters.onnx"
    done = run("export", trained.parent, "-o", target)  # a run folder
    assert done.code == 0, done.err
    model = onnx.load(target)
    assert not any(tensor.data_location for tensor in model.graph.initializer)
    properties = {entry.key: entry.value for entry in model.metadata_props}
    assert properties[WEIGHTS_KEY] == weights_hash(trained)


def test_an_int8_file_reads_almost_as_well(run: Run, trained: Path, store: Path, tmp_path: Path) -> None:
    weights = copied(trained, tmp_path / "model")
    done = run("export", weights, "--int8", "--calibrate", store)
    assert done.code == 0, done.err
    assert re.fullmatch(r".*model\.int8\.onnx: \d+\.\d+ [kM]B, calibrated on 31 lines\n", done.out)
    rates = {}
    for precision in ("fp32", "int8"):
        measured = run("eval", store, "-m", weights, "--precision", precision, "--json", "-")
        assert measured.code == 0, measured.err
        rates[precision] = json.loads(measured.out)["total"]["cer"]
    assert abs(rates["int8"] - rates["fp32"]) < 0.05


def test_an_existing_file_is_kept(run: Run, trained: Path, tmp_path: Path) -> None:
    weights, target = copied(trained, tmp_path), tmp_path / "other.onnx"
    target.write_text("somebody's work")
    done = run("export", weights, "-o", target)
    assert done.code == 2 and done.out == ""
    assert done.err == f"hwr: error: {target}: already exists; --force overwrites it\n"
    assert target.read_text() == "somebody's work"
    assert run("export", weights, "-o", target, "--force").code == 0
    assert target.read_bytes()[:8] != b"somebody"


def test_a_file_that_differs_from_torch_is_not_kept(
    run: Run, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights, target = copied(trained, tmp_path), tmp_path / "model.onnx"
    assert run("export", weights).code == 0
    before = target.read_bytes()
    monkeypatch.setattr("hwr.model.export.PARITY_BOUND", 0.0)
    assert run("export", weights).err == f"hwr: error: {target}: already exists; --force overwrites it\n"
    done = run("export", weights, "--force")
    assert done.code == 2 and done.out == ""
    assert done.err.startswith(f"hwr: error: {target}: differs from torch by ") and "nothing was written" in done.err
    assert target.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"model.safetensors", "model.onnx"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Missing argument 'MODEL'"),
        (("nobody",), "no model named 'nobody'"),
        (("{folder}/missing.safetensors",), "no such model file"),
        (("{folder}",), "a folder without best.safetensors"),
        (("{folder}/text.safetensors",), "text.safetensors"),
        (("{model}", "-o", "{folder}"), "is a folder; name a file"),
        (("{model}", "-o", "{folder}/text.safetensors/x.onnx"), "cannot be written"),
        (("{model}", "--val", "{store}"), "--val needs --release"),
        (("{model}", "--release", "{folder}/out"), "--release needs --val"),
        (
            ("{model}", "--release", "{folder}/out", "--val", "{store}", "-o", "{folder}/x.onnx"),
            "cannot be combined with --output",
        ),
        (("{model}", "--release", "{folder}/out", "--val", "{folder}/missing"), "missing: does not exist"),
        (("{model}", "--int8"), "--int8 needs --calibrate"),
        (("{model}", "--calibrate", "{store}"), "--calibrate needs --int8"),
        (("{model}", "--int8", "--calibrate", "{folder}/missing"), "missing: does not exist"),
        (("{model}", "--int8", "--calibrate", "{store}", "-o", "{folder}/x.onnx"), "cannot be combined with"),
    ],
)
def test_wrong_use_is_one_line(
    run: Run, trained: Path, store: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    (tmp_path / "text.safetensors").write_text("no model")
    for mark, path in {"{folder}": tmp_path, "{model}": trained, "{store}": store}.items():
        arguments = tuple(argument.replace(mark, str(path)) for argument in arguments)
    done = run("export", *arguments)
    assert done.code == 2 and done.out == "" and message in done.err
    assert done.err.startswith("hwr: error: ") and done.err.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"text.safetensors"}


def test_a_release_is_read_by_eval_and_recognize(run: Run, trained: Path, store: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run("export", trained, "--release", out, "--val", store, "--val", store / "train.parquet")
    assert done.code == 0, done.err
    names = {path.relative_to(out).as_posix() for path in out.rglob("*.*")}
    kinds = {f"letters.{kind}" for kind in ("safetensors", "onnx", "md", "jsonl")}
    assert names == kinds | {"trunks/letters.safetensors"}
    *sets, last = done.out.splitlines()
    assert "ONNX differs from torch by at most" in last
    # Paths distinguish two files of one name.
    assert len(sets) == 2 and all(
        re.search(r"CER 0\.\d{4}, WER \d\.\d{4} on \d+ lines; fp16 [+-]0\.0", s) for s in sets
    )
    measured = {figures["lines"]: figures for figures in read_info(out / "letters.safetensors").validation.values()}
    assert set(measured) == {20, 400}
    assert abs(measured[400]["cer"] - measured[400]["fp32_cer"]) < 0.01

    report = run("eval", store, "-m", out / "letters.safetensors", "--json", "-")
    assert report.code == 0, report.err
    (figures,) = json.loads(report.out)["sets"]
    assert figures["cer"] == pytest.approx(measured[20]["cer"], abs=1e-5)

    # The same lines as image files, one by one: the same readings, so the same CER, counted by another library.
    images = tmp_path / "images"
    images.mkdir()
    lines = sorted(LineStore(store / "val.parquet"), key=lambda line: line.path)
    for line in lines:
        (images / line.path).write_bytes(line.image)
    read = run("recognize", "--line", images, "-m", out / "letters.onnx", "-o", tmp_path / "texts")
    assert read.code == 0, read.err
    texts = [(tmp_path / "texts" / line.path).with_suffix(".txt").read_text().strip() for line in lines]
    assert jiwer.cer([line.text for line in lines], texts) == pytest.approx(figures["cer"], abs=1e-5)
    assert figures["cer"] < 0.6, "the model has not learned to read"
