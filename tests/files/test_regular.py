"""Pipes and pointers of Git LFS instead of files, and images whose readers raise unusual exceptions."""

import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from hwr.errors import HwrError, InputError
from hwr.files.documents import to_grey
from hwr.files.images import decode_image
from hwr.files.texts import read_text
from hwr.formats.read_file import load_xml_pages
from hwr.lm.arpa import read_arpa
from hwr.lm.file import read_model
from hwr.model.graph import read_graph
from hwr.prepare.sources import open_source
from hwr.recognize.inputs import find_inputs
from hwr.recognize.models import find_model
from hwr.store.columns import open_parquet


@pytest.mark.parametrize(
    ("name", "read"),
    [("a.txt", read_text), ("a.arpa", read_arpa), ("a.onnx", find_model), ("a.xml", load_xml_pages)],
)
def test_a_pipe_is_refused_at_once(tmp_path: Path, name: str, read: Callable[[Path], object]) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(HwrError, match=f"{name}: not a regular file"):
        read(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("a.txt", read_text),
        ("a.arpa", read_arpa),
        ("a.lm", read_model),
        ("a.safetensors", find_model),
        ("a.onnx", read_graph),
        ("a.xml", load_xml_pages),
        ("a.png", to_grey),
        ("a.pdf", to_grey),
        ("a.parquet", open_parquet),
        ("a.zip", open_source),
        ("a.csv", open_source),
    ],
)
def test_a_pointer_of_git_lfs_is_named(tmp_path: Path, name: str, read: Callable[[Path], object]) -> None:
    (tmp_path / name).write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n")
    with pytest.raises(HwrError, match=f"{name}: only a pointer of Git LFS; `git lfs pull`"):
        read(tmp_path / name)


@pytest.mark.parametrize("name", ["a.csv", "a.zip", "a.parquet", "a.xml", "a"])
def test_a_source_that_is_a_pipe_is_named_as_one(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(HwrError, match=f"{name}: not a regular file"):
        open_source(tmp_path / name)


def test_folders_that_are_links_are_searched(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.png").touch()
    (tmp_path / "data" / "loop").symlink_to(tmp_path / "data")
    (tmp_path / "top").mkdir()
    (tmp_path / "top" / "linked").symlink_to(tmp_path / "data")
    found = find_inputs([tmp_path / "top"])
    assert [file.relative.as_posix() for file in found.files] == ["linked/a.png"] and not found.failed


def test_a_dds_of_an_unknown_pixel_format_is_broken() -> None:
    header = struct.pack("<7I44x8I16x4x", 124, 0x1007, 8, 8, 0, 0, 0, 32, 0x40000000, 0, 0, 0, 0, 0, 0)
    with pytest.raises(InputError, match="not an image, or broken"):
        decode_image(b"DDS " + header.ljust(124, b"\0"), "a.dds")


@pytest.mark.parametrize(
    ("data", "kind"), [(b"\xef\xbb\xbf<?xml version='1.0'?><PcGts/>", "XML"), (b'\n{"image": 1}', "JSON")]
)
def test_a_result_that_is_named_as_an_image_is_recognised(data: bytes, kind: str) -> None:
    with pytest.raises(InputError, match=f"^a: {kind}, not an image; hwr convert reads PAGE XML, ALTO and JSON$"):
        decode_image(data, "a")
