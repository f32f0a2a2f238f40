"""`hwr recognize` as a user calls it: outputs, exit codes, bad input."""

import io
import json
import signal
import subprocess
import sys
import time
import zlib
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.commands import Run
from helpers.line_images import sample_page
from hwr.decode import compiled
from hwr.decode.build_search import library_name
from hwr.formats import FORMATS
from hwr.recognize.decoder import DecoderOptions
from hwr.recognize.recognizer import Recognizer

SAMPLES = Path(__file__).parent.parent.parent / "data" / "samples"


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A folder with two line images, one in a subfolder, and a file that is not an image."""
    folder = tmp_path / "scans"
    (folder / "sub").mkdir(parents=True)
    (folder / "b.png").write_bytes((SAMPLES / "line-1.png").read_bytes())
    (folder / "sub" / "a.png").write_bytes((SAMPLES / "line-2.png").read_bytes())
    (folder / "notes.txt").write_text("no image")
    return folder


@pytest.fixture(scope="module")
def texts(model: Path) -> dict[str, str]:
    """The readings of the sample lines."""
    recognizer = Recognizer(model)
    return {name: recognizer.read_line(SAMPLES / name).text for name in ("line-1.png", "line-2.png", "line-3.png")}


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scan") / "scan.png"
    sample_page().save(path)
    return path


def test_a_page_prints_its_lines(run: Run, model: Path, scan: Path) -> None:
    done = run("recognize", scan, "-m", model)
    page = Recognizer(model).read(scan)
    assert (done.code, done.out) == (0, page.text + "\n")
    assert done.messages == [f"hwr: {scan}: {warning}" for warning in page.warnings]
    assert "mean confidence" in page.warnings[0], "the tiny model reads badly"


def test_a_line_prints_its_text(recognize: Run, texts: dict[str, str]) -> None:
    done = recognize("--line", SAMPLES / "line-1.png")
    assert (done.code, done.out, done.messages) == (0, texts["line-1.png"] + "\n", [])


@pytest.mark.parametrize(("options", "name"), [((), "base"), (("--fast",), "small"), (("-m", "tiny"), "tiny")])
def test_the_model_that_reads(run: Run, options: tuple[str, ...], name: str) -> None:
    done = run("recognize", "--line", SAMPLES / "line-1.png", "--format", "json", *options)
    assert done.code == 0 and json.loads(done.out)["model"].split("@")[0] == name


def test_fast_names_a_model(run: Run) -> None:
    done = run("recognize", "--line", SAMPLES / "line-1.png", "--fast", "-m", "small")
    assert done.code == 2 and "--fast cannot be combined with --model" in done.error


def test_careful_reading(recognize: Run, model: Path) -> None:
    careful = Recognizer(model, decoder=DecoderOptions(careful=True))
    expected = careful.read_line(SAMPLES / "line-2.png").text
    done = recognize("--line", SAMPLES / "line-2.png", "--careful")
    assert (done.code, done.out) == (0, expected + "\n")


def test_verbose_says_how_it_reads(recognize: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "load_library", cache(compiled.load_library.__wrapped__))
    monkeypatch.setattr(compiled, "__file__", str(tmp_path / "compiled.py"))
    (tmp_path / library_name()).write_bytes(b"not a library")
    line = ("--line", SAMPLES / "line-2.png", "--decoder", "beam", "--lm", "none")
    quiet, verbose = recognize(*line), recognize(*line, "--verbose")
    assert (quiet.code, quiet.err) == (0, "") and verbose.out == quiet.out
    monkeypatch.setattr(compiled, "load_library", cache(compiled.load_library.__wrapped__))
    precision, search = recognize(*line, "--verbose").messages
    assert precision.endswith(": the network runs in fp32")
    assert search.startswith("hwr: the beam search runs in NumPy, which is slower: ") and library_name() in search


def test_several_have_headers(recognize: Run, texts: dict[str, str]) -> None:
    names = ["line-3.png", "line-1.png"]
    done = recognize("--line", *(SAMPLES / name for name in names))
    assert done.out == "".join(f"==> {SAMPLES / name} <==\n{texts[name]}\n" for name in names)


def test_json_of_several_is_one_object_a_line(recognize: Run, texts: dict[str, str]) -> None:
    done = recognize("--line", "--format", "json", *(SAMPLES / name for name in texts))
    pages = [json.loads(line) for line in done.out.splitlines()]
    assert [page["image"] for page in pages] == [str(SAMPLES / name) for name in texts]
    assert [page["lines"][0]["text"] for page in pages] == list(texts.values())


def test_a_folder_goes_to_a_folder(recognize: Run, scans: Path, tmp_path: Path, texts: dict[str, str]) -> None:
    out = tmp_path / "out"
    done = recognize("--line", scans, "-o", out)
    assert (done.code, done.out) == (0, "")
    assert (
        len(done.messages) == 1
        and done.messages[0].startswith("hwr: 2 pages, 2 lines")
        and f"results in {out}; " in done.messages[0]
    )
    written = {str(path.relative_to(out)): path.read_text() for path in out.rglob("*") if path.is_file()}
    assert written == {"b.txt": texts["line-1.png"] + "\n", "sub/a.txt": texts["line-2.png"] + "\n"}


def test_nothing_is_overwritten_without_force(recognize: Run, scans: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "b.txt").write_text("mine")
    done = recognize("--line", scans, "-o", out)
    assert done.code == 3 and (out / "b.txt").read_text() == "mine" and (out / "sub" / "a.txt").exists()
    assert (
        done.messages[0]
        == f"hwr: error: {out}/b.txt: already exists; --force overwrites it, and --skip-existing keeps it"
    )
    assert done.messages[1].startswith("hwr: 2 pages, 1 line, 1 failed, ")
    assert recognize("--line", scans, "-o", out, "--force").code == 0
    assert (out / "b.txt").read_text() != "mine"
    single = recognize("--line", scans / "b.png", "-o", out / "b.txt")
    assert single.code == 2 and "--force" in single.messages[0]


def bad_files(folder: Path) -> dict[str, bytes]:
    """Files that cannot be read, by name."""
    whole = (SAMPLES / "line-1.png").read_bytes()
    giant = io.BytesIO()
    Image.new("1", (2, 2)).save(giant, "PNG")
    header = (30_000).to_bytes(4, "big") * 2 + giant.getvalue()[24:29]
    checksum = zlib.crc32(b"IHDR" + header).to_bytes(4, "big")
    no_pixels = b"\x89PNG\r\n\x1a\n" + bytes.fromhex("0000000d49484452") + bytes(8) + b"\x08\x00\x00\x00\x00" + bytes(4)
    return {
        "empty.png": b"",
        "truncated.png": whole[: len(whole) // 2],
        "text.png": b"this is no image",
        "zero.png": no_pixels,
        "giant.png": giant.getvalue()[:16] + header + checksum + giant.getvalue()[33:],
    }


def test_bad_files_are_named_and_the_rest_is_read(recognize: Run, tmp_path: Path, texts: dict[str, str]) -> None:
    files = bad_files(tmp_path)
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "empty folder").mkdir()
    bad = [*(tmp_path / name for name in files), tmp_path / "gone.png", tmp_path / "empty folder"]
    for as_line in (["--line"], []):
        done = recognize(*as_line, *bad[:3], SAMPLES / "line-1.png", *bad[3:])
        assert done.code == 3
        for path in bad:
            assert sum(line.startswith(f"hwr: error: {path}: ") for line in done.messages) == 1, (path, done.messages)
        assert (
            done.messages[-1].startswith(f"hwr: {len(bad) + 1} pages, ") and f", {len(bad)} failed" in done.messages[-1]
        )
        assert sum("mean confidence" not in line for line in done.messages) == len(bad) + 1
    assert texts["line-1.png"] in recognize("--line", *bad, SAMPLES / "line-1.png").out


def test_nothing_could_be_done(recognize: Run, tmp_path: Path) -> None:
    for name, content in bad_files(tmp_path).items():
        (tmp_path / name).write_bytes(content)
        done = recognize(tmp_path / name)
        assert (done.code, done.out, len(done.messages)) == (2, "", 1)
        assert done.messages[0].startswith(f"hwr: error: {tmp_path / name}: ")
    both = recognize(tmp_path / "empty.png", tmp_path / "text.png")
    assert both.code == 2 and both.messages[-1].startswith("hwr: 2 pages, 0 lines, 2 failed; ")
    (tmp_path / "nothing").mkdir()
    done = recognize(tmp_path / "nothing")
    assert done.code == 2 and done.messages[0] == f"hwr: error: {tmp_path}/nothing: no images or PDFs in this folder"
    assert recognize(tmp_path / "gone.png").code == 2


def test_a_blank_page_prints_nothing(recognize: Run, tmp_path: Path) -> None:
    path = tmp_path / "blank.png"
    Image.fromarray(np.full((800, 600), 245, np.uint8)).save(path)
    for as_line in ([], ["--line"]):
        done = recognize(path, *as_line)
        assert (done.code, done.out, done.messages) == (0, "", [f"hwr: {path}: no writing found"])
    page = json.loads(recognize(path, "--format", "json").out)
    assert (page["width"], page["height"], page["lines"]) == (600, 800, [])


def test_lines_that_are_all_left_out_are_not_a_page_without_writing(recognize: Run, scan: Path) -> None:
    done = recognize(scan, "--min-line-confidence", "1")
    assert (done.code, done.out) == (0, "") and "lines left out: their confidence is too low" in done.err
    assert "no writing found" not in done.err


def test_wrong_use(recognize: Run, tmp_path: Path) -> None:
    line = SAMPLES / "line-1.png"
    for arguments in (
        ["--format", "docx", line],
        ["--decoder", "oracle", line],
        ["-m", "no-such-model", line],
        ["-m", tmp_path / "gone.onnx", line],
        ["-m", SAMPLES / "line-1.png", line],
        ["--format", "alto", line, SAMPLES / "line-2.png", "-o", SAMPLES / "page.txt"],
        [],
    ):
        done = recognize(*arguments)
        assert (done.code, done.out, len(done.messages)) == (2, "", 1), done
        assert done.messages[0].startswith("hwr: error: ")


def test_a_target_that_cannot_be_made(recognize: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    done = recognize("--line", SAMPLES / "line-1.png", "-o", tmp_path / "file" / "below.txt")
    assert done.code == 2 and len(done.messages) == 1 and "cannot be written" in done.messages[0]


def test_interrupted(recognize: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Recognizer, "read_found", interrupt)
    done = recognize(SAMPLES / "page.png")
    assert (done.code, done.err) == (130, "\nhwr: interrupted\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_running_command(number: signal.Signals, model: Path, scan: Path, tmp_path: Path) -> None:
    for index in range(200):
        (tmp_path / f"{index:03}.png").symlink_to(scan)
    command = [sys.executable, "-m", "hwr", "recognize", "-m", str(model), str(tmp_path)]
    # A shell lets what it starts in the background ignore Ctrl-C, and the tests may run there.
    listening = (
        f"import os, signal; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv({command[0]!r}, {command!r})"
    )
    command = [sys.executable, "-c", listening]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("==> ")
        time.sleep(0.1)
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "hwr: interrupted" and "Traceback" not in err


def test_a_format_that_cannot_be_written_is_a_partial_success(recognize: Run, tmp_path: Path) -> None:
    (tmp_path / "line-1.json").mkdir()
    done = recognize("--line", SAMPLES / "line-1.png", "--format", "text,json", "-o", tmp_path)
    assert done.code == 2, "nothing was written: the folder was found first"
    (tmp_path / "line-1.json").rmdir()
    (tmp_path / "line-1.json").symlink_to("/dev/full")
    done = recognize("--line", SAMPLES / "line-1.png", "--format", "text,json", "-o", tmp_path, "--force")
    assert done.code == 3 and "line-1.json: cannot be written: No space left" in done.err
    assert (tmp_path / "line-1.txt").read_text()


def test_a_closed_standard_input(recognize: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    assert recognize("-").error == "-: standard input is closed"


def test_uncertain_words_are_marked_as_the_format_can(recognize: Run, model: Path, scan: Path) -> None:
    lines = Recognizer(model).read(scan).lines
    words = [word for line in lines for word in line.words]
    limit = sorted(word.confidence for word in words)[len(words) // 2]
    marked = [
        " ".join(f"[{word.text}?]" if word.confidence < limit else word.text for word in line.words) for line in lines
    ]
    assert recognize(scan, "--min-confidence", limit).out == "".join(f"{text}\n" for text in marked)
    data = json.loads(recognize(scan, "--format", "json", "--min-confidence", limit).out)
    uncertain = [word.get("uncertain", False) for line in data["lines"] for word in line["words"]]
    assert uncertain == [word.confidence < limit for word in words] and 0 < sum(uncertain) < len(uncertain)
    assert recognize(scan, "--min-confidence", 0).out == recognize(scan).out


def test_a_format_without_marks_refuses_them(recognize: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FORMATS, "text", replace(FORMATS["text"], marks=False))
    done = recognize(SAMPLES / "line-1.png", "--min-confidence", 0.5)
    assert done.code == 2 and done.messages == [
        "hwr: error: --min-confidence: text cannot mark uncertain words; "
        f"these formats can: {', '.join(name for name, entry in FORMATS.items() if entry.marks)}"
    ]
    assert recognize("--line", SAMPLES / "line-1.png").code == 0


def test_stdout_takes_one_document_of_a_format_that_does_not_stream(recognize: Run, tmp_path: Path) -> None:
    lines = (SAMPLES / "line-1.png", SAMPLES / "line-2.png")
    done = recognize("--line", "--format", "tsv", *lines)
    assert (done.code, done.out, done.messages) == (
        2,
        "",
        ["hwr: error: several inputs cannot be written to stdout as tsv; name a file or folder with -o"],
    )
    done = recognize("--line", "--format", "overlay", *lines, "-o", tmp_path / "out")
    assert (done.code, sorted(path.name for path in (tmp_path / "out").iterdir())) == (
        0,
        ["line-1.overlay.png", "line-2.overlay.png"],
    )
    with Image.open(tmp_path / "out" / "line-1.overlay.png") as drawn, Image.open(lines[0]) as line:
        assert drawn.size == line.size and drawn.mode == "RGB"


def test_a_picture_is_not_for_a_terminal(recognize: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hwr.cli.recognize.sys.stdout.isatty", lambda: True)
    done = recognize("--format", "overlay", SAMPLES / "line-1.png")
    assert (done.code, done.out, done.messages) == (
        2,
        "",
        ["hwr: error: overlay is binary and is never written to a terminal; name a file with -o"],
    )


@pytest.mark.parametrize("value", ["1.1", "-0.1", "nan", "often"])
def test_a_confidence_that_is_none(recognize: Run, value: str) -> None:
    done = recognize(SAMPLES / "line-1.png", "--min-confidence", value)
    assert done.code == 2 and len(done.messages) == 1 and "--min-confidence" in done.messages[0]
