"""The raw tree of the IAM Handwriting Database: lines by `ascii/lines.txt`, words by `ascii/words.txt`.

    ascii/lines.txt        a01-000u-00 ok 154 19 408 746 1661 89 A|MOVE|to|stop
                           line, segmentation, grey level, components, box (x y w h), tokens
    ascii/words.txt        a01-000u-00-00 ok 154 408 768 27 51 AT A
                           word, segmentation, grey level, box, grammatical tag, text
    ascii/sentences.txt    as lines.txt, cut at sentences; says where spaces are (optional)
    ascii/forms.txt        a01-000u 000 2 prt 7 5 52 36     form, writer, ... (optional; `xml/` serves too)
    lines/a01/a01-000u/a01-000u-00.png
    words/a01/a01-000u/a01-000u-00-00.png

Line ends may be CR LF. Listed lines may be missing. Line ids of the splits `aachen` and `lwitlrt` ship with this
package (from jpuigcerver/Laia, egs/iam).
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

from hwr.errors import DataError
from hwr.files.texts import decode_text
from hwr.prepare.iam_text import CROSSED_OUT, mark_sentences, natural_text
from hwr.prepare.samples import IMAGE_SUFFIXES, Reason, Sample, Skipped, Source, read_image

LICENCE = "IAM: non-commercial research"
LANGUAGE = "en"
SOURCE = "IAM Handwriting Database"

KNOWN_BROKEN_WORDS = frozenset({"a01-117-05-02", "r06-022-03-05"})
"""Word images that IAM distributes as empty or truncated files."""

FIELDS = 9
"""Fields of an entry of lines.txt or words.txt; the last one holds the tokens."""
SENTENCE_FIELDS = 10


@dataclass(frozen=True)
class IamOptions:
    """Options for reading an IAM tree.

    Attributes:
        words: word images instead of lines.
        tokens: `natural` text, or tokens `spaced`, as in many papers.
        segmentation: `any`, or only those marked `ok`. None: `ok` for words, which were cut by the segmentation, and
            `any` for lines, whose text and image are right in any case.
        keep_crossed_out: keep lines with `#`.
    """

    words: bool = False
    tokens: str = "natural"
    segmentation: str | None = None
    keep_crossed_out: bool = False


@dataclass(frozen=True)
class _Entry:
    """One entry of lines.txt or words.txt; `error` is the reason why it cannot be used."""

    id: str
    segmentation: str = ""
    tokens: tuple[str, ...] = ()
    error: str = ""


def form_of(line: str) -> str:
    """Return the form (page) of a line: `a01-000u-00` -> `a01-000u`."""
    return line.rsplit("-", 1)[0]


def is_tree(path: Path) -> bool:
    """Return whether `path` is the folder of an IAM tree, or its lines.txt or words.txt."""
    names = ("lines.txt", "words.txt")
    if path.is_file():
        return path.name in names
    return any((path / folder / name).is_file() for folder in ("ascii", ".") for name in names)


class IamTree(Source):
    """An IAM tree as a source. `path` is the folder, or the lines.txt or words.txt in it.

    Raises:
        DataError: the list of lines or words is missing or contains no entry.
    """

    kind = "iam"

    def __init__(self, path: Path, options: IamOptions = IamOptions()) -> None:
        super().__init__(path)
        self.options = options
        if path.is_file():
            path = path.parent.parent if path.parent.name == "ascii" else path.parent
        self.root = path
        self.ascii = path / "ascii" if (path / "ascii").is_dir() else path
        self._list = self.ascii / ("words.txt" if options.words else "lines.txt")
        if not self._list.is_file():
            other = "lines.txt" if options.words else "words.txt"
            advice = f"{other} is there: {'leave out' if options.words else 'add'} --words to read it"
            there = (self.ascii / other).is_file()
            raise DataError(f"{path}: no {self._list.name} in it or in ascii/" + (f"; {advice}" if there else ""))
        self._entries = _read_entries(self._list, options.words)
        if not any(not entry.error for entry in self._entries):
            raise DataError(f"{self._list}: contains no {'word' if options.words else 'line'}")

    @cached_property
    def _writers(self) -> dict[str, str]:
        """Form -> writer, from forms.txt."""
        rows = [row.split(" ") for row in _rows(self.ascii / "forms.txt")]
        return {row[0]: row[1] for row in rows if len(row) > 1}

    @cached_property
    def _sentences(self) -> dict[str, list[list[str]]]:
        """Form -> tokens of its sentences, from sentences.txt; their parts on several lines are joined."""
        sentences: dict[str, dict[str, list[str]]] = {}
        for row in _rows(self.ascii / "sentences.txt"):
            values = row.split(" ", SENTENCE_FIELDS - 1)
            if len(values) == SENTENCE_FIELDS and values[0].count("-") >= 3:
                form, sentence, _ = values[0].rsplit("-", 2)
                sentences.setdefault(form, {}).setdefault(sentence, []).extend(_tokens(values[-1]))
        return {form: list(parts.values()) for form, parts in sentences.items()}

    def items(self, images: bool = True) -> Iterator[Sample | Skipped]:
        """Yield the lines or words in the order of the list."""
        depth = 2 if self.options.words else 1
        for form, group in groupby(self._entries, key=lambda entry: entry.id.rsplit("-", depth)[0]):
            entries = list(group)
            for entry, text in zip(entries, self._texts(form, entries), strict=True):
                yield self._item(form, entry, text)

    def _texts(self, form: str, entries: list[_Entry]) -> list[str]:
        if self.options.tokens == "spaced" or self.options.words:
            return [" ".join(entry.tokens) for entry in entries]
        tokens = [entry.tokens for entry in entries]
        return natural_text(mark_sentences(tokens, self._sentences.get(form, [])))

    def _item(self, form: str, entry: _Entry, text: str) -> Sample | Skipped:
        listed_as = form_of(entry.id) if self.options.words else entry.id
        if entry.error:
            return Skipped(entry.id, Reason.BAD_ROW, entry.error)
        if self._segmentation == "ok" and entry.segmentation != "ok":
            return Skipped(entry.id, Reason.SEGMENTATION, f"marked {entry.segmentation!r}", listed_as)
        if CROSSED_OUT in entry.tokens and not self.options.keep_crossed_out:
            return Skipped(entry.id, Reason.CROSSED_OUT, text, listed_as)
        image = self._images.get(entry.id)
        if image is None:
            return Skipped(entry.id, Reason.NO_IMAGE, f"listed in {self._list.name}", listed_as)
        if self.options.words and entry.id in KNOWN_BROKEN_WORDS and not _is_png(image):
            return Skipped(entry.id, Reason.KNOWN_BROKEN, str(image), listed_as)
        return Sample(
            id=entry.id,
            text=text,
            path=image.name,
            where=str(image),
            load=lambda: read_image(image),
            writer=self._writer(form),
            page=form,
            lang=LANGUAGE,
            source=SOURCE,
            licence=LICENCE,
            listed_as=listed_as,
        )

    @property
    def _segmentation(self) -> str:
        return self.options.segmentation or ("ok" if self.options.words else "any")

    @cached_property
    def _images(self) -> dict[str, Path]:
        """Map each id to its image file below `lines/` or `words/`; earlier IMAGE_SUFFIXES are preferred."""
        images: dict[str, Path] = {}
        for folder, folders, names in os.walk(self.root / ("words" if self.options.words else "lines")):
            folders.sort()
            for name in sorted(names):
                path = Path(folder, name)
                rank = _rank(path)
                if rank is not None and (path.stem not in images or rank < (_rank(images[path.stem]) or 0)):
                    images[path.stem] = path
        return images

    def _writer(self, form: str) -> str | None:
        """Return the writer of a form: from forms.txt, else from the form's XML."""
        if form in self._writers:
            return self._writers[form]
        path = self.root / "xml" / f"{form}.xml"
        found = re.search(rb'writer-id="([^"]+)"', path.read_bytes()) if path.is_file() else None
        writer = found.group(1).decode("latin-1") if found else None
        if writer is not None:
            self._writers[form] = writer
        return writer


