"""Files of folders and zips, and zips that are broken or hostile."""

import io
import os
import zipfile
from pathlib import Path

import pytest

from helpers.folders import write_files
from hwr.errors import DataError, InputError
from hwr.files.tree import FileIndex, FolderTree, ZipTree, find_entry, name_key, read_file

FILES = {"a.xml": b"<a/>", "doc/page/b.xml": b"<b/>", "doc/b.jpg": b"image" * 100, ".hidden/c.xml": b"c", "doc/.d": b""}


def make_zip(path: Path, files: dict[str, bytes], kind: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def test_a_folder_and_a_zip_of_it_are_the_same(tmp_path: Path) -> None:
    folder = FolderTree(write_files(tmp_path / "folder", FILES))
    more = {"__MACOSX/doc/b.jpg": b"fork", "doc/._b.jpg": b"fork"}
    packed = ZipTree(make_zip(tmp_path / "x.zip", FILES | more))
    write_files(folder.path, more)
    assert (
        sorted(FolderTree(folder.path).names)
        == sorted(folder.names)
        == packed.names
        == ["a.xml", "doc/b.jpg", "doc/page/b.xml"]
    )
    for name in packed.names:
        assert folder.read(name, 1000) == packed.read(name, 1000) == FILES[name]
        assert folder.head(name, 3) == packed.head(name, 3) == FILES[name][:3]
    for tree in (folder, packed):
        assert tree.where("a.xml") == f"{tree.path}/a.xml"
        with pytest.raises(InputError, match=r"doc/b\.jpg: more than 0 MiB"):
            tree.read("doc/b.jpg", 499)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("scans\\Page 1.JPG", "scans/page 1.jpg"),
        ("M\u00fcller.png", "Mu\u0308ller.png"),
        ("M%C3%BCller.png", "M\u00fcller.png"),
        ("./a/../b.png", "b.png"),
        ("caf\udce9.png", "caf%E9.png"),
        ("stra\u00dfe.png", "STRASSE.png"),
    ],
)
def test_spellings_of_one_name(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


def test_files_are_found_by_path_and_by_the_end_of_it() -> None:
    index = FileIndex(["a/1.png", "b/1.png", "b/c/2.JPG", "A/3.png", "a/3.png"])
    assert index.at("a/1.PNG") == "a/1.png" and index.at("b\\C\\2.jpg") == "b/c/2.JPG"
    assert index.at("A/3.png") == "A/3.png" and index.at("a/3.PNG") is None and index.at("1.png") is None
    assert index.anywhere("x:/y/c/2.jpg") == "b/c/2.JPG" and index.anywhere("/data/b/1.png") == "b/1.png"
    assert index.anywhere("1.png") is None and index.anywhere("4.png") is None


def test_links_pipes_and_circles(tmp_path: Path) -> None:
    write_files(tmp_path / "data", FILES)
    (tmp_path / "data" / "doc" / "up").symlink_to(tmp_path / "data")
    (tmp_path / "data" / "gone.png").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "data" / "pipe.xml")
    (tmp_path / "top").mkdir()
    (tmp_path / "top" / "link").symlink_to(tmp_path / "data")
    tree = FolderTree(tmp_path / "top")
    assert sorted(tree.names) == ["link/a.xml", "link/doc/b.jpg", "link/doc/page/b.xml", "link/gone.png"]
    with pytest.raises(InputError, match=r"pipe.xml: not a regular file"):
        read_file(tmp_path / "data" / "pipe.xml", 10)
    assert FolderTree(tmp_path / "data", (".",)).head("pipe.xml", 3) == b""


def test_a_pointer_of_git_lfs_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    with pytest.raises(InputError, match="git lfs pull"):
        read_file(tmp_path / "a.png", 1000)


def test_a_colon_in_the_name_of_a_folder_is_not_a_drive(tmp_path: Path) -> None:
    assert ZipTree(make_zip(tmp_path / "x.zip", {"1921:05/a.xml": b"<a/>"})).read("1921:05/a.xml", 9) == b"<a/>"


