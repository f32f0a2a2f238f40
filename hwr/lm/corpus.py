"""Texts for a language model: files of prose, and the transcripts of line stores."""

import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hwr.errors import DataError, InputError
from hwr.files.texts import plain_text, read_text
from hwr.lm.ngrams import DIGIT, DIGITS, MAX_CHARACTERS, Symbols
from hwr.text import normalise_text

TRAINING_FILE = "train.parquet"
PARQUET = ".parquet"
WRAP = 60
"""A line of handwriting has 30 to 60 characters."""


@dataclass(frozen=True)
class Text:
    """One source of a language model.

    Attributes:
        lines: normalised, none of them empty; the model sees each between start and end marks.
        weight: how many times each line counts.
    """

    name: str
    lines: tuple[str, ...]
    weight: int = 1

    @property
    def characters(self) -> int:
        """Number of characters, including spaces."""
        return sum(map(len, self.lines))


def load_text(path: Path, *, weight: int = 1, wrap: int = WRAP, plain: bool = True, hold_out: float = 0.0) -> Text:
    """Read a text file (plain, `.xz`, `.gz`) or the training transcripts of a line store.

    Args:
        path: a text file, a `.parquet` file, or a folder with `train.parquet`. Nothing else in a folder is read, so
            that no text of validation or test lines gets into a model.
        weight: how many times each line counts.
        wrap: break paragraphs of text files at spaces into lines of at most this many characters; 0: do not.
        plain: replace typographic quotes and dashes by plain ones.
        hold_out: share of a text file to leave out, from its end, for testing the model; ignored for a line store.

    Raises:
        InputError: the file is missing, broken or not text.
        DataError: there is no text in it.
    """
    transcripts = path.is_dir() or path.suffix == PARQUET
    raw = _transcripts(path) if transcripts else _paragraphs(path, hold_out)
    lines = (clean(line, plain) for line in raw)
    wrapped = lines if transcripts or wrap < 1 else (part for line in lines for part in wrap_line(line, wrap))
    kept = tuple(line for line in wrapped if line)
    if not kept:
        raise DataError(f"{path}: there is no text in it")
    return Text(path.name, kept, weight)


def _paragraphs(path: Path, hold_out: float) -> list[str]:
    paragraphs = read_text(path).decode("utf-8").splitlines()
    return paragraphs[: len(paragraphs) - math.ceil(hold_out * len(paragraphs))]


def _transcripts(path: Path) -> list[str]:
    from hwr.store.columns import DEFAULT_COLUMNS, check_columns, open_parquet

    file = path / TRAINING_FILE if path.is_dir() else path
    if not file.is_file():
        raise InputError(f"{file}: no such file; name a text file or a line store with {TRAINING_FILE}")
    parquet = open_parquet(file)
    name = check_columns(file, parquet.schema_arrow, DEFAULT_COLUMNS)["text"]
    return [text or "" for text in parquet.read(columns=[name])[name].to_pylist()]


def clean(line: str, plain: bool) -> str:
    """Return a normalised line without control characters; with plain quotes and dashes if `plain`."""
    text = normalise_text(plain_text(line) if plain else line)
    if text.isprintable():
        return text
    return normalise_text("".join(c for c in text if not unicodedata.category(c).startswith("C")))


def wrap_line(line: str, width: int) -> Iterator[str]:
    """Yield pieces of at most `width` characters, broken at spaces; a longer word is a piece of its own."""
    start = 0
    while len(line) - start > width:
        space = line.rfind(" ", start, start + width + 1)
        if space <= start:
            space = line.find(" ", start + width)
            if space < 0:
                break
        yield line[start:space]
        start = space + 1
    yield line[start:]


def choose_symbols(texts: Iterable[Text]) -> Symbols:
    """Return the sorted characters of the texts, or the most frequent ones; all digits are one character."""
    counts: Counter[str] = Counter()
    for text in texts:
        for start in range(0, len(text.lines), 10_000):
            found = Counter("".join(text.lines[start : start + 10_000]))
            counts.update({character: count * text.weight for character, count in found.items()})
    if digits := sum(counts.pop(digit, 0) for digit in DIGITS):
        counts[DIGIT] = digits
    kept = [character for character, _ in counts.most_common(MAX_CHARACTERS)]
    return Symbols("".join(sorted(kept)))
