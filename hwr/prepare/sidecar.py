"""Images of lines with their texts in files of the same name, as used by kraken, OCRopus and Tesseract.

    FOLDER/NAME.png  FOLDER/NAME.gt.txt     the usual names, in a folder or a zip, with folders below it
    FOLDER/NAME.png  FOLDER/NAME.txt        if no text file is called .gt.txt and no page has XML (TrOCR, HTR-VT)

If OCRopus left several images of a line (`NAME.bin.png`, `NAME.nrm.png`), the plain one is taken. The id is the path in
the folder without endings, the page is the folder of the line. If the first folder is `train`, `val` or `test` (also
`dev`, `validation`, ...), it is the split.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from hwr.errors import DataError, InputError
from hwr.files.texts import decode_text
from hwr.files.tree import FileIndex, FileTree, open_tree
from hwr.formats.read_file import HEAD, page_kind
from hwr.prepare.samples import (
    IMAGE_SUFFIXES,
    MAX_IMAGE_BYTES,
    MAX_TEXT_BYTES,
    Reason,
    Sample,
    Skipped,
    Source,
)
from hwr.store.splits import split_of_folder

TEXT_SUFFIX = ".gt.txt"
PLAIN_SUFFIX = ".txt"

FOR_ANOTHER = "for another image, or not read here"

VARIANTS = ("", ".bin", ".nrm", ".dew", ".raw")
"""Parts that OCRopus and kraken put between a line's name and the ending of the image."""


def has_sidecars(tree: FileTree) -> bool:
    """Return whether the tree contains a `.gt.txt` file."""
    return any(name.lower().endswith(TEXT_SUFFIX) for name in tree.names)


def has_plain_sidecars(tree: FileTree) -> bool:
    """Return whether an image of the tree has a `.txt` file of the same name."""
    index = FileIndex(tree.names)
    return any(_images(index, name[: -len(PLAIN_SUFFIX)]) for name in tree.names if name.lower().endswith(PLAIN_SUFFIX))


