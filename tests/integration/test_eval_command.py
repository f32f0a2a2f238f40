"""`hwr eval` as a user runs it: output, files, exit codes, bad input."""

import hashlib
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import jiwer
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from helpers.commands import Run
from helpers.line_sets import NumberReader
from helpers.tiny_model import write_tiny_model
from hwr.evaluate.report import JSON_HEAD
from hwr.files.images import decode_image
from hwr.model.files import weights_hash
from hwr.store.lines import LineStore, StoredLine
from hwr.store.writing import write_lines
from hwr.text import normalise_text

COMMAND = ("eval",)
GOOD = [("ten letters", "ten letters"), ("nine more", "nine mare")]  # CER 1/20, WER 1/4
BAD = [("ten letters", "one letter!")]


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> NumberReader:
    """The reader that takes the place of the network."""
    reader = NumberReader()
    monkeypatch.setattr("hwr.recognize.recognizer.Recognizer", lambda *_, **__: reader)
    return reader


@pytest.fixture
def good(reader: NumberReader, tmp_path: Path) -> Path:
    return reader.store(tmp_path / "good", GOOD)


@pytest.fixture
def bad(reader: NumberReader, tmp_path: Path) -> Path:
    return reader.store(tmp_path / "bad", BAD)


def test_a_table_for_people(run: Run, good: Path, bad: Path) -> None:
    outcome = run(good, bad)
    assert (outcome.code, outcome.err) == (0, "")
    assert "good (val)" in outcome.out and "0.0500" in outcome.out and "0.2500" in outcome.out and "all" in outcome.out


def test_json_on_stdout_is_nothing_but_json(run: Run, good: Path) -> None:
    report = run(good, "--json", "-").report
    assert report["sets"][0]["cer"] == 0.05 and report["sets"][0]["wer"] == 0.25
    assert report["model"] == "base"


@pytest.mark.parametrize(
    ("arguments", "code", "messages"),
    [
        (["--max-cer", "0.05", "--max-wer", "0.25"], 0, []),
        (["--max-cer", "0.049"], 1, ["good: CER 0.0500 is over --max-cer 0.049 by 0.001"]),
        (["--max-wer", "0.2"], 1, ["good: WER 0.2500 is over --max-wer 0.2 by 0.05"]),
        (["--max-cer", "0", "--max-wer", "0"], 1, ["good: CER", "good: WER"]),
    ],
)
def test_the_gate(run: Run, good: Path, arguments: list[str], code: int, messages: list[str]) -> None:
    outcome = run(good, *arguments)
    assert outcome.code == code
    assert outcome.err.count("bound exceeded") == len(messages)
    assert all(message in outcome.err for message in messages)


def test_a_good_set_does_not_make_up_for_a_bad_one(run: Run, good: Path, bad: Path) -> None:
    pooled = run(good, bad, "--json", "-").report["total"]["cer"]
    outcome = run(good, bad, "--max-cer", pooled + 0.01, "--json", "-")
    assert outcome.code == 1
    assert "bad: CER" in outcome.err and "bound kept: good: CER" in outcome.err
    assert [check["passed"] for check in outcome.report["gate"]["checks"]] == [True, False]


def test_files_are_written_even_when_the_gate_fails(run: Run, good: Path, tmp_path: Path) -> None:
    report, lines = tmp_path / "out" / "report.json", tmp_path / "out" / "lines.tsv"
    outcome = run(good, "--max-cer", "0.01", "--json", report, "--per-line", lines, "--worst", "3")
    assert outcome.code == 1
    assert json.loads(report.read_text(encoding="utf-8"))["gate"]["passed"] is False
    rows = [line.split("\t") for line in lines.read_text(encoding="utf-8").splitlines()]
    assert rows[0][:5] == ["set", "id", "writer", "edits", "characters"]
    assert [row[6:8] for row in rows[1:]] == [list(pair) for pair in GOOD]
    assert "truth    nine more\n  reading  nine mare\n" in outcome.out
    assert sorted(path.name for path in report.parent.iterdir()) == ["lines.tsv", "report.json"]


