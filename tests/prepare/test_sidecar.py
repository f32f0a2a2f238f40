"""Folders with `.gt.txt` sidecars."""

from pathlib import Path

import pytest
from line_images import write_image

from hwr.errors import DataError
from hwr.prepare.samples import Reason, Sample, Skipped
from hwr.prepare.sidecar import SidecarFolder


def write_line(folder: Path, name: str, text: str | bytes, image: str = ".png") -> None:
    write_image(folder / f"{name}{image}")
    (folder / f"{name}.gt.txt").write_bytes(text if isinstance(text, bytes) else text.encode())


def read(folder: Path) -> tuple[list[Sample], list[Skipped]]:
    items = list(SidecarFolder(folder).items())
    return [item for item in items if isinstance(item, Sample)], [item for item in items if isinstance(item, Skipped)]


def test_nested_folders_and_kinds_of_image(tmp_path: Path) -> None:
    write_line(tmp_path, "b", "second\n")
    write_line(tmp_path, "a", "first", ".jpg")
    write_line(tmp_path / "p1" / "x", "l.01", "with a dot\r\n", ".tif")
    write_line(tmp_path / "p1", "bin", "\ufeffocropus", ".bin.png")
    samples, skipped = read(tmp_path)
    assert [(sample.id, sample.text, sample.page) for sample in samples] == [
        ("a", "first", None),
        ("b", "second", None),
        ("p1/bin", "ocropus", "p1"),
        ("p1/x/l.01", "with a dot", "p1/x"),
    ]
    assert samples[3].load() == (tmp_path / "p1" / "x" / "l.01.tif").read_bytes()
    assert skipped == []


def test_the_plain_image_wins_over_its_variants(tmp_path: Path) -> None:
    write_line(tmp_path, "a", "text", ".png")
    write_image(tmp_path / "a.bin.png")
    write_image(tmp_path / "a.nrm.png")
    samples, skipped = read(tmp_path)
    assert [sample.path for sample in samples] == ["a.png"] and skipped == []


def test_folders_that_name_splits(tmp_path: Path) -> None:
    for folder in ("train", "dev", "Test", "other"):
        write_line(tmp_path / folder, "a", "text")
    samples, _ = read(tmp_path)
    assert {sample.id: sample.split for sample in samples} == {
        "train/a": "train",
        "dev/a": "val",
        "Test/a": "test",
        "other/a": None,
    }


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    write_line(tmp_path, "good", "text")
    write_line(tmp_path, "latin", "caf\xe9".encode("latin-1"))
    write_line(tmp_path, "page", "one\ntwo\n")
    write_line(tmp_path, "empty", " \n")
    write_image(tmp_path / "alone.png")
    (tmp_path / "text.gt.txt").write_text("no image")
    samples, skipped = read(tmp_path)
    assert [(sample.id, sample.text) for sample in samples] == [("empty", ""), ("good", "text")]
    assert [(Path(item.where).name, item.reason) for item in skipped] == [
        ("latin.gt.txt", Reason.BAD_ROW),
        ("page.gt.txt", Reason.BAD_ROW),
        ("text.gt.txt", Reason.NO_IMAGE),
        ("alone.png", Reason.NO_TEXT),
    ]
    assert "UTF-8" in skipped[0].detail and "2 lines" in skipped[1].detail


def test_a_folder_without_sidecars(tmp_path: Path) -> None:
    write_image(tmp_path / "alone.png")
    with pytest.raises(DataError, match=r"no \*\.gt\.txt"):
        SidecarFolder(tmp_path)
