"""The names of results, and results of earlier runs among the inputs."""

from pathlib import Path

import numpy as np
import pytest

from helpers.folders import touch
from hwr.errors import UsageError
from hwr.formats import find_format, to_bytes
from hwr.page.page import Page
from hwr.recognize.inputs import find_inputs
from hwr.recognize.targets import find_targets, numbered, without_results

TEXT = find_format("text")


def relative(paths: list[Path], folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in paths]


def our_pdf() -> bytes:
    page = Page("a.png", 2, 2, "m", (), ())
    return to_bytes(find_format("pdf"), page, np.zeros((2, 2), np.uint8), 300.0)


def test_one_input_goes_to_a_file_or_into_a_folder(tmp_path: Path) -> None:
    touch(tmp_path, "in/a.png")
    one = find_inputs([tmp_path / "in" / "a.png"])
    assert not one.several
    assert find_targets(one, str(tmp_path / "out.txt"), TEXT) == [tmp_path / "out.txt"]
    assert find_targets(one, f"{tmp_path}/new/", TEXT) == [tmp_path / "new" / "a.txt"]
    assert find_targets(one, str(tmp_path), find_format("json")) == [tmp_path / "a.json"]


def test_several_go_to_the_same_relative_paths(tmp_path: Path) -> None:
    touch(tmp_path, "in/a.png", "in/sub/a.png", "in/sub/b.jpg", "in/sub/b.png")
    inputs = find_inputs([tmp_path / "in"])
    targets = find_targets(inputs, str(tmp_path / "out"), TEXT)
    assert relative(targets, tmp_path / "out") == ["a.txt", "sub/a.txt", "sub/b.jpg.txt", "sub/b.png.txt"]


def test_several_inputs_go_to_one_file_if_the_format_joins_pages(tmp_path: Path) -> None:
    touch(tmp_path, "in/a.png", "in/b.png", "file")
    inputs = find_inputs([tmp_path / "in"])
    for name in ("book.pdf", "file", "BOOK.TXT"):
        assert find_targets(inputs, str(tmp_path / name), TEXT) == [tmp_path / name] * 2
        with pytest.raises(UsageError, match="one file for each page, so several inputs need a folder"):
            find_targets(inputs, str(tmp_path / name), find_format("alto"))
    for name in ("scans.2024", "book.pdf/", "book"):
        assert find_targets(inputs, f"{tmp_path}/{name}", TEXT)[1] == tmp_path / name / "b.txt"


@pytest.mark.parametrize(
    ("output", "forms", "results"),
    [
        ("in/book.pdf", ["pdf"], ["book.pdf"]),
        ("in/", ["pdf"], ["a.pdf", "b.png.pdf"]),
        ("in", ["overlay"], ["a.overlay.png", "c-0001.overlay.png"]),
        ("in/", ["pdf", "overlay"], ["a.overlay.png", "a.pdf", "b.png.pdf", "c-0001.overlay.png"]),
        ("in/", ["text"], []),
        ("out/", ["pdf", "overlay"], []),
    ],
)
def test_results_among_the_inputs_are_not_read(
    tmp_path: Path, output: str, forms: list[str], results: list[str]
) -> None:
    names = ["a.png", "b.png", "b.jpg", "c.tif", "book.pdf", "lone.overlay.png", "page-0001.png"]
    made = ["a.pdf", "b.png.pdf", "a.overlay.png", "c-0001.overlay.png"]
    touch(tmp_path / "in", *names, *made)
    for name in ("a.pdf", "b.png.pdf", "book.pdf"):
        (tmp_path / "in" / name).write_bytes(our_pdf())
    inputs = find_inputs([tmp_path / "in"])
    kept, found = without_results(inputs, str(tmp_path) + "/" + output, [find_format(name) for name in forms])
    assert [file.path.name for file in found] == results
    assert {file.path.name for file in kept.files} == {*names, *made} - set(results)


def test_a_pdf_of_another_program_is_an_input_and_never_overwritten(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.png")
    ours, theirs = (f"/Producer<FEFF{name.encode('utf-16-be').hex().upper()}".encode() for name in ("hwr ", "pdf "))
    assert ours in our_pdf()
    (tmp_path / "a.pdf").write_bytes(our_pdf().replace(ours, theirs))
    pdf = find_format("pdf")
    inputs, results = without_results(find_inputs([tmp_path]), f"{tmp_path}/", [pdf])
    assert results == [] and len(inputs.files) == 3
    assert relative(find_targets(inputs, f"{tmp_path}/", pdf), tmp_path) == ["a.pdf.pdf", "a.png.pdf", "b.pdf"]


def test_named_files_and_the_only_file_are_inputs(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "a.pdf", "one/book.pdf")
    pdf = [find_format("pdf")]
    named = find_inputs([tmp_path / "a.png", tmp_path / "a.pdf"])
    assert without_results(named, f"{tmp_path}/", pdf) == (named, [])
    only = find_inputs([tmp_path / "one"])
    assert without_results(only, str(tmp_path / "one" / "book.pdf"), pdf) == (only, [])


def test_two_inputs_never_share_a_target(tmp_path: Path) -> None:
    touch(tmp_path, "one/a.png", "two/a.png")
    inputs = find_inputs([tmp_path / "one", tmp_path / "two"])
    with pytest.raises(UsageError, match=r"one/a\.png and .*two/a\.png would both be written to"):
        find_targets(inputs, str(tmp_path / "out"), TEXT)


def test_an_input_is_never_overwritten(tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    with pytest.raises(UsageError, match="overwrite an input"):
        find_targets(find_inputs([tmp_path / "a.png"]), str(tmp_path / "a.png"), TEXT)


@pytest.mark.parametrize(
    ("path", "suffix", "number", "count", "expected"),
    [
        ("out/book.alto.xml", ".alto.xml", 3, 12, "out/book-0003.alto.xml"),
        ("out/book.alto.xml", ".alto.xml", 1, 1, "out/book.alto.xml"),
        ("book.png", ".overlay.png", 12, 12345, "book-00012.png"),
        ("book", ".txt", 2, 2, "book-0002"),
        ("book.txt", "", 2, 2, "book-0002.txt"),
    ],
)
def test_numbers_in_names(path: str, suffix: str, number: int, count: int, expected: str) -> None:
    assert numbered(Path(path), suffix, number, count) == Path(expected)
