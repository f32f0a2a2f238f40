"""Text files, plain or packed, checked; and typographic signs replaced by plain ones."""

import codecs
import gzip
import io
import json
import lzma
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from hwr.errors import InputError
from hwr.files.tree import check_regular
from hwr.text import printable

MAX_BYTES = 512 * 1024 * 1024
"""Maximum unpacked size: texts are held in memory, and a packed file may unpack to any size."""

UTF_8 = "utf-8-sig"
_MARKS = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
"""Byte order marks, and the encodings that they stand for."""
_CHUNK = 1 << 20
SAVE_AS_UTF8 = "save the file as UTF-8 (from Windows-1252 or Latin-1: iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW)"
NOT_UTF8 = f"not UTF-8; {SAVE_AS_UTF8}"

MAX_BROKEN = 1000
"""Broken objects after which a file is not searched any further: each may take as long as the whole file."""

_BLANK = re.compile(r"[ \t\r\n]*")

_PLAIN = str.maketrans(
    dict.fromkeys("’‘‚", "'")
    | dict.fromkeys("“”„«»", '"')
    | dict.fromkeys("–—―−‐‑", "-")
    | {"…": "...", "ﬁ": "fi", "ﬂ": "fl", "ﬀ": "ff", "ſ": "s"}
)


def plain_text(text: str) -> str:
    """Typographic quotes, dashes and dots -> plain ones, which most transcripts use."""
    if "«" in text or "»" in text:
        text = text.replace("« ", "«").replace(" »", "»")
    return text.translate(_PLAIN)


def read_text(path: Path) -> bytes:
    """Return the UTF-8 bytes of a text file, unpacked and checked.

    Raises:
        InputError: missing, a folder, empty, broken, not UTF-8 text, or larger than MAX_BYTES.
    """
    if path.is_dir():
        raise InputError(f"{path}: a folder; a text file is expected (.txt, .txt.xz, .txt.gz)")
    check_regular(path)
    try:
        with _open(path) as file:
            data = _checked(file, path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such text file") from None
    except (lzma.LZMAError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise InputError(f"{path}: the compressed text is broken or truncated ({error})") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    if not data.strip():
        raise InputError(f"{path}: the file contains no text")
    return data


def decode_text(data: bytes, where: str, errors: str = "strict") -> str:
    """Return the text in `data`: UTF-16 or UTF-32 with a byte order mark, otherwise UTF-8. The mark is removed.

    Raises:
        InputError: it has another encoding, unless `errors` says how to handle it.
    """
    encoding = _encoding(data)
    try:
        return data.decode(encoding, errors if encoding == UTF_8 else "strict")
    except UnicodeDecodeError as error:
        if encoding == UTF_8:
            raise InputError(f"{where}: not UTF-8 text (byte {error.start}); {SAVE_AS_UTF8}") from None
        raise InputError(f"{where}: {encoding.upper()} text that is broken or cut off (byte {error.start})") from None


def _encoding(data: bytes) -> str:
    """Return the encoding that a byte order mark names; without one, zeros between the letters of a row mean UTF-16."""
    found = next((name for mark, name in _MARKS.items() if data.startswith(mark)), UTF_8)
    row = data[:200].partition(b"\n")[0]
    if found != UTF_8 or len(row) < 4 or b"\0" not in row or any(0 < byte < 32 and byte not in b"\t\r" for byte in row):
        return found
    shares = (row[0::2].count(0) / len(row[0::2]), row[1::2].count(0) / len(row[1::2]))
    return "utf-16-be" if shares[0] > 0.4 > shares[1] else "utf-16-le" if shares[1] > 0.4 > shares[0] else UTF_8


def _open(path: Path) -> IO[bytes]:
    suffix = path.suffix.lower()
    if suffix == ".xz":
        return lzma.open(path, "rb")
    if suffix == ".gz":
        return io.BufferedReader(gzip.open(path, "rb"))
    return path.open("rb")


def _checked(file: IO[bytes], path: Path) -> bytes:
    """Read to the end; raise an error unless it is text of an acceptable size."""
    data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise InputError(f"{path}: unpacks to more than {MAX_BYTES >> 20} MB; give a smaller part of it")
    if _encoding(data) != UTF_8:
        data = decode_text(data, str(path)).encode()
    data = data.removeprefix(codecs.BOM_UTF8)
    if b"\0" in data:
        raise InputError(f"{path}: not a text file (it contains zero bytes)")
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(data) + 1, _CHUNK):  # as one string, it would take up to four times the memory
        try:
            decoder.decode(data[start : start + _CHUNK], final=start + _CHUNK > len(data))
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: not UTF-8 text (near byte {start + error.start}); {SAVE_AS_UTF8}") from None
    return data


def json_objects(text: str) -> Iterator[tuple[int, str]]:
    """Yield the JSON of objects one after another, each with the number of the line on which it begins.

    One that is not JSON ends before the next line that begins with an object.
    """
    decoder = json.JSONDecoder()
    start, line, broken = 0, 1, 0
    while blank := _BLANK.match(text, start):
        line += text.count("\n", start, blank.end())
        start = blank.end()
        if start == len(text):
            return
        try:
            if broken == MAX_BROKEN:
                end = len(text)
            else:
                _, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            broken += 1
            found = text.find("\n{", start)
            end = len(text) if found < 0 else found
        yield line, text[start:end]
        line += text.count("\n", start, end)
        start = end


def spreadsheet_cell(text: str) -> str:
    """Return `text` as a table cell that a spreadsheet will not run as a formula, without tabs and line breaks.

    Other control characters are written out, since a terminal that shows the table would act on them. A spreadsheet
    takes text that begins with =, +, - or @ for a formula, which can start programs. A leading apostrophe prevents this
    (OWASP, CSV Injection). Numbers stay numbers.
    """
    cell = printable(" ".join(text.split()))
    if len(cell) < 2 or cell[0] not in "=+-@":
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell
