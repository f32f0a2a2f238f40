"""Normalised lines of any store: made from the images as found, or taken from a store that already contains them.

Training, evaluation and `hwr prepare --normalise` get their lines here, so that no line is normalised twice.
"""

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from hwr.errors import DataError, InputError
from hwr.files.images import GreyImage, decode_image
from hwr.line import NORMALISATION, NORMALISATION_VERSION, normalise_line
from hwr.store.columns import Normalised
from hwr.store.lines import LineStore, Report, StoredLine
from hwr.text import normalise_text

LOSSLESS = 100
"""WebP quality that is lossless."""

MAX_ASPECT = 1000
"""Maximum ratio of width to height of a line image; long lines of real pages reach about 50."""

MAX_WEBP_WIDTH = 16383
"""Maximum width of a WebP image in pixels."""


@dataclass(frozen=True, slots=True)
class LabelledLine:
    """A normalised line: ink of shape (height, width), 0 paper to 255 ink, and its normalised text."""

    ink: GreyImage
    text: str
    id: str
    writer: str | None = None
    page: str | None = None


def current_normalisation(height: int) -> Normalised:
    """Return the normalisation of this version of hwr, at a height."""
    return Normalised(NORMALISATION, NORMALISATION_VERSION, height)


def check_normalised(where: Path | str, stated: Normalised | None, height: int) -> None:
    """Check that the lines of a store are available at `height`; None as normalisation means they will be normalised.

    Raises:
        DataError: they are normalised in another way, or at another height.
    """
    wanted = current_normalisation(height)
    if stated not in (None, wanted):
        raise DataError(
            f"{where}: contains lines normalised by {stated}; {wanted} is needed: prepare it again from the images"
        )


def check_shape(image: GreyImage, where: str) -> None:
    """Check that an image can be a line; the network's memory grows with the width at a given height.

    Raises:
        InputError: it is too wide for its height; `where` names it.
    """
    rows, columns = image.shape
    if columns > MAX_ASPECT * rows:
        raise InputError(f"{where}: {columns} x {rows} pixels are too wide for a line")


def line_ink(line: StoredLine, normalised: Normalised | None, height: int) -> GreyImage:
    """Return the ink of a line, shape (height, width), 0 paper to 255 ink.

    Args:
        normalised: the normalisation of the image; None if it is still to be normalised.

    Raises:
        InputError: the image is broken, or its height differs from the one that its store states.
    """
    image = decode_image(line.image, line.path or line.id)
    check_shape(image, line.id)
    if normalised is None:
        return normalise_line(image, height)
    if image.shape[0] != height:
        raise InputError(f"{line.id}: the image has {image.shape[0]} rows, its store says {height}")
    return image


def normalised_line(line: StoredLine, ink: GreyImage, quality: int = LOSSLESS) -> StoredLine:
    """Return `line` with its ink as image: WebP, lossless at quality 100; PNG if it is too wide for WebP."""
    from PIL import Image

    height, width = ink.shape
    buffer = io.BytesIO()
    ending = "webp" if width <= MAX_WEBP_WIDTH else "png"
    if ending == "webp":
        Image.fromarray(ink).save(buffer, "WEBP", quality=quality, lossless=quality >= LOSSLESS, method=4)
    else:
        Image.fromarray(ink).save(buffer, "PNG")
    path = Path(line.path or line.id).with_suffix(f".{ending}").name
    return replace(line, image=buffer.getvalue(), path=path, width=width, height=height)


class NormalisedLines:
    """The lines of one split of any store, normalised at `height`, by groups of at most 256.

    Lines whose image cannot be used are left out and passed to `report` once each (row of the store, reason).

    Attributes:
        store: the store that they come from; `store.content_hash()` identifies it.

    Raises:
        DataError: the store cannot be used, or holds lines normalised in another way or at another height.
    """

    def __init__(
        self,
        path: Path,
        height: int,
        split: str | None = None,
        report: Report = lambda row, reason: None,
        threads: int = 2,
    ) -> None:
        self.store = LineStore(path, split, report=report, normalised=True)
        check_normalised(path, self.store.normalised, height)
        self.height = height
        self.count = self.store.count
        self.groups = self.store.groups
        self._threads = threads
        self._report = report
        self._reported: set[int] = set()

    def texts(self) -> Iterator[str]:
        """Yield all normalised texts, without reading an image."""
        yield from map(normalise_text, self.store.texts())

    def read_group(self, index: int) -> list[LabelledLine]:
        """Return the lines of a group in order; none if its bytes are corrupt."""
        try:
            stored = self.store.read_rows(index)
        except DataError as error:
            self.store.leave_out_group(index, str(error))
            return []
        with ThreadPoolExecutor(self._threads) as pool:
            made = list(pool.map(self._make, [line for _, line in stored]))
        if index not in self._reported:
            self._reported.add(index)
            for (row, _), line in zip(stored, made, strict=True):
                if isinstance(line, str):
                    self._report(row, line)
        return [line for line in made if isinstance(line, LabelledLine)]

    def __iter__(self) -> Iterator[LabelledLine]:
        for group in self.groups:
            yield from self.read_group(group.index)

    def _make(self, line: StoredLine) -> LabelledLine | str:
        try:
            ink = line_ink(line, self.store.normalised, self.height)
        except InputError as error:
            return str(error)
        return LabelledLine(ink, normalise_text(line.text), line.id, line.writer, line.page)
