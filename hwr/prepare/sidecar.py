"""A folder of line images with their text beside them: `NAME.png` and `NAME.gt.txt` (kraken, OCRopus, Tesseract).

Folders are searched through. Where OCRopus left several images of a line (`NAME.bin.png`, `NAME.nrm.png`), the plain
one is taken first. The id is the path in the folder without endings, the page is the folder that the line lies in; a
first folder `train`, `val` or `test` (also `dev`, `validation`, ...) names the split.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from hwr.errors import DataError, InputError
from hwr.prepare.samples import IMAGE_SUFFIXES, Reason, Sample, Skipped, read_image, read_text
from hwr.store.splits import SPLIT_NAMES

TEXT_SUFFIX = ".gt.txt"
VARIANTS = ("", ".bin", ".nrm", ".dew", ".raw")
"""What OCRopus and kraken put between a line's name and the ending of the image."""


def is_folder(path: Path) -> bool:
    """Whether a `.gt.txt` file lies somewhere in the folder."""
    return path.is_dir() and next(_walk(path, TEXT_SUFFIX), None) is not None


class SidecarFolder:
    """A folder with `.gt.txt` sidecars as a source.

    Raises:
        DataError: no sidecar is in it.
    """

    kind = "sidecar"

    def __init__(self, path: Path) -> None:
        self.path = path
        if not is_folder(path):
            raise DataError(f"{path}: no *{TEXT_SUFFIX} file in this folder or below it")

    def items(self, images: bool = True) -> Iterator[Sample | Skipped]:
        """Lines in the order of their paths, then images without a text."""
        used: set[Path] = set()
        for text_file in _walk(self.path, TEXT_SUFFIX):
            stem = text_file.name[: -len(TEXT_SUFFIX)]
            found = [
                image
                for variant in VARIANTS
                for suffix in IMAGE_SUFFIXES
                if (image := text_file.with_name(stem + variant + suffix)).is_file()
            ]
            used.update(found)
            yield self._item(text_file, stem, found)
        for image in _walk(self.path, *IMAGE_SUFFIXES):
            if image not in used:
                yield Skipped(str(image), Reason.NO_TEXT, f"no {image.stem}{TEXT_SUFFIX} beside it")

    def _item(self, text_file: Path, stem: str, found: list[Path]) -> Sample | Skipped:
        if not found:
            return Skipped(str(text_file), Reason.NO_IMAGE, f"no image {stem}.* beside it")
        try:
            rows = [row for row in read_text(text_file).splitlines() if row.strip()]
        except InputError as error:
            return Skipped(str(text_file), Reason.BAD_ROW, str(error))
        if len(rows) > 1:
            return Skipped(str(text_file), Reason.BAD_ROW, f"holds {len(rows)} lines of text, not one")
        image = found[0]
        folder = text_file.parent.relative_to(self.path)
        return Sample(
            id=(folder / stem).as_posix(),
            text=rows[0] if rows else "",
            path=image.name,
            where=str(image),
            load=lambda: read_image(image),
            split=SPLIT_NAMES.get(folder.parts[0].lower()) if folder.parts else None,
            page=folder.as_posix() if folder.parts else None,
        )


def _walk(folder: Path, *suffixes: str) -> Iterator[Path]:
    """Files below `folder` with one of the endings, folder by folder, in the order of their names."""
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if name.lower().endswith(suffixes):
                yield Path(root, name)