def test_split_and_limit(run: Run, reader: NumberReader, good: Path) -> None:
    reader.store(good, BAD, split="test")
    assert run(good, "--split", "test", "--json", "-").report["sets"][0]["split"] == "test"
    absent = run(good.with_name("absent"), "--split", "test")
    assert absent.code == 2 and "absent: does not exist" in absent.err
    report = run(good, "--limit", "1", "--json", "-").report
    assert (report["limit"], report["total"]["lines"], report["total"]["cer"]) == (1, 1, 0.0)


def with_broken_image(reader: NumberReader, folder: Path) -> Path:
    lines = reader.lines(GOOD)
    folder.mkdir()
    write_lines(folder / "val.parquet", [lines[0], replace(lines[1], image=b"broken", width=9, height=9)])
    return folder


def test_broken_images_are_named_and_the_rest_is_measured(run: Run, reader: NumberReader, tmp_path: Path) -> None:
    outcome = run(with_broken_image(reader, tmp_path / "set"), "--json", "-")
    assert outcome.code == 3
    assert "hwr: set: line-1: 1.png: " in outcome.err and "left out of all figures: 1 unreadable line" in outcome.err
    assert outcome.report["total"]["lines"] == 1 and outcome.report["total"]["unreadable"] == 1
    assert outcome.report["unreadable_lines"][0]["id"] == "line-1"


def test_a_failed_gate_outweighs_a_broken_image(run: Run, reader: NumberReader, bad: Path, tmp_path: Path) -> None:
    assert run(with_broken_image(reader, tmp_path / "set"), bad, "--max-cer", "0.1").code == 1


def test_a_missing_set_is_named_and_the_others_are_measured(run: Run, good: Path, tmp_path: Path) -> None:
    pq.write_table(pa.table({"picture": [b"x"], "text": ["a"]}), tmp_path / "columns.parquet")
    outcome = run(good, tmp_path / "absent", tmp_path / "columns.parquet", "--max-cer", "0.5", "--json", "-")
    assert outcome.code == 3
    assert (
        "absent" in outcome.err
        and "bound kept: good: CER 0.0500 is within --max-cer 0.5" in outcome.err
        and "picture" in outcome.err
        and outcome.err.count("\n") == 3
    )
    assert len(outcome.report["failed_sets"]) == 2 and len(outcome.report["sets"]) == 1


