"""Text files: encodings with a byte order mark, compressed files, and what is refused."""

import gzip
import lzma
from pathlib import Path

import pytest

from hwr.errors import InputError
from hwr.files.texts import decode_text, read_text

TEXT = "Père arrivé\nle 3\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize(("name", "pack"), [("a.txt", bytes), ("a.TXT.GZ", gzip.compress), ("a.txt.Xz", lzma.compress)])
def test_a_byte_order_mark_names_the_encoding(tmp_path: Path, encoding: str, name: str, pack: type[bytes]) -> None:
    path = tmp_path / name
    path.write_bytes(pack(TEXT.encode(encoding)))
    assert read_text(path) == TEXT.encode()
    assert decode_text(TEXT.encode(encoding), "x") == TEXT


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_known_by_its_zeros(encoding: str) -> None:
    assert decode_text("image,text\n1.png,é\n".encode(encoding), "x") == "image,text\n1.png,é\n"
    assert decode_text(b"ab\0cd\0\0 text", "x") == "ab\0cd\0\0 text"


def test_big_endian() -> None:
    assert decode_text(b"\xfe\xff" + TEXT.encode("utf-16-be"), "x") == TEXT


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("é".encode("latin-1"), r"not UTF-8 text \(near byte 0\); save the file as UTF-8 .*iconv -f WINDOWS-1252"),
        ("é".encode()[:1], "not UTF-8 text"),
        (b"a\0b", "zero bytes"),
        (b"\xff\xfea", r"UTF-16 text that is broken or cut off"),
        (b"\xef\xbb\xbf\n", "no text"),
        (b"", "no text"),
    ],
)
def test_what_is_refused(tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(data)
    with pytest.raises(InputError, match=rf"a\.txt: .*{says}") as caught:
        read_text(path)
    assert "\n" not in str(caught.value)


def test_a_text_longer_than_a_chunk(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_bytes("é".encode() * 700_000)
    assert len(read_text(path)) == 1_400_000
    path.write_bytes("é".encode() * 700_000 + b"\xc3")
    with pytest.raises(InputError, match="not UTF-8"):
        read_text(path)
