"""Pipes where a file is expected, and images of formats whose readers raise what no other reader does."""

import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from hwr.errors import HwrError, InputError
from hwr.files.images import decode_image
from hwr.files.texts import read_text
from hwr.formats.read_file import load_page_file
from hwr.lm.arpa import read_arpa
from hwr.recognize.inputs import find_inputs
from hwr.recognize.models import find_model


@pytest.mark.parametrize(
    ("name", "read"),
    [("a.txt", read_text), ("a.arpa", read_arpa), ("a.onnx", find_model), ("a.xml", load_page_file)],
)
def test_a_pipe_is_refused_at_once(tmp_path: Path, name: str, read: Callable[[Path], object]) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(HwrError, match=f"{name}: not a regular file"):
        read(tmp_path / name)


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
