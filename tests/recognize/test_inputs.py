"""Which files are read."""

from pathlib import Path

from helpers.folders import touch
from hwr.recognize.inputs import find_inputs


def test_folders_are_searched_in_order_for_images(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "b.png",
        "a.JPG",
        "notes.txt",
        "sub/c.tif",
        ".hidden.png",
        ".git/d.png",
        "sub/deep/e.webp",
        "f.PDF",
        "g.heic",
    )
    inputs = find_inputs([tmp_path])
    assert [str(file.relative) for file in inputs.files] == [
        "a.JPG",
        "b.png",
        "f.PDF",
        "g.heic",
        "sub/c.tif",
        "sub/deep/e.webp",
    ]
    assert inputs.several and not inputs.failed


def test_numbers_in_names_are_sorted_by_value(tmp_path: Path) -> None:
    ordered = [
        "1/page 10.png",
        "2/page 1.png",
        "2/page 2.png",
        "2/page 2b.png",
        "2/page 02c.png",
        "10/x.png",
        "10/٣.png",
    ]
    touch(tmp_path, *ordered)
    assert [str(file.relative) for file in find_inputs([tmp_path]).files] == ordered
    assert names("2/*.png", tmp_path) == [name.removeprefix("2/") for name in ordered if name.startswith("2/")]


def test_named_files_are_taken_with_any_ending_and_once(tmp_path: Path) -> None:
    touch(tmp_path, "scan", "a.png")
    inputs = find_inputs([tmp_path / "scan", tmp_path / "a.png", tmp_path, tmp_path / "scan"])
    assert [file.path.name for file in inputs.files] == ["scan", "a.png"]


def test_missing_and_empty_are_named(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    touch(tmp_path, "book.tif")
    inputs = find_inputs([tmp_path / "gone.png", tmp_path / "nothing", tmp_path / "book.tif#2"])
    assert [str(error) for error in inputs.failed] == [
        f"{tmp_path}/gone.png: no such file or folder",
        f"{tmp_path}/nothing: no images or PDFs in this folder",
        f"{tmp_path}/book.tif#2: no such file or folder; for a page of {tmp_path}/book.tif, use --pages 2",
    ]
    assert inputs.files == ()


def names(pattern: str, folder: Path) -> list[str]:
    inputs = find_inputs([folder / pattern])
    assert inputs.several and all(file.path.is_file() for file in inputs.files)
    return [str(file.relative) for file in inputs.files]


def test_patterns_are_expanded_in_order(tmp_path: Path) -> None:
    touch(tmp_path, "s/b.jpg", "s/a.jpg", "s/c.png", "s/.d.jpg", "s/x/e.jpg", "s/x/f.txt", "s/a[1].jpg", "g.png/h.jpg")
    assert names("s/*.jpg", tmp_path) == ["a.jpg", "a[1].jpg", "b.jpg"]
    assert names("s/**/*.jpg", tmp_path) == ["a.jpg", "a[1].jpg", "b.jpg", "x/e.jpg"]
    assert names("*/x/e.*", tmp_path) == ["s/x/e.jpg"]
    assert names("s/x*", tmp_path) == ["x/e.jpg"]  # a folder is searched for images
    assert names("s/?.jpg", tmp_path) == ["a.jpg", "b.jpg"]
    named = find_inputs([tmp_path / "s" / "a[1].jpg"])  # the name of an existing file is not a pattern
    assert [file.path.name for file in named.files] == ["a[1].jpg"] and not named.several
    nothing = find_inputs([tmp_path / "*.gif"])
    assert [str(error) for error in nothing.failed] == [f"{tmp_path}/*.gif: no file matches this pattern"]


def test_a_folder_with_the_name_of_an_image_is_a_folder(tmp_path: Path) -> None:
    touch(tmp_path, "x.png/a.png")
    assert [str(file.relative) for file in find_inputs([tmp_path / "x.png"]).files] == ["a.png"]
    assert [str(file.relative) for file in find_inputs([tmp_path]).files] == ["x.png/a.png"]


def test_the_standard_input_is_named_as_one() -> None:
    inputs = find_inputs([Path("-")])
    assert [(str(file.path), str(file.relative)) for file in inputs.files] == [("-", "stdin")] and not inputs.several


def test_links_to_folders_are_followed_and_loops_end(tmp_path: Path) -> None:
    touch(tmp_path, "real/a.png", "top/b.png")
    (tmp_path / "top" / "linked").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "loop").symlink_to(tmp_path / "top")
    found = find_inputs([tmp_path / "top"])
    assert [str(file.relative) for file in found.files] == ["b.png", "linked/a.png"]