@pytest.mark.parametrize(
    "kind",
    ["absent", "split", "no rows", "columns", "empty texts", "no image opens", "folder", "empty file", "not parquet"],
)
def test_nothing_to_measure_is_an_error_even_with_a_gate(
    run: Run, reader: NumberReader, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "set.parquet"
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    if kind == "split":
        path = reader.store(tmp_path / "set", GOOD, split="train")
    elif kind == "no rows":
        pq.write_table(pa.schema([("image", image), ("text", pa.string())]).empty_table(), path)
    elif kind == "columns":
        pq.write_table(pa.table({"image": [b"x"], "label": ["a"]}), path)
    elif kind == "empty texts":
        write_lines(path, reader.lines([(" ", "")]))
    elif kind == "no image opens":
        pq.write_table(pa.table({"image": [b"x"], "text": ["a"]}), path)
    elif kind == "folder":
        path = tmp_path
    elif kind in ("empty file", "not parquet"):
        path.write_text("" if kind == "empty file" else "image,text\n")
    outcome = run(path, "--max-cer", "1", "--json", tmp_path / "report.json")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.splitlines()[-1].startswith("hwr: error: ")
    assert "set" in outcome.err or str(tmp_path) in outcome.err
    assert not (tmp_path / "report.json").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--max-cer", "5"],
        ["--max-cer", "-0.1"],
        ["--max-wer", "nan"],
        ["--limit", "0"],
        ["--decoder", "oracle"],
        ["--per-line", "-"],
    ],
)
def test_wrong_options_are_one_line(run: Run, good: Path, arguments: list[str]) -> None:
    outcome = run(good, *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("hwr: error: ") and outcome.err.count("\n") == 1
    assert arguments[0].strip("-") in outcome.err


def test_an_output_that_cannot_be_written_is_found_before_the_reading(
    run: Run, reader: NumberReader, good: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    for option in ("--json", "--per-line"):
        for target in (tmp_path / "file" / "report", tmp_path):
            outcome = run(good, option, target)
            assert outcome.code == 2 and outcome.err.startswith(f"hwr: error: {target}")
    assert reader.batches == []


def test_column_options(run: Run, reader: NumberReader, tmp_path: Path) -> None:
    (line,) = reader.lines([("abcd", "abce")])
    pq.write_table(pa.table({"picture": [line.image], "label": [line.text]}), tmp_path / "set.parquet")
    outcome = run(tmp_path / "set.parquet", "--image-column", "picture", "--text-column", "label", "--json", "-")
    assert outcome.report["total"]["cer"] == 0.25


def drawn_lines() -> Iterator[StoredLine]:
    """Strokes that the tiny model reads as something."""
    generator = np.random.default_rng(0)
    for number, text in enumerate(["abc", "a b c é", "cab", "été", "bb"] * 3):
        paper = np.full((40, int(generator.integers(60, 200))), 235, np.uint8)
        for _ in range(12):
            x, grey = int(generator.integers(5, paper.shape[1] - 8)), int(generator.integers(0, 200))
            paper[int(generator.integers(5, 18)) : 30, x : x + 3] = grey
        buffer = io.BytesIO()
        Image.fromarray(paper).save(buffer, "png")
        yield StoredLine(buffer.getvalue(), f"{number}.png", text, str(number), paper.shape[1], paper.shape[0])


def test_the_figures_of_a_network_are_those_of_the_recogniser_and_jiwer(run: Run, tmp_path: Path) -> None:
    from hwr.recognize.recognizer import Recognizer

    model = write_tiny_model(tmp_path / "model")
    write_lines(tmp_path / "set.parquet", drawn_lines())
    outcome = run(tmp_path / "set.parquet", "-m", model, "--json", "-")
    assert outcome.code == 0, outcome.err
    lines = list(LineStore(tmp_path / "set.parquet"))
    readings = Recognizer(model).read_lines([decode_image(line.image, line.id) for line in lines])
    assert any(reading.text for reading in readings)
    truths, read = [normalise_text(line.text) for line in lines], [reading.text for reading in readings]
    assert outcome.report["total"]["cer"] == pytest.approx(jiwer.cer(truths, read))
    assert outcome.report["total"]["wer"] == pytest.approx(jiwer.wer(truths, read))


def test_a_model_that_is_none_is_one_line(run: Run, tmp_path: Path) -> None:
    write_lines(tmp_path / "set.parquet", drawn_lines())
    (tmp_path / "model.safetensors").write_bytes(b"nothing")
    for name in ("nosuchmodel", tmp_path / "model.safetensors", tmp_path / "absent.onnx"):
        outcome = run(tmp_path / "set.parquet", "-m", name)
        assert (outcome.code, outcome.out) == (2, "")
        assert outcome.err.startswith("hwr: error: ") and outcome.err.count("\n") == 1
        assert str(name) in outcome.err


def test_an_interrupted_run_leaves_no_half_file(run: Run, reader: NumberReader, good: Path, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(JSON_HEAD)

    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    reader.read_lines = interrupted  # type: ignore[assignment, method-assign]
    outcome = run(good, "--json", tmp_path / "report.json", "--per-line", tmp_path / "lines.tsv")
    assert outcome.code == 130
    assert (tmp_path / "report.json").read_text() == JSON_HEAD
    assert sorted(path.name for path in tmp_path.iterdir()) == ["good", "report.json"]


@pytest.mark.parametrize("option", ["--json", "--per-line", "--reject-curve"])
def test_only_its_own_reports_are_replaced(run: Run, good: Path, tmp_path: Path, option: str) -> None:
    target = tmp_path / "report.svg"
    assert run(good, option, target).code == 0
    assert run(good, option, target).code == 0, "an earlier report is replaced"
    data = (good / "val.parquet").read_bytes()
    target.write_bytes(data)
    assert "report.svg: exists, and is not a report of hwr" in run(good, option, target).error
    assert target.read_bytes() == data
    assert "files of their own" in run(good, "--json", target, "--per-line", tmp_path / "." / "report.svg").error


@pytest.mark.parametrize("option", ["--json", "--per-line"])
def test_a_full_disk_is_one_line_that_names_the_file(tmp_path: Path, option: str) -> None:
    model = write_tiny_model(tmp_path / "model")
    write_lines(tmp_path / "set.parquet", drawn_lines())
    # A limit of 512 bytes a file stands for the disk: the JSON is larger than that, one line of the table is not.
    outputs = f'--json "{tmp_path}/out.txt" --per-line "{tmp_path}/lines.tsv" --limit 1'
    if option == "--per-line":
        outputs = f'--per-line "{tmp_path}/out.txt" --json "{tmp_path}/report.json"'
    command = f'ulimit -f 1; exec "{sys.executable}" -m hwr eval "{tmp_path}/set.parquet" -m "{model}" {outputs}'
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == f"hwr: error: {tmp_path}/out.txt: cannot be written: File too large\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "set.parquet"]


def test_reject_curve_as_table_and_drawing(run: Run, reader: NumberReader, tmp_path: Path) -> None:
    reader.confidences = [0.9, 0.3] * 2
    store = reader.store(tmp_path / "set", GOOD)
    outcome = run(store, "--reject", "--reject-curve", tmp_path / "out" / "curve.svg")
    assert outcome.code == 0
    assert [line.split() for line in outcome.out.splitlines() if "50%" in line] == [["50%", "0.9", "0.0000"]]
    drawing = ElementTree.fromstring((tmp_path / "out" / "curve.svg").read_text(encoding="utf-8"))
    assert len([element for element in drawing.iter() if element.tag.endswith("polyline")]) == 1
    both = run(store, reader.store(tmp_path / "other", GOOD), "--reject-curve", tmp_path / "curve.svg")
    assert both.code == 0 and (tmp_path / "curve.svg").read_text(encoding="utf-8").count("<polyline") == 3


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--reject-curve", "curve.png"], "does not end in .svg"),
        (["--reject", "--json", "-"], "the JSON has the same curve"),
    ],
)
def test_reject_options_that_cannot_be(run: Run, good: Path, arguments: list[str], says: str) -> None:
    outcome = run(good, *arguments)
    assert outcome.code == 2 and outcome.out == "" and says in outcome.err
    assert not Path("curve.png").exists()


def test_a_report_states_hashes_of_model_decoder_and_data(run: Run, tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "model")
    path = tmp_path / "set.parquet"
    write_lines(path, drawn_lines())
    report = run(path, "-m", model, "--json", "-").report
    assert report["sets"][0]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert report["model_sha256"] == weights_hash(model)
    assert report["decoder_settings"] == {"decoder": "greedy"}
    assert abs(datetime.now(UTC) - datetime.fromisoformat(report["date"])) < timedelta(minutes=1)
    words = tmp_path / "words.txt"
    hashes = set()
    for text in ("abc", "cab"):
        words.write_text(text)
        for cost in (1, 2):
            other = run(path, "-m", model, "--lexicon", words, "--unknown-cost", cost, "--json", "-").report
            assert other["decoder_settings"]["unknown_cost"] == cost
            hashes.add(other["decoder_sha256"])
    assert len(hashes | {report["decoder_sha256"]}) == 5
    shown = run(path, "-m", model).out
    assert f"data: set {report['sets'][0]['sha256'][:12]}" in shown and report["model_sha256"][:12] in shown
