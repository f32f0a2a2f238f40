"""ARPA files of character models: read and write the text format of SRILM and KenLM.

The words of the format are characters; the space is written `▁`, and that character itself `<U+2581>`. Probabilities
are logarithms of base 10 in the file, natural ones in hwr. Format: SRILM's manual page ngram-format(5).
"""

import gzip
import lzma
import math
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import numpy as np

from hwr.errors import ModelError
from hwr.files.atomic import atomic_write
from hwr.files.tree import check_regular
from hwr.lm.ngrams import (
    END,
    MARKS,
    MAX_CHARACTERS,
    MAX_ORDER,
    SPACE,
    SPACE_SIGN,
    START,
    UNKNOWN,
    Symbols,
    Table,
    Tables,
    context,
    unpack,
)

LN10 = math.log(10.0)
SPACES = (SPACE, "<space>")
"""Accepted names of the space."""
UNKNOWNS = ("<unk>", "<UNK>")


def write_arpa(tables: Tables, path: Path) -> None:
    """Write a model, compressed if the name ends in `.gz` or `.xz`; n-grams in the order of their symbols.

    Raises:
        OutputError: the file cannot be written.
    """
    with atomic_write(path) as temporary, _open(temporary, path.suffix, "wt") as file:
        file.write("\\data\\\n")
        for n, table in enumerate(tables.orders, start=1):
            file.write(f"ngram {n}={len(table.keys)}\n")
        for n, table in enumerate(tables.orders, start=1):
            file.write(f"\n\\{n}-grams:\n")
            file.writelines(_lines(tables.symbols, table, last=n == tables.order))
        file.write("\n\\end\\\n")


def _lines(symbols: Symbols, table: Table, last: bool) -> Iterator[str]:
    names = {symbol: symbols.name(symbol) for symbol in range(UNKNOWN, len(symbols.characters) + 4)}
    values = zip(table.keys.tolist(), (table.log_probs / LN10).tolist(), (table.backoffs / LN10).tolist(), strict=True)
    for key, log_prob, backoff in values:
        text = " ".join(names[symbol] for symbol in unpack(key))
        yield f"{log_prob:.6g}\t{text}\n" if last or backoff == 0.0 else f"{log_prob:.6g}\t{text}\t{backoff:.6g}\n"


def read_arpa(path: Path) -> Tables:
    """Read a model whose words are single characters, of order 8 at most, plain or compressed.

    Raises:
        ModelError: not an ARPA file, a section or the end is missing, a count is wrong, a line is malformed, a word is
            not a character, an n-gram occurs twice, or a context of an n-gram is missing.
    """
    check_regular(path)
    try:
        with _open(path, path.suffix, "rt") as file:
            return _read(path, file)
    except FileNotFoundError:
        raise ModelError(f"{path}: no such language model") from None
    except IsADirectoryError:
        raise ModelError(f"{path}: a folder; a language model is one file") from None
    except UnicodeDecodeError:
        raise ModelError(f"{path}: not an ARPA file (it is not UTF-8 text)") from None
    except (lzma.LZMAError, zlib.error, EOFError, gzip.BadGzipFile) as error:
        raise ModelError(f"{path}: the compressed file is broken or truncated ({error})") from None
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from None


@contextmanager
def _open(path: Path, suffix: str, mode: str) -> Iterator[TextIO]:
    opener = {".gz": gzip.open, ".xz": lzma.open}.get(suffix, open)
    with opener(path, mode, encoding="utf-8", newline="\n") as file:  # type: ignore[operator]
        yield file


def _read(path: Path, file: TextIO) -> Tables:
    lines = enumerate((line.strip() for line in file), start=1)
    counts = _read_counts(path, lines)
    sections = [_read_section(path, lines, n, count) for n, count in enumerate(counts, start=1)]
    if not any(line == "\\end\\" for _, line in lines):
        raise ModelError(f"{path}: truncated: the line \\end\\ is missing")
    for words, _, _ in sections[0]:
        if len(words[0]) > 1 and words[0] not in (*_RESERVED, SPACE_SIGN):
            raise ModelError(f"{path}: not a model of characters: it has the word {words[0]!r}")
    names = {words[0] for words, _, _ in sections[0]} - _RESERVED
    characters = sorted(SPACE if name == SPACE_SIGN else name for name in names)
    space = [" "] if any(words[0] in SPACES for words, _, _ in sections[0]) else []
    if len(characters) + len(space) > MAX_CHARACTERS:
        raise ModelError(f"{path}: {len(characters)} characters; at most {MAX_CHARACTERS} are supported")
    symbols = Symbols("".join(space + characters))
    codes = {name: symbols.symbol(name) for name in characters if name != SPACE}
    if SPACE_SIGN in names:
        codes[SPACE_SIGN] = symbols.symbol(SPACE)
    codes |= dict.fromkeys(SPACES, symbols.symbol(" ")) | dict.fromkeys(UNKNOWNS, UNKNOWN)
    codes |= {MARKS[1]: START, MARKS[2]: END}
    tables = [_table(path, n, section, codes) for n, section in enumerate(sections, start=1)]
    _check_contexts(path, symbols, tables)
    return Tables(symbols, tuple(tables))


