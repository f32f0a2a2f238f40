"""Texts of language models: lines as writers make them, and never those of validation or test."""

import textwrap
from pathlib import Path

import pytest

from helpers.backing_off import pack
from hwr.errors import DataError, InputError
from hwr.lm.corpus import Text, choose_symbols, clean, load_text, wrap_line
from hwr.lm.ngrams import END, FIRST_CHARACTER, MAX_CHARACTERS, START, UNKNOWN, Symbols, unpack
from hwr.store.lines import StoredLine
from hwr.store.writing import write_lines


def test_lines_break_as_textwrap_breaks_them() -> None:
    paragraph = "The river has risen again since Sunday, and we have carried the flour up to the first floor. " * 3
    for width in (10, 25, 60, 500):
        expected = textwrap.wrap(paragraph.strip(), width, break_long_words=False, break_on_hyphens=False)
        assert list(wrap_line(paragraph.strip(), width)) == expected


def test_long_words_are_not_broken() -> None:
    assert list(wrap_line("a Llanfairpwllgwyngyll b", 5)) == ["a", "Llanfairpwllgwyngyll", "b"]
    assert list(wrap_line("Llanfairpwllgwyngyll", 5)) == ["Llanfairpwllgwyngyll"]


def test_a_text_file_is_wrapped_and_written_plainly(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("“Yes” — he said,\tand   went.\n\n\x07Bell\n", encoding="utf-8")
    assert load_text(tmp_path / "a.txt", wrap=10).lines == ('"Yes" - he', "said, and", "went.", "Bell")
    assert load_text(tmp_path / "a.txt", wrap=0, plain=False).lines == ("“Yes” — he said, and went.", "Bell")
    assert clean("a\u200bb", plain=False) == "ab"


def test_of_a_line_store_only_the_training_lines_are_read(tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        lines = [StoredLine(b"x", "", f"{split} {number} " + "long " * 20, str(number), 1, 1) for number in (1, 2)]
        write_lines(tmp_path / "store" / f"{split}.parquet", lines)
    found = load_text(tmp_path / "store", weight=3)
    assert found.weight == 3
    assert [line[:7] for line in found.lines] == ["train 1", "train 2"]
    assert len(found.lines[0]) > 60  # transcripts are lines already
    (tmp_path / "store" / "train.parquet").unlink()
    with pytest.raises(InputError, match=r"train\.parquet: no such file"):
        load_text(tmp_path / "store")


def test_what_holds_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("\n \n")
    (tmp_path / "bell.txt").write_text("\x07\n")
    with pytest.raises(InputError, match="no text"):
        load_text(tmp_path / "empty.txt")
    with pytest.raises(DataError, match="no text"):
        load_text(tmp_path / "bell.txt")
    with pytest.raises(InputError, match="no such text file"):
        load_text(tmp_path / "missing.txt")


def test_the_most_frequent_characters_are_kept() -> None:
    many = "".join(chr(0x4E00 + number) for number in range(MAX_CHARACTERS)) * 2 + "a"
    assert len(choose_symbols([Text("", (many,))]).characters) == MAX_CHARACTERS
    assert "a" not in choose_symbols([Text("", (many,))]).characters
    assert "a" in choose_symbols([Text("", (many,)), Text("", ("a",), 5)]).characters


def test_symbols_are_bytes_in_line_order() -> None:
    symbols = Symbols("ab ")
    a, b, blank = FIRST_CHARACTER, FIRST_CHARACTER + 1, FIRST_CHARACTER + 2
    assert symbols.encode(["ab", "", "b ?"]).tolist() == [START, a, b, END, START, END, START, b, blank, UNKNOWN, END]
    assert symbols.encode([]).tolist() == []
    assert unpack(pack([START, a, b])) == (START, a, b)
    assert [symbols.name(s) for s in (UNKNOWN, START, END, a, blank)] == ["<unk>", "<s>", "</s>", "a", "▁"]


def test_all_digits_are_one_character() -> None:
    symbols = choose_symbols([Text("", ("the 12 of May 1874",))])
    assert symbols.characters == " 0Maefhoty"
    assert {symbols.symbol(digit) for digit in "0123456789"} == {FIRST_CHARACTER + 1}
    assert symbols.encode(["12"]).tolist() == symbols.encode(["00"]).tolist()
    own = Symbols("01")
    assert [own.symbol(digit) for digit in "012"] == [FIRST_CHARACTER, FIRST_CHARACTER + 1, FIRST_CHARACTER]
    assert Symbols("a").symbol("1") == UNKNOWN


def test_the_end_of_a_text_can_be_held_out(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("".join(f"line {number}\n" for number in range(50)))
    lines = load_text(tmp_path / "a.txt", hold_out=0.03).lines
    assert lines == tuple(f"line {number}" for number in range(48))
