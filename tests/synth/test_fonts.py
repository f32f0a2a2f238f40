"""Fonts: what they cover, which are passed over."""

import string
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from helpers.font_files import read_character_map, read_tables, write_collection, write_font
from hwr.errors import InputError
from hwr.synth.fonts import HandFont, find_fonts, load_fonts

Remap = Callable[[str, Mapping[str, str | None]], Path]


def test_coverage_is_what_the_character_map_says(font_folder: Path, aileron: bytes) -> None:
    font = HandFont(font_folder / "aileron.ttf")
    mapped = read_character_map(read_tables(aileron)[b"cmap"])
    for code in (*range(33, 127), *range(161, 384), *range(0x2010, 0x2030), 0x20AC):
        character = chr(code)
        if character.isprintable():
            assert font.covers(character) == (code in mapped), character


def test_a_glyph_that_is_empty_or_that_of_another_letter_is_a_lack(remapped: Remap) -> None:
    font = HandFont(remapped("poor", {"q": None, "w": " ", "é": "e", "ô": "a", "z": "Z"}))
    assert not any(font.covers(character) for character in "qwéz")
    assert font.covers("abcZ EW")
    assert not font.covers("a quay")
    assert font.covers("ô")  # nothing in the font shows that this glyph is the wrong one


def test_coverage_agrees_with_the_table_of_the_fonts(shared: Path) -> None:
    rows = [line.split("\t") for line in (shared / "fonts" / "coverage.tsv").read_text("utf-8").splitlines()[1:]]
    tested = string.ascii_letters + string.digits + ".,;:!?'\"()-&éèêàçùâîôûëïœÉÈÊÀÇÂŒäöüßÄÖÜ«»’‘“”–—…£€%"
    for row in rows[::3]:
        font = HandFont(shared / "fonts" / f"{row[0]}.ttf")
        assert {c for c in tested if not font.covers(c)} == set("".join(row[2:])) - {"-"}, row[0]


def test_broken_files_are_named_and_left_out(font_folder: Path, aileron: bytes) -> None:
    (font_folder / "broken.ttf").write_bytes(aileron[:900])
    (font_folder / "empty.otf").write_bytes(b"")
    (font_folder / "text.ttf").write_bytes(b"this is no font")
    said: list[str] = []
    fonts = load_fonts([font_folder], said.append)
    assert [font.name for font in fonts] == ["aileron"]
    assert len(said) == 3
    for name, line in zip(("broken.ttf", "empty.otf", "text.ttf"), said, strict=True):
        assert name in line
        assert "\n" not in line


def test_a_font_with_damaged_outlines_never_raises_anything_else(font_folder: Path, aileron: bytes) -> None:
    tables = read_tables(aileron)
    start = aileron.index(tables[b"glyf"])
    for at in range(start, start + len(tables[b"glyf"]), 401):
        (font_folder / "aileron.ttf").write_bytes(aileron[:at] + b"\xff" * 40 + aileron[at + 40 :])
        try:
            font = HandFont(font_folder / "aileron.ttf")
        except InputError:
            continue
        assert isinstance(font.covers(string.ascii_letters), bool)


def test_a_font_without_latin_letters_is_left_out(remapped: Remap) -> None:
    path = remapped("signs", dict.fromkeys(string.ascii_letters))
    with pytest.raises(InputError, match=r"no usable font: .*signs\.ttf: the font has neither all letters"):
        load_fonts([path], list[str]().append)


def test_capitals_alone_are_enough(remapped: Remap) -> None:
    font = HandFont(remapped("capitals", dict(zip(string.ascii_lowercase, string.ascii_uppercase, strict=True))))
    assert font.covers("ABC")
    assert not font.covers("a")
    assert font.shape.x_height > 0


def test_paths_without_fonts_are_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such font"):
        find_fonts([tmp_path / "none.ttf"])
    with pytest.raises(InputError, match="no font"):
        find_fonts([tmp_path])
    with pytest.raises(InputError, match="no usable font"):
        load_fonts([], list[str]().append)


def test_styles_come_from_the_table(font_folder: Path, aileron: bytes) -> None:
    (font_folder / "other.ttf").write_bytes(aileron)
    (font_folder / "coverage.tsv").write_text("font\tstyle\taileron\naileron\tprint\t-\n")
    assert [(font.name, font.style) for font in load_fonts([font_folder], list[str]().append)] == [
        ("aileron", "print"),
        ("other", ""),
    ]


def test_joined_faces_are_distinguished_from_print(shared: Path) -> None:
    joined = {name: HandFont(shared / "fonts" / f"{name}.ttf").shape.joined for name in ("borel", "allura", "caveat")}
    assert joined == {"borel": True, "allura": True, "caveat": False}


def test_a_font_that_cannot_be_measured_is_left_out(font_folder: Path, aileron: bytes) -> None:
    # Advances of 65,535 units: "minumeand" alone would be wider than any line.
    tables = read_tables(aileron)
    wide = b"\xff\xff\0\0" * (len(tables[b"hmtx"]) // 4)
    (font_folder / "wide.ttf").write_bytes(write_font({**tables, b"hmtx": wide}, read_character_map(tables[b"cmap"])))
    said: list[str] = []
    assert [font.name for font in load_fonts([font_folder], said.append)] == ["aileron"]
    assert "wide.ttf" in said[0] and "too large" in said[0]


def test_all_fonts_of_a_collection_are_used(font_folder: Path, remapped: Remap) -> None:
    faces = [read_tables(path.read_bytes()) for path in (font_folder / "aileron.ttf", remapped("poor", {"q": None}))]
    (font_folder / "both.ttc").write_bytes(write_collection(faces))
    fonts = load_fonts([font_folder / "both.ttc"], list[str]().append)
    assert [(font.name, font.covers("q")) for font in fonts] == [("both", True), ("both-2", False)]


@pytest.mark.parametrize(
    "data", ["font\tstyle\naileron\th\xe9\n".encode("latin-1"), b"version https://git-lfs.github.com/spec/v1\n"]
)
def test_a_table_of_styles_that_cannot_be_read_is_named(font_folder: Path, data: bytes) -> None:
    (font_folder / "coverage.tsv").write_bytes(data)
    with pytest.raises(InputError, match=r"no usable font: .*coverage\.tsv"):
        load_fonts([font_folder], list[str]().append)


def test_a_table_with_other_columns_is_ignored(font_folder: Path) -> None:
    (font_folder / "coverage.tsv").write_text(f"name\tshare\n{'x' * 200_000}\t1\n")
    assert [font.style for font in load_fonts([font_folder], list[str]().append)] == [""]