def test_zips_from_windows_and_from_programs_that_do_not_mark_utf_8(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name in ("doc\\page\\a.xml", "doc/b.xml"):
            info = zipfile.ZipInfo("x")
            info.filename = name
            archive.writestr(info, name)
        archive.writestr("Mueller.png", b"1")
    data = (tmp_path / "x.zip").read_bytes().replace(b"Mueller", "M\u00fclllr".encode())
    (tmp_path / "x.zip").write_bytes(data)
    tree = ZipTree(tmp_path / "x.zip")
    assert tree.names == ["M\u00fclllr.png", "doc/b.xml", "doc/page/a.xml"]
    assert tree.read("doc/page/a.xml", 100) == b"doc\\page\\a.xml"


def test_zips_whose_paths_begin_with_a_dot(tmp_path: Path) -> None:
    packed = ZipTree(
        make_zip(tmp_path / "x.zip", {"./": b"", "./doc/": b"", "./doc//a.xml": b"<a/>", "././b.xml": b"<b/>"})
    )
    assert packed.names == ["b.xml", "doc/a.xml"]
    assert packed.read("doc/a.xml", 9) == b"<a/>"


@pytest.mark.parametrize("kind", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2, zipfile.ZIP_DEFLATED])
def test_a_corrupt_member_does_not_take_the_others(tmp_path: Path, kind: int) -> None:
    path = make_zip(tmp_path / "x.zip", {"p.xml": b"text of a page " * 900, "q.xml": b"<b/>"}, kind)
    data = bytearray(path.read_bytes())
    data[60:80] = b"\xff" * 20
    path.write_bytes(data)
    tree = ZipTree(path)
    with pytest.raises(InputError, match=r"p.xml: cannot be unpacked"):
        tree.read("p.xml", 2**20)
    assert tree.read("q.xml", 100) == b"<b/>"


def test_a_member_without_a_name_does_not_take_the_others(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.txt", b"one")
        archive.writestr("b.txt", b"two")
    data = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(data.replace(b"b.txt", b"\0.txt"))  # names end at a zero byte
    tree = ZipTree(tmp_path / "a.zip")
    assert tree.names == ["a.txt"] and tree.read("a.txt", 10) == b"one"


def test_some_folders_only(tmp_path: Path) -> None:
    write_files(tmp_path, FILES)
    assert FolderTree(tmp_path / "doc", (".", "page")).names == ["b.jpg", "page/b.xml"]


@pytest.mark.parametrize("name", ["../a.xml", "doc/../../a.xml", "/etc/a.xml", "C:/a.xml", "doc\\..\\..\\a.xml"])
def test_paths_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="contains a path that leads out of it"):
        ZipTree(make_zip(tmp_path / "x.zip", {"good.xml": b"", name: b"<a/>"}))


def test_a_bomb_is_unpacked_only_as_far_as_is_asked(tmp_path: Path) -> None:
    bomb = make_zip(tmp_path / "x.zip", {"a.xml": bytes(300 * 2**20)})
    assert bomb.stat().st_size < 2**20
    tree = ZipTree(bomb)
    assert tree.head("a.xml", 10) == bytes(10)
    with pytest.raises(InputError, match=r"x.zip/a.xml: more than 1 MiB"):
        tree.read("a.xml", 2**20)


def test_a_zip_that_lies_about_sizes_is_bounded_too(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "x.zip", {"a.xml": bytes(2**22)})
    data = path.read_bytes().replace((2**22).to_bytes(4, "little"), (100).to_bytes(4, "little"))
    path.write_bytes(data)
    with pytest.raises(InputError):
        ZipTree(path).read("a.xml", 50)


def test_broken_and_encrypted_zips(tmp_path: Path) -> None:
    good = make_zip(tmp_path / "x.zip", FILES, zipfile.ZIP_STORED).read_bytes()
    for data in (b"", b"no zip", good[: len(good) // 2]):
        (tmp_path / "bad.zip").write_bytes(data)
        with pytest.raises(DataError, match=r"bad.zip: not a zip, or a broken one"):
            ZipTree(tmp_path / "bad.zip")
    (tmp_path / "damaged.zip").write_bytes(good.replace(b"<a/>", b"<b/>", 1))
    with pytest.raises(InputError, match=r"damaged.zip/a.xml: cannot be unpacked: Bad CRC"):
        ZipTree(tmp_path / "damaged.zip").read("a.xml", 100)
    assert ZipTree(tmp_path / "damaged.zip").head("a.xml", 100) == b""
    buffer = io.BytesIO(good)
    with zipfile.ZipFile(buffer, "a") as archive:
        for info in archive.filelist:
            info.flag_bits |= 1
        archive._didModify = True  # type: ignore[attr-defined]
    (tmp_path / "locked.zip").write_bytes(buffer.getvalue())
    with pytest.raises(InputError, match=r"locked.zip/a.xml: cannot be unpacked: .*(encrypted|password)"):
        ZipTree(tmp_path / "locked.zip").read("a.xml", 100)


def test_a_folder_that_cannot_be_listed_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="page: the folder cannot be listed"):
        FolderTree(tmp_path, (".", "page"))


def test_find_entry_prefers_the_exact_name_and_refuses_to_guess(tmp_path: Path) -> None:
    (tmp_path / "Lines.TXT").touch()
    assert find_entry(tmp_path, "lines.txt") == tmp_path / "Lines.TXT"
    (tmp_path / "LINES.txt").touch()
    assert find_entry(tmp_path, "lines.txt") is None
    (tmp_path / "lines.txt").touch()
    assert find_entry(tmp_path, "lines.txt") == tmp_path / "lines.txt"
    assert find_entry(tmp_path / "missing", "lines.txt") is None
