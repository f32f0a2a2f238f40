"""What a source reader yields: samples, and items that it cannot use with the reason."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from hwr.errors import InputError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".pgm", ".pbm", ".ppm", ".gif")
"""Endings of image files, in the order in which they are looked for."""


class Reason(StrEnum):
    """Why an item is not in the store."""

    NO_IMAGE = "image not found"
    BROKEN_IMAGE = "image cannot be read"
    NO_TEXT = "no text"
    BAD_ROW = "entry cannot be read"
    TOO_LONG = "text too long for its image"
    DUPLICATE = "id occurs twice"
    NOT_IN_SOURCE = "listed in the split, not in the source"
    OUTSIDE_ALPHABET = "character outside the alphabet"
    CROSSED_OUT = "crossed-out word"
    SEGMENTATION = "segmentation marked as wrong"
    NOT_IN_SPLIT = "not in the split"
    KNOWN_BROKEN = "known to be broken in every copy"
    BROKEN_FONT = "font cannot be used"
    NOT_MADE = "no text that can be written"
    NO_PLACE = "no place on the image"
    OTHER_TYPE = "type not asked for"

    @property
    def deliberate(self) -> bool:
        """Left out by a rule, not because something is wrong with the input."""
        return self in (
            Reason.OUTSIDE_ALPHABET,
            Reason.CROSSED_OUT,
            Reason.SEGMENTATION,
            Reason.NOT_IN_SPLIT,
            Reason.KNOWN_BROKEN,
            Reason.OTHER_TYPE,
        )


class Unusable(InputError):
    """An image that is there and cannot be used, for another reason than being broken."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True)
class Skipped:
    """An item that is not in the store.

    Attributes:
        listed_as: its id in a split list, where it has one.
        characters: those that are not in the alphabet, each as often as it occurs.
    """

    where: str
    reason: Reason
    detail: str = ""
    listed_as: str | None = None
    characters: str = ""


@dataclass(frozen=True)
class Sample:
    """One line or word of a source, its image not yet read.

    Attributes:
        id: unique within a store.
        text: as the source has it; the text rules are applied later.
        path: name of the image file, kept in the store.
        where: how messages name the sample.
        load: gives the bytes of the image file; raises InputError.
        split: the split that the source says, if it does.
        listed_as: the id under which a split list has it; for a word that is its line.
    """

    id: str
    text: str
    path: str
    where: str
    load: Callable[[], bytes]
    split: str | None = None
    writer: str | None = None
    page: str | None = None
    lang: str | None = None
    source: str | None = None
    licence: str | None = None
    listed_as: str | None = None


class Source(Protocol):
    """A source that can be read several times, each time with the same items in the same order."""

    @property
    def path(self) -> Path:
        """Where it lies."""

    @property
    def kind(self) -> str:
        """Name of its format, as `--from` has it."""

    def items(self, images: bool = True) -> Iterator[Sample | Skipped]:
        """All samples and unusable items. Without `images` nobody calls `load`, so that a reader can save the work."""


def is_file(path: Path) -> bool:
    """Whether there is such a file; also for names that no file can have (too long, with a zero byte)."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def read_image(path: Path) -> bytes:
    """The bytes of an image file.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error


def read_text(path: Path) -> str:
    """A text file in UTF-8, with or without a byte order mark, with any line ends.

    Raises:
        InputError: it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text (byte {error.start})") from error
