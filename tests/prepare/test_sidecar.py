"""Folders with `.gt.txt` sidecars."""

import zipfile
from pathlib import Path

import pytest
from PIL import Image

from helpers.line_images import write_image
from hwr.errors import DataError, InputError
from hwr.files.images import decode_image
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


@pytest.mark.parametrize("image", ["A.PNG", "a.png", "Mu\u0308ller.jpg", "M%C3%BCller.JPG"])
def test_names_are_compared_by_what_they_mean(tmp_path: Path, image: str) -> None:
    write_image(tmp_path / image)
    stem = "a" if "." in image[:2] else "M\u00fcller"
    (tmp_path / f"{stem}.GT.txt").write_text("text")
    samples, skipped = read(tmp_path)
    assert [(sample.id, sample.path, sample.text) for sample in samples] == [(stem, image, "text")]
    assert skipped == []


def test_an_exact_name_wins(tmp_path: Path) -> None:
    for name in ("a", "A"):
        write_line(tmp_path, name, name)
    samples, skipped = read(tmp_path)
    assert [(sample.id, sample.path) for sample in samples] == [("A", "A.png"), ("a", "a.png")] and skipped == []


def test_plain_text_files_count_only_without_gt_txt(tmp_path: Path) -> None:
    for name in ("b", "c"):
        write_image(tmp_path / f"{name}.png")
    (tmp_path / "b.txt").write_text("plain")
    (tmp_path / "README.txt").write_text("about")
    samples, skipped = read(tmp_path)
    assert [sample.text for sample in samples] == ["plain"]
    assert [Path(item.where).name for item in skipped] == ["c.png"]
    write_line(tmp_path, "a", "text")
    (tmp_path / "a.txt").write_text("read by a program")
    source = SidecarFolder(tmp_path)
    items = list(source.items())
    assert [item.text for item in items if isinstance(item, Sample)] == ["text"]
    assert next(item.detail for item in items if isinstance(item, Skipped)).endswith("rename it to b.gt.txt")
    assert source.notes.counts() == {"lines with .gt.txt and .txt: .gt.txt counts": 1}


def test_linked_folders_are_entered_once(tmp_path: Path) -> None:
    write_line(tmp_path / "data" / "doc", "a", "text")
    (tmp_path / "data" / "doc" / "loop").symlink_to(tmp_path / "data")
    (tmp_path / "top").mkdir()
    (tmp_path / "top" / "linked").symlink_to(tmp_path / "data" / "doc")
    samples, skipped = read(tmp_path / "top")
    assert [sample.id for sample in samples] == ["linked/a"] and skipped == []


def test_links_that_lead_nowhere_and_lfs_pointers_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.gt.txt").write_text("text")
    (tmp_path / "a.png").symlink_to(tmp_path / "annex" / "a.png")
    write_line(tmp_path, "b", "text")
    (tmp_path / "b.png").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:1\n")
    for sample, message in zip(read(tmp_path)[0], ("cannot be read: No such file", "git lfs pull"), strict=True):
        with pytest.raises(InputError, match=message):
            sample.load()


def test_a_zip_of_lines(tmp_path: Path) -> None:
    write_line(tmp_path / "lines" / "p", "a", "text")
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for path in (tmp_path / "lines" / "p").iterdir():
            archive.write(path, f"p/{path.name}")
    samples, _ = read(tmp_path / "x.zip")
    assert [(sample.id, sample.text) for sample in samples] == [("p/a", "text")]
    assert samples[0].load() == (tmp_path / "lines" / "p" / "a.png").read_bytes()


def test_a_folder_without_sidecars(tmp_path: Path) -> None:
    write_image(tmp_path / "alone.png")
    with pytest.raises(DataError, match=r"no \*\.gt\.txt file, and no image with a .txt"):
        SidecarFolder(tmp_path)


def test_texts_that_a_program_may_have_written_are_counted(tmp_path: Path) -> None:
    write_line(tmp_path, "a", "text")
    (tmp_path / "a.gt.txt").rename(tmp_path / "a.txt")
    source = SidecarFolder(tmp_path)
    list(source.items())
    (note,) = source.notes.counts()
    assert "`hwr recognize` writes them" in note


def test_a_name_that_occurs_twice_in_a_zip_is_left_out(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png")
    with zipfile.ZipFile(tmp_path / "l.zip", "w") as archive:
        for name in ("a", "b"):
            archive.write(tmp_path / "a.png", f"{name}.png")
            archive.writestr(f"{name}.gt.txt", "one")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a.gt.txt", "another")
    samples, skipped = read(tmp_path / "l.zip")
    assert [sample.id for sample in samples] == ["b"]
    assert [item.detail for item in skipped] == ["the zip contains several files of this name"]


def test_separators_that_are_part_of_a_text(tmp_path: Path) -> None:
    write_line(tmp_path, "a", "one\u2028two\x0cthree\r\n")
    samples, _ = read(tmp_path)
    assert samples[0].text == "one\u2028two\x0cthree"


def test_a_text_with_the_whole_name_of_its_image(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png")
    (tmp_path / "a.png.gt.txt").write_text("text")
    samples, skipped = read(tmp_path)
    assert skipped == [] and [(sample.path, sample.text) for sample in samples] == [("a.png", "text")]


@pytest.mark.parametrize(("ending", "kind"), [("jp2", "JPEG2000"), ("AVIF", "AVIF"), ("pnm", "PPM")])
def test_images_of_other_formats(tmp_path: Path, ending: str, kind: str) -> None:
    """Formats that `hwr recognize` reads."""
    Image.new("RGB", (60, 40), "white").save(tmp_path / f"a.{ending}", kind)
    (tmp_path / "a.gt.txt").write_text("text")
    [sample], skipped = read(tmp_path)
    assert skipped == [] and decode_image(sample.load(), "").shape == (40, 60)


def test_an_image_in_another_folder_is_named_but_not_taken(tmp_path: Path) -> None:
    """It may be that of another line with the same name."""
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.gt.txt").write_text("text")
    write_image(tmp_path / "images" / "a.png")
    samples, skipped = read(tmp_path)
    assert samples == [] and skipped[0].reason is Reason.NO_IMAGE
    assert skipped[0].detail == f"no image a.* in its folder; move it there if it is {tmp_path}/images/a.png"


def test_an_image_with_two_texts_is_read_once(tmp_path: Path) -> None:
    write_line(tmp_path, "a", "one")
    (tmp_path / "a.png.gt.txt").write_text("two")
    write_line(tmp_path, "b", "three")
    (tmp_path / "B.gt.txt").write_text("four")
    samples, skipped = read(tmp_path)
    assert [(sample.id, sample.text) for sample in samples] == [("a", "one"), ("b", "three")]
    assert [(Path(item.where).name, item.reason) for item in skipped] == [
        ("B.gt.txt", Reason.NO_IMAGE),
        ("a.png.gt.txt", Reason.SECOND_TEXT),
    ]
    assert skipped[1].detail == "a.png has a.gt.txt already"
