"""The raw tree of the IAM Handwriting Database: lines by `ascii/lines.txt`, words by `ascii/words.txt`.

    ascii/lines.txt        a01-000u-00 ok 154 19 408 746 1661 89 A|MOVE|to|stop
                           line, segmentation, grey level, components, box (x y w h), tokens
    ascii/words.txt        a01-000u-00-00 ok 154 408 768 27 51 AT A
                           word, segmentation, grey level, box, grammatical tag, text
    ascii/sentences.txt    as lines.txt, cut at sentences; says where spaces are (optional)
    ascii/forms.txt        a01-000u 000 2 prt 7 5 52 36     form, writer, ... (optional; `xml/` works too)
    lines/a01/a01-000u/a01-000u-00.png
    words/a01/a01-000u/a01-000u-00-00.png

Names and ids may be in capitals. Without a folder `lines/` or `words/`, images may be anywhere below the tree, such as
next to the list. Line ends may be CR LF. Listed lines may be missing. Line ids of the splits `aachen` and `lwitlrt`
ship with this package (from jpuigcerver/Laia, egs/iam).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import dropwhile, groupby
from pathlib import Path

from hwr.errors import DataError, InputError
from hwr.files.texts import NOT_UTF8, decode_text
from hwr.files.tree import FileIndex, FolderTree, find_entry, name_key, read_file, walk
from hwr.prepare.iam_text import CROSSED_OUT, mark_sentences, natural_text
from hwr.prepare.samples import IMAGE_SUFFIXES, MAX_TEXT_BYTES, Reason, Sample, Skipped, Source, read_image
from hwr.text import has_surrogates

LICENCE = "IAM: non-commercial research"
LANGUAGE = "en"
SOURCE = "IAM Handwriting Database"

KNOWN_BROKEN_WORDS = frozenset({"a01-117-05-02", "r06-022-03-05"})
"""Word images that IAM distributes as empty or truncated files."""

MAX_XML_BYTES = 16 * 2**20
"""Maximum size of a form's XML; real ones have 200 kB."""

FIELDS = 9
"""Fields of an entry of lines.txt or words.txt; the last one holds the tokens."""
SENTENCE_FIELDS = 10
COMMENT = "#"
"""First character of a comment."""


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
        return path.name.lower() in names and _is_list(path)
    found = (_find_list(folder, name) for folder in _list_folders(path) for name in names)
    return any(_is_list(file) for file in found if file is not None)


def _list_folders(root: Path) -> list[Path]:
    """Return the folders of a tree that may have the lists, the usual one first."""
    ascii = find_entry(root, "ascii")
    return [ascii, root] if ascii is not None and ascii.is_dir() else [root]


def _find_list(folder: Path, name: str) -> Path | None:
    found = find_entry(folder, name)
    return found if found is not None and found.is_file() else None


