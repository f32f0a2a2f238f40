"""`hwr align` as a user calls it: one image, data sets, errors, exit codes."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from helpers.commands import Run
from helpers.line_images import image_file, stored_line
from hwr.files.documents import to_grey
from hwr.recognize.alignment import Aligner
from hwr.store.writing import write_lines

COMMAND = ("align",)
SAMPLES = Path(__file__).parent.parent.parent / "data" / "samples"
LINE = SAMPLES / "line-2.png"
TEXT = "Le château fut vendu à l'automne 1874."


def store(folder: Path, *bad: tuple[str, bytes]) -> Path:
    """A line store with the sample lines, and with bad ones before the last."""
    lines = []
    for number in (1, 2, 3):
        image = SAMPLES / f"line-{number}.png"
        text = image.with_suffix(".txt").read_text().strip()
        lines.append(replace(stored_line(number, text, image.read_bytes()), path=image.name))
    lines[2:2] = [stored_line(10 + number, text, image) for number, (text, image) in enumerate(bad)]
    write_lines(folder / "val.parquet", lines)
    return folder


def test_an_image(run: Run) -> None:
    code, out, err = run(LINE, "--text", TEXT)
    assert (code, err, out.count("\n")) == (0, "", 1)
    line = json.loads(out)
    assert list(line) == ["image", "width", "height", "model", "text", "confidence", "score", "words"]
    assert (line["image"], line["model"], line["text"]) == (str(LINE), "base", TEXT)
    expected = Aligner().align_line(LINE, TEXT)
    assert [word["text"] for word in line["words"]] == TEXT.split()
    for word, other in zip(line["words"], expected.words, strict=True):
        assert word["box"] == pytest.approx(other.box, abs=0.051)
        assert [character["text"] for character in word["characters"]] == list(word["text"])
    edges = [edge for word in line["words"] for edge in word["box"][::2]]
    assert edges == sorted(edges) and edges[0] >= 0 and edges[-1] <= line["width"]


def test_a_text_file_and_another_model(run: Run, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(f"\ufeff\n{TEXT}\n\n")
    code, out, _ = run(LINE, "--text-file", tmp_path / "text.txt", "-m", "small", "-o", tmp_path / "out.json")
    assert (code, out) == (0, "")
    line = json.loads((tmp_path / "out.json").read_text())
    assert (line["text"], line["model"]) == (TEXT, "small")


def test_an_overlay(run: Run, tmp_path: Path) -> None:
    code, out, _ = run(LINE, "--text", TEXT, "--overlay", tmp_path / "boxes.png")
    assert code == 0
    drawn = cv2.imread(str(tmp_path / "boxes.png"))
    assert drawn is not None
    grey = to_grey(LINE)
    assert drawn.shape[:2] == grey.shape
    changed = (drawn != grey[:, :, None]).any(axis=2)
    x0, y0, x1, y1 = (round(value) for value in json.loads(out)["words"][0]["box"])
    assert changed[y0, x0:x1].all() and changed[y0:y1, x0].all()
    assert not changed[:, : max(0, x0 - 3)].any()


def test_a_set(run: Run, tmp_path: Path) -> None:
    store(tmp_path / "set")
    code, out, err = run(tmp_path / "set", "-o", tmp_path / "out.jsonl")
    assert (code, out, err) == (0, "", "")
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == ["line-1", "line-2", "line-3"]
    assert [line["image"] for line in lines] == ["line-1.png", "line-2.png", "line-3.png"]
    assert lines[1]["text"] == TEXT
    code, out, _ = run(tmp_path / "set" / "val.parquet", "--limit", 2)
    assert code == 0 and [json.loads(line) for line in out.splitlines()] == lines[:2]


def test_bad_lines_are_named_and_the_others_aligned(run: Run, tmp_path: Path) -> None:
    bad = [("no image", b"this is none"), ("ж", image_file()), ("too long " * 60, image_file()), (" ", image_file())]
    store(tmp_path / "set", *bad)
    code, out, err = run(tmp_path / "set")
    path = tmp_path / "set"
    assert code == 3
    assert [json.loads(line)["id"] for line in out.splitlines()] == ["line-1", "line-2", "line-3"]
    errors = err.splitlines()
    assert len(errors) == 5 and errors[-1] == "hwr: 4 of 7 lines failed"
    for number, reason in enumerate(["not an image", "the model base does not know 'ж'", "the text is too long", ""]):
        assert errors[number].startswith(f"hwr: error: {path}: line-{10 + number}: {reason}"), errors[number]


def test_a_set_without_a_good_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    write_lines(tmp_path / "set" / "val.parquet", [stored_line(1, "text", b"none")])
    code, out, err = run(tmp_path / "set", "-o", tmp_path / "out.jsonl")
    assert (code, out) == (2, "") and "none of its 1 lines could be aligned" in err.splitlines()[-1]
    assert not (tmp_path / "out.jsonl").exists()


def test_nothing_is_overwritten_without_force(run: Run, tmp_path: Path) -> None:
    for option in ("-o", "--overlay"):
        target = tmp_path / f"mine{option}.png"
        target.write_text("mine")
        code, _, err = run(LINE, "--text", TEXT, option, target)
        assert code == 2 and "already exists" in err and target.read_text() == "mine"
        assert run(LINE, "--text", TEXT, option, target, "--force")[0] == 0
        assert target.read_bytes() != b"mine"
    image = tmp_path / "line.png"
    image.write_bytes(LINE.read_bytes())
    for option in ("-o", "--overlay"):
        code, _, err = run(image, "--text", TEXT, option, image, "--force")
        assert code == 2 and "would overwrite an input" in err and image.read_bytes() == LINE.read_bytes()
    store(tmp_path / "set")
    lines = (tmp_path / "set" / "val.parquet").read_bytes()
    code, _, err = run(tmp_path / "set", "-o", tmp_path / "set" / "val.parquet", "--force")
    assert code == 2 and "would overwrite an input" in err
    assert (tmp_path / "set" / "val.parquet").read_bytes() == lines


def test_wrong_use(run: Run, tmp_path: Path) -> None:
    store(tmp_path / "set")
    (tmp_path / "two.txt").write_text("one\ntwo\n")
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "broken.png").write_bytes(b"no image")
    (tmp_path / "images").mkdir()
    both = tmp_path / "both.png"
    for arguments, says in (
        ([LINE], "give --text or --text-file"),
        ([LINE, "--text", ""], "the text is empty"),
        ([LINE, "--text", "жж"], "does not know 'ж'"),
        ([LINE, "--text", "long " * 200], "too long for the line"),
        ([LINE, "--text", "a", "--force"], "--force needs --output or --overlay"),
        ([LINE, "--text", "a", "--text-file", tmp_path / "two.txt"], "--text cannot be combined with --text-file"),
        ([LINE, "--text-file", tmp_path / "two.txt"], "2 lines of text"),
        ([LINE, "--text-file", tmp_path / "empty.txt"], "contains no text"),
        ([LINE, "--text-file", tmp_path / "gone.txt"], "no such text file"),
        ([LINE, "--text", "a", "--limit", 3], "--limit applies to a data set"),
        ([LINE, "--text", "a", "--split", "val"], "--split applies to a data set"),
        ([LINE, "--text", "a", "-o", both, "--overlay", both], "-o and --overlay name the same file"),
        ([LINE, "--text", "a", "-m", "giant"], "no model named 'giant'"),
        ([tmp_path / "gone.png", "--text", "a"], "no such file"),
        ([tmp_path / "broken.png", "--text", "a"], "not an image"),
        ([tmp_path / "set", "--text", "a"], "--text applies to a single image"),
        ([tmp_path / "set", "--text-file", tmp_path / "two.txt"], "--text-file applies to a single image"),
        ([tmp_path / "set", "--overlay", tmp_path / "o.png"], "--overlay applies to a single image"),
        ([tmp_path / "set", "--split", "test"], "no test.parquet here; there is: val; a file can be named too"),
        ([tmp_path / "set", "--text-column", "words"], "no column 'words'"),
        ([tmp_path / "gone.parquet"], "does not exist"),
        ([tmp_path / "images"], "not a line store"),
        ([], "Missing argument"),
    ):
        code, out, err = run(*arguments)
        assert (code, out, err.count("\n")) == (2, "", 1), (arguments, code, out, err)
        assert err.startswith("hwr: error: ") and says in err, err