_RESERVED = {*MARKS, *SPACES, *UNKNOWNS}
_Lines = Iterator[tuple[int, str]]
_Ngram = tuple[list[str], float, float]
"""Symbols, log-probability and logarithm of the backoff weight, as natural logarithms."""
_Section = list[_Ngram]


def _read_counts(path: Path, lines: _Lines) -> list[int]:
    if not any(line == "\\data\\" for _, line in lines):
        raise ModelError(f"{path}: not an ARPA file: the line \\data\\ is missing")
    counts: list[int] = []
    for number, line in lines:
        found = re.fullmatch(r"ngram\s+(\d{1,9})\s*=\s*(\d{1,18})", line)
        if found and int(found[1]) == len(counts) + 1:
            counts.append(int(found[2]))
        elif counts and not line:
            break
        elif line:
            raise ModelError(f"{path}: line {number}: 'ngram {len(counts) + 1}=COUNT' expected, {line[:40]!r} found")
    if not 1 <= len(counts) <= MAX_ORDER:
        raise ModelError(f"{path}: a model of order {len(counts)}; 1 to {MAX_ORDER} are supported")
    return counts


def _read_section(path: Path, lines: _Lines, order: int, count: int) -> _Section:
    _skip_title(path, lines, f"\\{order}-grams:")
    section: _Section = []
    for number, line in lines:
        if not line:
            break
        section.append(_parse_ngram(line, order, f"{path}: line {number}"))
    if len(section) != count:
        raise ModelError(f"{path}: {len(section)} {order}-grams, but its header states {count}; truncated?")
    return section


def _skip_title(path: Path, lines: _Lines, title: str) -> None:
    for number, line in lines:
        if line == title:
            return
        if line:
            raise ModelError(f"{path}: line {number}: the section {title} is missing")
    raise ModelError(f"{path}: truncated: the section {title} is missing")


def _parse_ngram(line: str, order: int, where: str) -> _Ngram:
    fields = line.split()
    if len(fields) not in (order + 1, order + 2):
        raise ModelError(f"{where}: probability, {order} characters and a backoff weight expected")
    try:
        log_prob = float(fields[0])
        backoff = float(fields[order + 1]) if len(fields) == order + 2 else 0.0
    except ValueError:
        raise ModelError(f"{where}: not a number: {line[:40]!r}") from None
    if not (log_prob <= 0 and math.isfinite(backoff)):
        raise ModelError(f"{where}: {log_prob:g} is not the logarithm of a probability")
    return fields[1 : order + 1], log_prob * LN10, backoff * LN10


def _table(path: Path, order: int, section: _Section, codes: dict[str, int]) -> Table:
    keys = np.zeros(len(section), np.uint64)
    try:
        for n in range(order):
            keys = (keys << np.uint64(8)) | np.array([codes[words[n]] for words, _, _ in section], np.uint64)
    except KeyError as error:
        raise ModelError(f"{path}: {error.args[0]!r} is in the {order}-grams, but not in the 1-grams") from None
    ascending = np.argsort(keys, kind="stable")
    keys = keys[ascending]
    if len(keys) and (keys[1:] == keys[:-1]).any():
        raise ModelError(f"{path}: one of the {order}-grams occurs twice")
    values = np.array([(log_prob, backoff) for _, log_prob, backoff in section], float).reshape(-1, 2)[ascending]
    return Table(keys, values[:, 0], values[:, 1])


def _check_contexts(path: Path, symbols: Symbols, tables: Iterable[Table]) -> None:
    lower: Table | None = None
    for order, table in enumerate(tables, start=1):
        if lower is not None and len(table.keys):
            missing = ~np.isin(context(table.keys), lower.keys)
            if missing.any():
                names = " ".join(symbols.name(symbol) for symbol in unpack(int(table.keys[missing.argmax()])))
                raise ModelError(f"{path}: the {order}-gram {names!r} is present, but not its first {order - 1}")
        lower = table