class SidecarFolder(Source):
    """Images and texts of the same name as a source.

    Args:
        path: a folder or a zip.
        tree: its files, if they are known.
        plain: texts are called `NAME.txt`; None: only if there is no `.gt.txt`.

    Attributes:
        used: names of the images that have a text, after `items`.

    Raises:
        DataError: there is no text file.
    """

    kind = "sidecar"

    def __init__(self, path: Path, tree: FileTree | None = None, plain: bool | None = None) -> None:
        super().__init__(path)
        self.used: set[str] = set()
        self.tree = open_tree(path) if tree is None else tree
        plain = not has_sidecars(self.tree) if plain is None else plain
        self._suffix = PLAIN_SUFFIX if plain else TEXT_SUFFIX
        self._index = FileIndex(self.tree.names)
        self._texts = [name for name in self.tree.names if name.lower().endswith(self._suffix)]
        if plain:  # a README is not a line
            self._texts = [name for name in self._texts if _images(self._index, self._stem(name))]
        if not self._texts:
            raise DataError(f"{path}: no *{TEXT_SUFFIX} file, and no image with a .txt file of its name")

    def items(self, images: bool = True) -> Iterator[Sample | Skipped]:
        """Yield the lines in the order of their paths, then images without a text."""
        yield from self.lines()
        yield from unused_images(self.tree, self.used, Reason.NO_TEXT)

    def lines(self, taken: Iterable[str] = ()) -> Iterator[Sample | Skipped]:
        """Yield the lines with a text file. `taken`: images that are used already."""
        owners = dict.fromkeys(taken, "its page XML")
        for name in self._texts:
            stem = self._stem(name)
            found = _images(self._index, stem)
            if found and not found[0].startswith(stem) and not self._own_texts(found[0]).isdisjoint(self._texts):
                found = []
            self.used.update(found)
            owner = owners.setdefault(found[0], name) if found else name
            if owner == name:
                yield self._item(name, found)
            else:
                yield Skipped(self.tree.where(name), Reason.SECOND_TEXT, f"{found[0]} has {owner} already")

    def _own_texts(self, image: str) -> set[str]:
        """Return the exact names of a text for an image."""
        stem = str(PurePosixPath(image).with_suffix(""))
        stems = {stem.removesuffix(variant) for variant in VARIANTS} | {image}
        return {f"{stem}{self._suffix}" for stem in stems}

    def _stem(self, name: str) -> str:
        return name[: -len(self._suffix)]

    def _item(self, name: str, found: list[str]) -> Sample | Skipped:
        where, stem = self.tree.where(name), self._stem(name)
        if not found:
            return Skipped(
                where, Reason.NO_IMAGE, f"no image {PurePosixPath(stem).name}.* in its folder{self._elsewhere(stem)}"
            )
        try:
            text = decode_text(self.tree.read(name, MAX_TEXT_BYTES), where)
        except InputError as error:
            return Skipped(where, Reason.BAD_ROW, str(error).removeprefix(f"{where}: "))
        rows = [row for row in re.split("\r\n|\r|\n", text) if row.strip()]  # other separators may be part of a text
        if len(rows) > 1:
            return Skipped(where, Reason.BAD_ROW, f"contains {len(rows)} lines of text, not one")
        if self._suffix == TEXT_SUFFIX and self._index.at(stem + PLAIN_SUFFIX):
            self.notes.add(f"lines with {TEXT_SUFFIX} and {PLAIN_SUFFIX}: {TEXT_SUFFIX} counts", where)
        if len({PurePosixPath(image).suffix.lower() for image in found}) > 1:
            self.notes.add("several images of a line; one is taken, in the order .png, .jpg, ...", where)
        if self._suffix == PLAIN_SUFFIX:
            self.notes.add(
                f"texts of NAME{PLAIN_SUFFIX}, as `hwr recognize` writes them: check that they are right", where
            )
        folder = PurePosixPath(stem).parent
        return Sample(
            id=stem,
            text=rows[0] if rows else "",
            path=PurePosixPath(found[0]).name,
            where=self.tree.where(found[0]),
            load=lambda: self.tree.read(found[0], MAX_IMAGE_BYTES),
            split=split_of_folder(PurePosixPath(stem)),
            page=str(folder) if folder.parts else None,
        )

    def _elsewhere(self, stem: str) -> str:
        """Return where an image of this name is; it may be that of another line, so it is not taken."""
        name = PurePosixPath(stem).name
        found = next((hit for suffix in IMAGE_SUFFIXES if (hit := self._index.anywhere(name + suffix))), None)
        return f"; move it there if it is {self.tree.where(found)}" if found else ""


def _images(index: FileIndex, stem: str) -> list[str]:
    """Return the images of a line, the best first."""
    names = (stem + variant + suffix for variant in VARIANTS for suffix in IMAGE_SUFFIXES)
    whole = [stem] if stem.lower().endswith(IMAGE_SUFFIXES) else []  # `a.png.gt.txt`
    candidates = map(index.at, (*whole, *names))
    return list(dict.fromkeys(name for name in candidates if name))


def unused_images(tree: FileTree, used: set[str], reason: Reason) -> Iterator[Skipped]:
    """Yield the images of a tree that have neither text nor XML."""
    index = FileIndex(tree.names)
    for name in tree.names:
        path = PurePosixPath(name)
        if path.suffix.lower() in IMAGE_SUFFIXES and name not in used:
            detail = f"no {path.stem}{TEXT_SUFFIX} with it"
            if index.at(str(path.with_suffix(PLAIN_SUFFIX))):
                detail += f"; {path.stem}{PLAIN_SUFFIX} exists: rename it to {path.stem}{TEXT_SUFFIX}"
            elif xml := index.at(str(path.with_suffix(".xml"))):
                read = page_kind(tree.head(xml, HEAD)) is not None
                detail += f", and {path.stem}.xml is " + (FOR_ANOTHER if read else "neither PAGE XML nor ALTO")
            yield Skipped(tree.where(name), reason, detail)
