"""Small line stores whose images carry a number, and a reader that looks the readings up by it."""

import io
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hwr.decode.reading import Reading
from hwr.recognize.decoder import GreedyDecoder
from hwr.store.lines import StoredLine
from hwr.store.writing import write_lines
from hwr.text import Alphabet

HEIGHT, WIDTH = 6, 20


def numbered_image(number: int) -> bytes:
    """A PNG whose first pixels hold `number`."""
    pixels = np.full((HEIGHT, WIDTH), 255, np.uint8)
    pixels[0, :4] = list(struct.pack("<I", number))
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()


@dataclass
class NumberReader:
    """Reads numbered images: line `n` is `readings[n]`. `batches` keeps the sizes of the calls.

    With `confidences`, line `n` and its words have that of index `n`; before calibration words had half as much.
    """

    readings: dict[int, str] = field(default_factory=dict)
    alphabet: Alphabet = field(default_factory=lambda: Alphabet("".join(map(chr, range(32, 256)))))
    batches: list[int] = field(default_factory=list)
    confidences: Sequence[float] = ()

    decoder = GreedyDecoder()
    """Stands for the one that a recogniser has; nothing is decoded here."""

    def read_lines(self, lines: Sequence[NDArray[np.uint8]]) -> list[Reading]:
        self.batches.append(len(lines))
        numbers = [struct.unpack("<I", bytes(line[0, :4]))[0] for line in lines]
        return [self.reading(number) for number in numbers]

    def reading(self, number: int) -> Reading:
        """The page that is read on the image of this number."""
        text = self.readings[number]
        if not self.confidences:
            return Reading(text, 0.5, ())
        value, count = self.confidences[number], len(text.split())
        return Reading(text, value, (), (value,) * count, (value / 2,) * count)

    def lines(
        self,
        pairs: Iterable[tuple[str, str]],
        writers: Sequence[str | None] = (),
        pages: Sequence[str | None] = (),
    ) -> list[StoredLine]:
        """Lines with these truths; the reader learns to read them as the second text of each pair."""
        lines = []
        for index, (truth, reading) in enumerate(pairs):
            number = len(self.readings)
            self.readings[number] = reading
            lines.append(
                StoredLine(
                    image=numbered_image(number),
                    path=f"{number}.png",
                    text=truth,
                    id=f"line-{number}",
                    width=WIDTH,
                    height=HEIGHT,
                    writer=writers[index] if writers else None,
                    page=pages[index] if pages else None,
                )
            )
        return lines

    def store(self, folder: Path, pairs: Iterable[tuple[str, str]], split: str = "val") -> Path:
        """A line store with one split; see `lines`."""
        folder.mkdir(exist_ok=True)
        write_lines(folder / f"{split}.parquet", self.lines(pairs))
        return folder
