"""Files of folders and zips, and zips that are broken or hostile."""

import io
import zipfile
from pathlib import Path

import pytest

from hwr.errors import DataError, InputError
from hwr.prepare.filetree import FolderTree, ZipTree

FILES = {"a.xml": b"<a/>", "doc/page/b.xml": b"<b/>", "doc/b.jpg": b"image" * 100, ".hidden/c.xml": b"c", "doc/.d": b""}


def make_zip(path: Path, files: dict[str, bytes], kind: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def make_folder(path: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def test_a_folder_and_a_zip_of_it_are_the_same(tmp_path: Path) -> None:
    folder = FolderTree(make_folder(tmp_path / "folder", FILES))
    packed = ZipTree(make_zip(tmp_path / "x.zip", FILES | {"__MACOSX/doc/b.jpg": b"fork"}))
    assert sorted(folder.names) == packed.names == ["a.xml", "doc/b.jpg", "doc/page/b.xml"]
    for name in packed.names:
        assert folder.read(name, 1000) == packed.read(name, 1000) == FILES[name]
        assert folder.head(name, 3) == packed.head(name, 3) == FILES[name][:3]
    for tree in (folder, packed):
        assert tree.where("a.xml") == f"{tree.path}/a.xml"
        with pytest.raises(InputError, match=r"doc/b\.jpg: more than 0 MiB"):
            tree.read("doc/b.jpg", 499)


def test_some_folders_only(tmp_path: Path) -> None:
    make_folder(tmp_path, FILES)
    assert FolderTree(tmp_path / "doc", (".", "page")).names == ["b.jpg", "page/b.xml"]


@pytest.mark.parametrize("name", ["../a.xml", "doc/../../a.xml", "/etc/a.xml", "C:/a.xml", "doc\\..\\..\\a.xml"])
def test_paths_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="holds a path that leads out of it"):
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
