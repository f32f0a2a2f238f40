"""`hwr synth` as a user runs it: stores, sheets, exit codes, bad input."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.commands import Run
from helpers.synth_sources import PROSE, write_broken_font, write_font, write_text
from hwr.files.documents import to_grey
from hwr.store.lines import LineStore

COMMAND = ("synth",)


@pytest.fixture
def sources(tmp_path: Path) -> list[object]:
    """The options that give a text and a font."""
    return ["--text", write_text(tmp_path / "prose.txt"), "--fonts", write_font(tmp_path / "fonts")]


def test_a_store_with_both_splits(run: Run, sources: list[object], tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run(*sources, "-o", out, "--lines", 70, "--val", 10, "--workers", 1, "--licence", "CC0")
    assert done.code == 0 and done.err.endswith(f"hwr: {out}: written\n")
    rows = [row.split() for row in done.out.splitlines()]
    assert rows[0] == ["split", "lines", "characters", "writers", "pages", "MiB"]
    assert [row[:2] for row in rows[1:]] == [["train", "70"], ["val", "10"]]
    train, val = (list(LineStore(out / f"{split}.parquet")) for split in ("train", "val"))
    assert len(train) == 70 and len(val) == 10
    assert not {line.id for line in train} & {line.id for line in val}
    assert not {line.image for line in train} & {line.image for line in val}
    words = {word for line in PROSE for word in line.split()}
    assert any(set(line.text.split()) <= words for line in train)
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["splits"]["train"]["lines"] == 70
    assert manifest["options"]["seed"] == 0
    assert [source["kind"] for source in manifest["sources"]] == ["text", "fonts"]
    assert manifest["splits"]["train"]["licences"] == {"CC0": 70}
    assert sorted(path.name for path in out.iterdir()) == [
        "manifest.json",
        "skipped.tsv",
        "train.parquet",
        "val.parquet",
    ]


def test_workers_do_not_change_a_byte(run: Run, sources: list[object], tmp_path: Path) -> None:
    for workers in (1, 2):
        assert run(*sources, "-o", tmp_path / f"{workers}", "--lines", 150, "--workers", workers).code == 0
    for name in ("train.parquet", "manifest.json"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_a_second_run_and_another_seed(run: Run, sources: list[object], tmp_path: Path) -> None:
    arguments = [*sources, "-o", tmp_path / "out", "--lines", 5, "--workers", 1]
    first = run(*arguments)
    again = run(*arguments)
    assert (again.code, again.out) == (0, first.out)
    assert "unchanged" in again.err
    before = (tmp_path / "out" / "train.parquet").read_bytes()
    other = run(*arguments, "--seed", 1)
    assert other.code == 2 and "contains a store of other sources or options; --force replaces it" in other.err
    assert (tmp_path / "out" / "train.parquet").read_bytes() == before
    assert run(*arguments, "--seed", 1, "--force").code == 0
    assert (tmp_path / "out" / "train.parquet").read_bytes() != before


def test_papers_and_alphabet(run: Run, sources: list[object], tmp_path: Path) -> None:
    alphabet = tmp_path / "alphabet.txt"
    alphabet.write_text("".join(sorted(set("".join(PROSE)) - {"q", "T"})))
    out = tmp_path / "out"
    papers = ["--paper", "binarised=1", "--paper", "low-resolution=0", "--paper-share", 1]
    done = run(*sources, "-o", out, "--lines", 20, "--alphabet", alphabet, *papers, "--workers", 1)
    assert done.code == 0
    assert "texts with characters outside the alphabet: " in done.err
    lines = list(LineStore(out / "train.parquet"))
    assert len(lines) == 20
    assert not {"q", "T"} & set("".join(line.text for line in lines))
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["options"]["papers"]["binarised_probability"] == 1.0


def test_a_sheet_alone(run: Run, sources: list[object], tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    done = run(*sources, "--sheet", sheet)
    assert (done.code, done.out, done.err) == (0, "", f"hwr: {sheet}: written\n")
    assert "--force overwrites it" in run(*sources, "--sheet", sheet).error
    assert run(*sources, "--sheet", sheet, "--force").code == 0
    grey = to_grey(sheet)
    assert grey.shape[0] > 1000 and grey.shape[1] > 1000
    assert grey.std() > 20
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fonts", "prose.txt", "sheet.png"]


def test_broken_fonts_are_named_and_the_rest_is_done(run: Run, sources: list[object], tmp_path: Path) -> None:
    broken = write_broken_font(tmp_path / "fonts")
    done = run(*sources, "-o", tmp_path / "out", "--lines", 5, "--val", 2, "--workers", 1)
    assert done.code == 3
    assert "left out, font cannot be used: 1\n" in done.err and str(broken) in done.err
    assert len(list(LineStore(tmp_path / "out" / "train.parquet"))) == 5
    assert str(broken) in (tmp_path / "out" / "skipped.tsv").read_text()
    sheet = run(*sources, "--sheet", tmp_path / "sheet.png")
    assert sheet.code == 3 and str(broken) in sheet.err


def test_fonts_that_are_all_broken(run: Run, tmp_path: Path) -> None:
    write_broken_font(tmp_path / "fonts")
    done = run("--text", write_text(tmp_path / "t.txt"), "--fonts", tmp_path / "fonts", "-o", tmp_path / "out")
    assert done.code == 2
    assert done.err.startswith("hwr: error: no usable font: ") and done.err.count("\n") == 1
    assert str(tmp_path / "fonts") in done.err
    assert not (tmp_path / "out").exists()


def test_a_corpus_that_no_font_has(
    run: Run, sources: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every text drawn is one that the font lacks: nothing is written, and the message says why."""
    monkeypatch.setattr("hwr.synth.texts.TextSampler.sample", lambda self, generator: ("今天天气很好", None))
    for workers in (1, 2):
        monkeypatch.setattr("hwr.synth.batches._by_processes", _in_this_process)
        done = run(*sources, "-o", tmp_path / "out", "--lines", 200, "--workers", workers)
        assert done.code == 2
        assert done.err.count("no line can be made: ") == 1
        assert "texts with characters that no font has: '今' (" in done.err
        assert done.err.count("\n") == 1
        assert not (tmp_path / "out").exists()


