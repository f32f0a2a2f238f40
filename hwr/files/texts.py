"""Text files, plain or packed, checked; and typographic signs replaced by those of a keyboard."""

import codecs
import gzip
import io
import lzma
import zlib
from pathlib import Path
from typing import IO

from hwr.errors import InputError
from hwr.files.tree import check_regular

MAX_BYTES = 512 * 1024 * 1024
"""Maximum unpacked size: texts are held in memory, and a packed file may unpack to any size."""

_CHUNK = 1 << 20

_PLAIN = str.maketrans(
    {
        "’": "'",
        "‘": "'",
        "‚": "'",
        "“": '"',
        "”": '"',
        "„": '"',
        "–": "-",
        "—": "-",
        "―": "-",
        "−": "-",
        "‐": "-",
        "‑": "-",
        "…": "...",
        "«": '"',
        "»": '"',
        "ﬁ": "fi",
        "ﬂ": "fl",
        "ﬀ": "ff",
        "ſ": "s",
    }
)


def plain_text(text: str) -> str:
    """Typographic quotes, dashes and dots -> the keyboard's signs, which most transcripts use."""
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
        raise InputError(f"{path}: the packed text is broken or truncated ({error})") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    if not data.strip():
        raise InputError(f"{path}: the file contains no text")
    return data


def _open(path: Path) -> IO[bytes]:
    if path.suffix == ".xz":
        return lzma.open(path, "rb")
    if path.suffix == ".gz":
        return io.BufferedReader(gzip.open(path, "rb"))
    return path.open("rb")


def _checked(file: IO[bytes], path: Path) -> bytes:
    """Read to the end; raise an error unless it is UTF-8 text of an acceptable size."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    chunks: list[bytes] = []
    size = 0
    while chunk := file.read(_CHUNK):
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError:
            raise InputError(f"{path}: not UTF-8 text (near byte {size}); convert it first") from None
        if b"\0" in chunk:
            raise InputError(f"{path}: not a text file (it contains zero bytes)")
        size += len(chunk)
        if size > MAX_BYTES:
            raise InputError(f"{path}: unpacks to more than {MAX_BYTES >> 20} MB; give a smaller part of it")
        chunks.append(chunk)
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8 text (cut off in a character); convert it first") from None
    return b"".join(chunks)


def spreadsheet_cell(text: str) -> str:
    """Return `text` as a table cell that a spreadsheet will not run as a formula, without tabs and line breaks.

    A spreadsheet takes text that begins with =, +, - or @ for a formula, which can start programs. A leading apostrophe
    prevents this (OWASP, CSV Injection). Numbers stay numbers.
    """
    cell = " ".join(text.split())
    if len(cell) < 2 or cell[0] not in "=+-@":
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell
