"""ARPA files: what is written is read again, files of others are understood, broken ones are named."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from helpers.backing_off import log_probability, pack
from helpers.lm_texts import text
from hwr.errors import ModelError
from hwr.lm.arpa import read_arpa, write_arpa
from hwr.lm.build import BuildOptions, build
from hwr.lm.corpus import Text

SMALL = """
\\data\\
ngram 1=5
ngram 2=3

\\1-grams:
-1.0\t<unk>
-99\t<s>\t-0.3
-0.5\t</s>
-0.4\ta\t-0.2
-0.6\t▁\t-0.1

\\2-grams:
-0.2\t<s> a
-0.3 a ▁
-0.1\t▁ a

\\end\\
"""


@pytest.mark.parametrize("name", ["a.arpa", "a.arpa.gz", "a.arpa.xz"])
def test_a_model_survives_the_file(name: str, tmp_path: Path) -> None:
    tables = build([text(200)], BuildOptions(order=5, max_bytes=14_000))
    write_arpa(tables, tmp_path / name)
    again = read_arpa(tmp_path / name)
    assert again.symbols == tables.symbols
    for table, other in zip(tables.orders, again.orders, strict=True):
        np.testing.assert_array_equal(table.keys, other.keys)
        np.testing.assert_allclose(table.log_probs, other.log_probs, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(table.backoffs, other.backoffs, rtol=1e-5, atol=1e-5)


def test_the_head_counts_the_lines_of_each_section(tmp_path: Path) -> None:
    write_arpa(build([text(50)], BuildOptions(order=3, max_bytes=None)), tmp_path / "a.arpa")
    lines = (tmp_path / "a.arpa").read_text().split("\n")
    for n in (1, 2, 3):
        begin = lines.index(f"\\{n}-grams:") + 1
        assert f"ngram {n}={lines.index('', begin) - begin}" in lines
    assert lines[-2] == "\\end\\"


@pytest.mark.parametrize("blank", ["▁", "<space>"])
def test_a_file_of_others_is_read(blank: str, tmp_path: Path) -> None:
    (tmp_path / "a.arpa").write_text("made by hand\n" + SMALL.replace("▁", blank), encoding="utf-8")
    tables = read_arpa(tmp_path / "a.arpa")
    assert tables.symbols.characters == " a"
    blank_symbol, a = tables.symbols.encode([" a"])[1:3].tolist()
    assert log_probability(tables, [a, blank_symbol]) == pytest.approx(-0.3 * np.log(10))
    assert log_probability(tables, [a, a]) == pytest.approx(-0.6 * np.log(10))
    assert log_probability(tables, [blank_symbol, pack([1])]) == pytest.approx(-1.1 * np.log(10))


BROKEN = {
    "no head": (SMALL.replace("\\data\\", ""), "\\\\data\\\\ is missing"),
    "wrong count": (SMALL.replace("ngram 2=3", "ngram 2=4"), "3 2-grams, but its header states 4"),
    "missing section": (SMALL.replace("\\2-grams:", ""), "section .2-grams: is missing"),
    "no end": (SMALL.replace("\\end\\", ""), "\\\\end\\\\ is missing"),
    "cut off": (SMALL[: SMALL.index("\\2-grams")], "truncated: the section"),
    "words": (SMALL.replace("\ta\t", "\tthe\t").replace(" a", " the"), "has the word 'the'"),
    "no number": (SMALL.replace("-0.3 a", "x a"), "not a number"),
    "not a probability": (SMALL.replace("-0.3 a", "0.3 a"), "not the logarithm of a probability"),
    "too many fields": (SMALL.replace("-0.3 a ▁", "-0.3 a ▁ a a"), "2 characters and a backoff weight"),
    "twice": (SMALL.replace("▁ a\n", "a ▁\n"), "occurs twice"),
    "unknown character": (SMALL.replace("▁ a\n", "▁ b\n"), "'b' is in the 2-grams"),
    "a count of 5,000 digits": (f"\\data\\\nngram 1={'9' * 5000}\n\n\\end\\\n", "'ngram 1=COUNT' expected"),
    "no counts": ("\\data\\\n\n\\end\\\n", "'ngram 1=COUNT' expected"),
    "order": ("\\data\\\n" + "".join(f"ngram {n}=0\n" for n in range(1, 10)) + "\n\\end\\\n", "order 9"),
    "context": (
        SMALL.replace("ngram 2=3", "ngram 2=3\nngram 3=1").replace("\\end\\", "\\3-grams:\n-0.1 a a a\n\n\\end\\"),
        "'a a a' is present, but not its first 2",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_one_clear_line(name: str, tmp_path: Path) -> None:
    content, message = BROKEN[name]
    (tmp_path / "a.arpa").write_text(content, encoding="utf-8")
    with pytest.raises(ModelError, match=message) as error:
        read_arpa(tmp_path / "a.arpa")
    assert str(error.value).startswith(str(tmp_path / "a.arpa"))
    assert "\n" not in str(error.value)


def test_files_that_are_not_text_are_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "a.arpa").write_bytes(b"\xff\xfe\x00\x01" * 20)
    (tmp_path / "a.arpa.gz").write_bytes(gzip.compress(SMALL.encode())[:-20])
    (tmp_path / "b.arpa.gz").write_bytes(b"plain")
    for path, message in ((tmp_path / "a.arpa", "UTF-8"), (tmp_path / "missing.arpa", "no such")):
        with pytest.raises(ModelError, match=message):
            read_arpa(path)
    for name in ("a.arpa.gz", "b.arpa.gz"):
        with pytest.raises(ModelError, match="broken or truncated"):
            read_arpa(tmp_path / name)


def test_every_changed_byte_of_a_compressed_file_is_one_clear_line_or_harmless(tmp_path: Path) -> None:
    whole = gzip.compress(SMALL.encode(), mtime=0)
    expected = read_arpa(_written(tmp_path / "good.arpa.gz", whole))
    refused = 0
    for place in range(len(whole)):
        changed = bytes([*whole[:place], whole[place] ^ 0xFF, *whole[place + 1 :]])
        try:
            found = read_arpa(_written(tmp_path / "bad.arpa.gz", changed))
        except ModelError:
            refused += 1
        else:  # a byte of the header that nothing depends on, such as the time
            assert repr(found) == repr(expected)
    assert refused > 0.8 * len(whole)


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_the_sign_of_the_space_is_a_character_too(tmp_path: Path) -> None:
    tables = build([Text("", ("a ▁ b", "▁▁ a b"))], BuildOptions(order=3, max_bytes=None))
    write_arpa(tables, tmp_path / "a.arpa")
    again = read_arpa(tmp_path / "a.arpa")
    assert again.symbols == tables.symbols and " " in again.symbols.characters and "▁" in again.symbols.characters
    for table, other in zip(tables.orders, again.orders, strict=True):
        np.testing.assert_array_equal(table.keys, other.keys)