def _rank(path: Path) -> int | None:
    """Return the position of the file's ending in IMAGE_SUFFIXES; None if it is not an image."""
    suffix = path.suffix.lower()
    return IMAGE_SUFFIXES.index(suffix) if suffix in IMAGE_SUFFIXES else None


def _rows(path: Path) -> Iterator[str]:
    """Yield the lines of an ascii file without the comments at its head; none if the file is missing."""
    if not path.is_file():
        return
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    for row in decode_text(data, str(path), errors="surrogateescape").splitlines():
        if row and not row.startswith("#"):
            yield row


def _read_entries(path: Path, words: bool) -> list[_Entry]:
    entries: list[_Entry] = []
    for number, row in enumerate(_rows(path), start=1):
        values = row.split(" ", FIELDS - 1)
        tokens = (values[-1],) if words else _tokens(values[-1])
        if len(values) < FIELDS:
            entries.append(_Entry(values[0], error=f"{path.name}, entry {number}: {len(values)} of {FIELDS} fields"))
        elif any("\udc80" <= character <= "\udcff" for character in row):
            entries.append(_Entry(values[0], error=f"{path.name}, entry {number}: not UTF-8"))
        else:
            entries.append(_Entry(values[0], values[1], tokens))
    return entries


def _tokens(text: str) -> tuple[str, ...]:
    return tuple(token for token in text.split("|") if token)


def _is_png(path: Path) -> bool:
    """Return whether the file is a complete PNG: it ends with the IEND chunk."""
    data = path.read_bytes()
    return data.startswith(b"\x89PNG") and b"IEND" in data[-16:]
