"""Which files are read, and where each result goes."""

from pathlib import Path

import pytest

from hwr.errors import OutputError, UsageError
from hwr.recognize.inputs import check_free, find_inputs, find_targets


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def relative(paths: list[Path], folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in paths]


def test_folders_are_searched_in_order_for_images(tmp_path: Path) -> None:
    touch(tmp_path, "b.png", "a.JPG", "notes.txt", "sub/c.tif", ".hidden.png", ".git/d.png", "sub/deep/e.webp")
    inputs = find_inputs([tmp_path])
    assert [str(file.relative) for file in inputs.files] == ["a.JPG", "b.png", "sub/c.tif", "sub/deep/e.webp"]
    assert inputs.several and not inputs.failed


def test_named_files_are_taken_whatever_their_ending_and_once(tmp_path: Path) -> None:
    touch(tmp_path, "scan", "a.png")
    inputs = find_inputs([tmp_path / "scan", tmp_path / "a.png", tmp_path, tmp_path / "scan"])
    assert [file.path.name for file in inputs.files] == ["scan", "a.png"]


def test_missing_and_empty_are_named(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    inputs = find_inputs([tmp_path / "gone.png", tmp_path / "nothing"])
    assert [str(error) for error in inputs.failed] == [
        f"{tmp_path}/gone.png: no such file or folder",
        f"{tmp_path}/nothing: no images in this folder",
    ]
    assert inputs.files == ()


def test_one_input_goes_to_a_file_or_into_a_folder(tmp_path: Path) -> None:
    touch(tmp_path, "in/a.png")
    one = find_inputs([tmp_path / "in" / "a.png"])
    assert not one.several
    assert find_targets(one, str(tmp_path / "out.txt"), ".txt") == [tmp_path / "out.txt"]
    assert find_targets(one, f"{tmp_path}/new/", ".txt") == [tmp_path / "new" / "a.txt"]
    assert find_targets(one, str(tmp_path), ".json") == [tmp_path / "a.json"]


def test_several_go_to_the_same_relative_paths(tmp_path: Path) -> None:
    touch(tmp_path, "in/a.png", "in/sub/a.png", "in/sub/b.jpg", "in/sub/b.png")
    inputs = find_inputs([tmp_path / "in"])
    targets = find_targets(inputs, str(tmp_path / "out"), ".txt")
    assert relative(targets, tmp_path / "out") == ["a.txt", "sub/a.txt", "sub/b.jpg.txt", "sub/b.png.txt"]
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="need a folder"):
        find_targets(inputs, str(tmp_path / "file"), ".txt")


def test_two_inputs_never_share_a_target(tmp_path: Path) -> None:
    touch(tmp_path, "one/a.png", "two/a.png")
    inputs = find_inputs([tmp_path / "one", tmp_path / "two"])
    with pytest.raises(UsageError, match=r"one/a\.png and .*two/a\.png would both be written to"):
        find_targets(inputs, str(tmp_path / "out"), ".txt")


def test_an_input_is_never_overwritten(tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    with pytest.raises(UsageError, match="over an input"):
        find_targets(find_inputs([tmp_path / "a.png"]), str(tmp_path / "a.png"), ".txt")


def test_what_stands_there_is_kept_without_force(tmp_path: Path) -> None:
    touch(tmp_path, "a.txt")
    check_free(tmp_path / "new.txt", force=False)
    check_free(tmp_path / "a.txt", force=True)
    with pytest.raises(OutputError, match="--force"):
        check_free(tmp_path / "a.txt", force=False)
    with pytest.raises(OutputError, match="folder"):
        check_free(tmp_path, force=True)
