"""Single letters to classify: cut from lines of handwriting by alignment, or the digits of scikit-learn.

A letter keeps its size and place within the line, so that c and C differ. Letters are grey, 32 x 32, 0 paper to 255
ink.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase, digits

import cv2
import numpy as np
from numpy.typing import NDArray

from hwr.errors import DataError
from hwr.files.atomic import atomic_write
from hwr.files.images import GreyImage, decode_image
from hwr.page.page import AlignedLine, Box
from hwr.recognize.alignment import Aligner, KnownLine
from hwr.store.lines import LineStore

CHARACTERS = digits + ascii_uppercase + ascii_lowercase
SIDE = 32
MIN_CONFIDENCE = 0.5
"""Letters of which the aligner is less sure are left out."""
BATCH = 32
DIGITS_TRAIN = 1200


@dataclass(frozen=True)
class Letters:
    """Images (N, 32, 32) with the class and the writer of each; writers are numbers."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    writers: NDArray[np.int64]
    classes: int

    def __len__(self) -> int:
        return len(self.labels)


def cut(image: GreyImage, box: Box) -> GreyImage:
    """Return the columns of `box` over the whole height of a line, in the middle of a square."""
    height = image.shape[0]
    left, right = max(0, round(box[0])), min(image.shape[1], round(box[2]))
    paper = np.percentile(image, 90)
    ink = np.clip(255 * (paper - image[:, left:right]) / max(1.0, paper - float(image.min())), 0, 255)
    ink = ink[:, : 2 * height]
    side = max(height, ink.shape[1])
    square = np.zeros((side, side), np.float32)
    top, start = (side - height) // 2, (side - ink.shape[1]) // 2
    square[top : top + height, start : start + ink.shape[1]] = ink
    return cv2.resize(square, (SIDE, SIDE), interpolation=cv2.INTER_AREA).round().astype(np.uint8)


def letters_of(store: Path, split: str, limit: int) -> Iterator[tuple[GreyImage, int, str]]:
    """Yield the letters of at most `limit` lines, spread over a split: image, class and writer."""
    aligner, lines = Aligner(threads=1), LineStore(store, split)
    step = -(-lines.count // limit)
    rows = (line for row, line in lines.rows() if row % step == 0 and not isinstance(line, str))
    while batch := list(islice(rows, BATCH)):
        images = [decode_image(line.image, line.id) for line in batch]
        known = [KnownLine(line.id, image, line.text, line.id) for line, image in zip(batch, images, strict=True)]
        for line, image, found in zip(batch, images, aligner.align_lines(known), strict=True):
            if isinstance(found, AlignedLine):
                for character in (item for word in found.words for item in word.characters):
                    if character.text in CHARACTERS and character.confidence >= MIN_CONFIDENCE:
                        yield cut(image, character.box), CHARACTERS.index(character.text), line.writer or line.id


def load_letters(store: Path, split: str, limit: int, cache: Path) -> Letters:
    """Return the letters of a split; they are cut once and kept in `cache`.

    Raises:
        DataError: the store has no letters.
    """
    if not cache.exists():
        found = list(letters_of(store, split, limit))
        if not found:
            raise DataError(f"{store}: no letters found in the {split} split")
        images, labels, names = zip(*found, strict=True)
        _, writers = np.unique(names, return_inverse=True)
        with atomic_write(cache) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, images=np.array(images), labels=np.array(labels), writers=writers)
    with np.load(cache) as data:
        return Letters(data["images"], data["labels"], data["writers"], len(CHARACTERS))


def load_digits() -> tuple[Letters, Letters]:
    """Return scikit-learn's digits (8 x 8, enlarged), for training and for testing; each is its own writer."""
    from sklearn import datasets

    found = datasets.load_digits()
    images = [
        cv2.resize(16 * image.clip(0, 15.9), (SIDE, SIDE), interpolation=cv2.INTER_LINEAR) for image in found.images
    ]
    everything = Letters(np.array(images).astype(np.uint8), found.target.astype(np.int64), np.arange(len(images)), 10)
    parts = (slice(0, DIGITS_TRAIN), slice(DIGITS_TRAIN, None))
    train, test = (Letters(everything.images[p], everything.labels[p], everything.writers[p], 10) for p in parts)
    return train, test