def _in_this_process(options, parts, workers):  # type: ignore[no-untyped-def]
    from hwr.synth.batches import make_batch
    from hwr.synth.generator import LineGenerator

    generator = LineGenerator(options.synth, options.alphabet)
    return (make_batch(generator, options, part) for part in parts)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "out"], "lines need fonts to be written in: give --fonts FOLDER"),
        (["--lines", "3"], "give -o DIR (a line store) or --sheet FILE.png (a picture)"),
        (["-o", "out", "--fonts", "fonts"], "give --text FILE, or --language CODE"),
        (["-o", "out", "--text", "prose.txt"], "give --fonts FOLDER"),
        (["-o", "out", "--text", "missing.txt", "--fonts", "fonts"], "missing.txt"),
        (["-o", "out", "--text", "prose.txt", "--fonts", "missing"], "missing"),
        (["-o", "out", "--text", "prose.txt", "--fonts", "fonts", "--paper", "jpeg"], "write KIND=SHARE"),
        (
            ["-o", "out", "--text", "prose.txt", "--fonts", "fonts", "--paper", "jpeg=2"],
            "--paper jpeg=2: write KIND=SHARE; '2' is not a number from 0 to 1",
        ),
        (
            [
                "-o",
                "out",
                "--text",
                "prose.txt",
                "--fonts",
                "fonts",
                "--paper",
                "low-resolution=0",
                "--paper",
                "low_resolution=1",
            ],
            "--paper low_resolution=1: low_resolution has two shares",
        ),
        (["-o", "out", "--text", "prose.txt", "--fonts", "fonts", "--paper", "snow=1"], "unknown kind of paper 'snow'"),
        (["-o", "out", "--text", "prose.txt", "--fonts", "fonts", "--lines", "0"], "--lines and --val are both 0"),
        (
            ["-o", "out", "--fonts", "fonts", "--language", "latin"],
            "no phrases for the language 'latin'; available: da, de, ",
        ),
        (
            ["-o", "out", "--fonts", "fonts", "--language", "nl", "--phrases", "poem"],
            "no phrases of the kind 'poem'",
        ),
        (["-o", "prose.txt", "--text", "prose.txt", "--fonts", "fonts"], "is a file; name a folder"),
        (["-o", "fonts", "--text", "prose.txt", "--fonts", "fonts"], "is not empty and not a line store"),
        (["-o", "prose.txt/out", "--text", "prose.txt", "--fonts", "fonts"], "cannot be written"),
        (["--sheet", "prose.txt/a.png", "--text", "prose.txt", "--fonts", "fonts"], "cannot be written"),
    ],
)
def test_wrong_use_is_one_clear_line(
    run: Run, sources: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    done = run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("hwr: error: ") and done.err.count("\n") == 1
    assert message in done.err
    assert sorted(tmp_path.rglob("*")) == before, "something was left behind"


FULL_DISK = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
import hwr.cli
sys.argv = ["hwr", *sys.argv[1:]]
hwr.cli.main()
"""


def test_a_full_disk_leaves_nothing_broken(run: Run, sources: list[object], tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["synth", *sources, "-o", out, "--lines", 60, "--workers", 1]
    for there in (False, True):
        if there:
            assert run(*sources, "-o", out, "--lines", 2, "--workers", 1).code == 0
            arguments.append("--force")
        before = {path: path.read_bytes() for path in sorted(out.rglob("*"))}
        done = subprocess.run(
            [sys.executable, "-c", FULL_DISK, *map(str, arguments)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert done.stderr.startswith("hwr: error: ") and "cannot be written" in done.stderr
        assert done.stderr.count("\n") == 1
        assert {path: path.read_bytes() for path in sorted(out.rglob("*"))} == before


def test_a_store_is_what_training_and_evaluation_take(run: Run, sources: list[object], tmp_path: Path) -> None:

    run(*sources, "-o", tmp_path / "out", "--lines", 3, "--val", 2, "--workers", 1)
    assert LineStore(tmp_path / "out", "val").count == 2
    assert LineStore(tmp_path / "out", "train").count == 3


def test_a_store_that_is_refused_leaves_no_sheet(run: Run, sources: list[object], tmp_path: Path) -> None:
    arguments = [*sources, "-o", tmp_path / "out", "--lines", 5, "--workers", 1]
    assert run(*arguments).code == 0
    assert run(*arguments, "--seed", 1, "--sheet", tmp_path / "sheet.png").code == 2
    assert not (tmp_path / "sheet.png").exists()


@pytest.mark.parametrize("option", ["--lines", "--val"])
def test_more_lines_than_there_are_numbers(run: Run, sources: list[object], tmp_path: Path, option: str) -> None:
    done = run(*sources, "-o", tmp_path / "out", option, 10**20)
    assert done.code == 2 and option in done.error and "is not in the range" in done.error


@pytest.mark.parametrize(("name", "says"), [("", "name of the model is empty"), ("fonts", "a folder without best")])
def test_an_alphabet_of_nothing(run: Run, sources: list[object], tmp_path: Path, name: str, says: str) -> None:
    folder = str(tmp_path / name) if name else ""
    done = run(*sources, "-o", tmp_path / "out", "--lines", 5, "--alphabet", folder)
    assert done.code == 2 and says in done.error