def _is_list(path: Path) -> bool:
    """Return whether a file may be a list of IAM: other texts can be called lines.txt too."""
    try:
        first = next((row for row in _rows(path) if not row.startswith(COMMENT)), None)
    except InputError:  # which its reader reports
        return True
    return first is None or len(first.split(" ")) >= FIELDS


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
            path = path.parent.parent if path.absolute().parent.name.lower() == "ascii" else path.parent
        self.root = path
        self.ascii = _list_folders(path)[0]
        name, other = ("words.txt", "lines.txt") if options.words else ("lines.txt", "words.txt")
        found = _find_list(self.ascii, name)
        if found is None:
            advice = f"{other} is there: {'leave out' if options.words else 'add'} --words to read it"
            there = _find_list(self.ascii, other) is not None
            raise DataError(f"{path}: no {name} in it or in ascii/" + (f"; {advice}" if there else ""))
        self._list = found
        self._entries = _read_entries(self._list, options.words)
        if all(entry.error for entry in self._entries):
            first = f", such as {self._entries[0].error}" if self._entries else ""
            raise DataError(f"{self._list}: contains no {'word' if options.words else 'line'} of IAM{first}")

    @cached_property
    def _writers(self) -> dict[str, str | None]:
        """Form -> writer, from forms.txt; forms that were looked up in their XML are added."""
        rows = [row.split(" ") for row in _rows(_find_list(self.ascii, "forms.txt"))]
        return {row[0].lower(): row[1] for row in rows if len(row) > 1}

    @cached_property
    def _sentences(self) -> dict[str, list[list[str]]]:
        """Form -> tokens of its sentences, from sentences.txt; their parts on several lines are joined."""
        sentences: dict[str, dict[str, list[str]]] = {}
        for row in _rows(_find_list(self.ascii, "sentences.txt")):
            values = row.split(" ", SENTENCE_FIELDS - 1)
            if len(values) == SENTENCE_FIELDS and values[0].count("-") >= 3:
                form, sentence, _ = values[0].lower().rsplit("-", 2)
                sentences.setdefault(form, {}).setdefault(sentence, []).extend(_tokens(values[-1]))
        return {form: list(parts.values()) for form, parts in sentences.items()}

    def items(self, images: bool = True) -> Iterator[Sample | Skipped]:
        """Yield the lines or words in the order of the list, then images that it does not name."""
        depth = 2 if self.options.words else 1
        for form, group in groupby(self._entries, key=lambda entry: entry.id.rsplit("-", depth)[0]):
            entries = list(group)
            for entry, text in zip(entries, self._texts(form, entries), strict=True):
                yield self._item(form, entry, text)
        listed = {name_key(entry.id) for entry in self._entries}
        for key, path in self._images.items() if self._folder else ():
            if key not in listed:
                yield Skipped(str(path), Reason.UNUSED_IMAGE, f"not in {self._list.name}")

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
        image = self._images.get(name_key(entry.id))
        if image is None:
            return Skipped(entry.id, Reason.NO_IMAGE, f"listed in {self._list.name}{self._packed}", listed_as)
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
    def _folder(self) -> Path | None:
        """The folder of the images."""
        folder = find_entry(self.root, "words" if self.options.words else "lines")
        return folder if folder is not None and folder.is_dir() else None

    @cached_property
    def _packed(self) -> str:
        """Advice if the images are still in the archive that IAM distributes; or nothing."""
        name = "words.tgz" if self.options.words else "lines.tgz"
        archive = None if self._folder else find_entry(self.root, name)
        return f"; unpack {archive} to a folder {name[:5]}" if archive else ""

    @cached_property
    def _images(self) -> dict[str, Path]:
        """Map each id, as a `name_key`, to its image file; the first ending of IMAGE_SUFFIXES is preferred."""
        found = _find_images(self._folder) if self._folder else {}
        if not found:
            found = _find_images(self.root)
            self.notes.add("image folders that are missing: all images below the tree are searched", str(self.root))
        return found

    @cached_property
    def _xml(self) -> tuple[Path, FileIndex]:
        """The folder `xml`, and the files in it."""
        folder = find_entry(self.root, "xml")
        if folder is None or not folder.is_dir():
            return self.root, FileIndex(())
        return folder, FileIndex(FolderTree(folder, (".",)).names)

    def _writer(self, form: str) -> str | None:
        """Return the writer of a form: from forms.txt, else from the form's XML."""
        if form not in self._writers:
            self._writers[form] = self._writer_in_xml(form)
        return self._writers[form]

    def _writer_in_xml(self, form: str) -> str | None:
        folder, index = self._xml
        name = index.at(f"{form}.xml")
        if name is None:
            return None
        try:
            found = re.search(rb'writer-id="([^"]{1,100})"', read_file(folder / name, MAX_XML_BYTES))
        except InputError as error:
            self.notes.add("forms without a known writer, since their XML cannot be read", str(error))
            return None
        return found.group(1).decode("latin-1") if found else None


def _find_images(folder: Path) -> dict[str, Path]:
    """Return the images below a folder by the `name_key` of their stems."""
    images: dict[str, Path] = {}
    for root, names in walk(folder):
        for path in (root / name for name in names):
            key, rank = name_key(path.stem), _rank(path)
            if rank is not None and (key not in images or rank < (_rank(images[key]) or 0)):
                images[key] = path
    return images


def _rank(path: Path) -> int | None:
    """Return the position of the file's ending in IMAGE_SUFFIXES; None if it is not an image."""
    suffix = path.suffix.lower()
    return IMAGE_SUFFIXES.index(suffix) if suffix in IMAGE_SUFFIXES else None


def _rows(path: Path | None) -> Iterator[str]:
    """Yield the lines of an ascii file without the comments at its head; none if the file is missing."""
    if path is None:
        return
    data = read_file(path, MAX_TEXT_BYTES)
    rows = filter(None, decode_text(data, str(path), errors="surrogateescape").splitlines())
    yield from dropwhile(lambda row: row.startswith(COMMENT), rows)


def _read_entries(path: Path, words: bool) -> list[_Entry]:
    entries: list[_Entry] = []
    for number, row in enumerate(_rows(path), start=1):
        values = row.split(" ", FIELDS - 1)
        values[0] = values[0].lower()
        tokens = (values[-1],) if words else _tokens(values[-1])
        if row.startswith(COMMENT):
            entries.append(_Entry(values[0], error=f"{path.name}, entry {number}: a comment among the entries"))
        elif len(values) < FIELDS:
            entries.append(_Entry(values[0], error=f"{path.name}, entry {number}: {len(values)} of {FIELDS} fields"))
        elif has_surrogates(row):
            entries.append(_Entry(values[0], error=f"{path.name}, entry {number}: {NOT_UTF8}"))
        else:
            entries.append(_Entry(values[0], values[1], tokens))
    return entries


def _tokens(text: str) -> tuple[str, ...]:
    return tuple(token for token in text.split("|") if token)


def _is_png(path: Path) -> bool:
    """Return whether the file is a complete PNG: it ends with the IEND chunk."""
    try:
        data = read_image(path)
    except InputError:
        return False
    return data.startswith(b"\x89PNG") and b"IEND" in data[-16:]
