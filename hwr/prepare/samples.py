"""The items of a source: samples, and items that cannot be used with the reason."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from hwr.errors import InputError
from hwr.files.texts import decode_text
from hwr.files.tree import read_file
from hwr.store.columns import Normalised
from hwr.store.splits import split_of_source

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".pgm", ".pbm", ".ppm", ".gif", ".pnm",
                  ".jp2", ".j2k", ".jpf", ".jpx", ".avif", ".heic", ".heif")  # fmt: skip
"""Endings of image files, in order of preference."""


MAX_IMAGE_BYTES = 400 * 2**20
"""Maximum size of an image file: an uncompressed colour image of 100 megapixels has 300 MB."""

MAX_TEXT_BYTES = 64 * 2**20
"""Maximum size of a text file of one line, an alphabet or a manifest."""


class Reason(StrEnum):
    """The reason why an item is not in the store."""

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
    NO_POSITION = "no position on the image"
    OTHER_TYPE = "type not requested"
    MACHINE_TEXT = "text read by a program"
    UNUSED_IMAGE = "image without a text"
    NOT_READ = "data of another kind"
    SECOND_TEXT = "second text of an image"
    NO_LINES = "page without lines"
    LOST_FILE = "file of the data set is missing or broken"

    @property
    def deliberate(self) -> bool:
        """Return whether the item is left out by a rule, not because something is wrong with the input."""
        return self in (
            Reason.OUTSIDE_ALPHABET,
            Reason.CROSSED_OUT,
            Reason.SEGMENTATION,
            Reason.NOT_IN_SPLIT,
            Reason.KNOWN_BROKEN,
            Reason.OTHER_TYPE,
            Reason.MACHINE_TEXT,
            Reason.UNUSED_IMAGE,
            Reason.NOT_READ,
            Reason.SECOND_TEXT,
            Reason.NO_LINES,
        )


class Unusable(InputError):
    """An image that exists and cannot be used, for another reason than being broken."""

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
        text: as in the source; it is normalised later.
        path: name of the image file, kept in the store.
        where: name of the sample in messages.
        load: returns the bytes of the image file; raises InputError.
        split: the split that the source states for it, if any.
        listed_as: its id in a split list; for a word that of its line.
        normalised: the normalisation of the image, if any.
        file: the image file, if `where` names something else.
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
    normalised: Normalised | None = None
    file: Path | None = None


class Notes:
    """Decisions of a reader, such as which of two texts it uses; each is printed once, with a count.

    A source is read several times, so the same note about the same item counts once.
    """

    def __init__(self) -> None:
        self._items: dict[str, set[str]] = {}

    def add(self, note: str, item: str) -> None:
        """Add a note about an item."""
        self._items.setdefault(note, set()).add(item)

    def include(self, other: "Notes") -> None:
        """Add the notes of another reader."""
        for note, items in other._items.items():
            self._items.setdefault(note, set()).update(items)

    def counts(self) -> Counter[str]:
        """Return the number of items for each note."""
        return Counter({note: len(items) for note, items in self._items.items()})


class Source(ABC):
    """A source that can be read several times, with the same items in the same order.

    Attributes:
        kind: name of its format, as in `--from`.
        path: its folder or file.
        notes: decisions about the items so far.
        split: the split of items for which the source states none: the one that its name states, if any.
        not_read: what else is in its folder.
    """

    kind = ""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes = Notes()
        self.not_read: list[Skipped] = []
        self.split = split_of_source(path)

    @abstractmethod
    def items(self, images: bool = True) -> Iterator[Sample | Skipped]:
        """Yield all samples and unusable items. Without `images`, `load` is never called, which saves a reader work."""


def read_image(path: Path) -> bytes:
    """Return the bytes of an image file.

    Raises:
        InputError: it cannot be read.
    """
    return read_file(path, MAX_IMAGE_BYTES)


def read_text(path: Path) -> str:
    """Return a text file in UTF-8 or, with a byte order mark, UTF-16; with any line ends.

    Raises:
        InputError: it cannot be read, or has another encoding.
    """
    return decode_text(read_file(path, MAX_TEXT_BYTES), str(path))
