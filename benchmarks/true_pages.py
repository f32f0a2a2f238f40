"""Pages with the true geometry and text of their lines, and how well they are read. For the benchmarks of pages.

The Parquet file has a page a row: `image` (`bytes`), `id`, `lang`, and `lines` with `baseline`, `polygon` and `text`.

Texts are cleaned as those of the line sets were: raised letters lose their `^`, `¬` becomes `-`, `’` becomes `'`. Lines
with editors' marks (crossed out, inserted, unreadable), which the line sets leave out, cannot be left out of a page:
the marks `< > [ ] # ¥ ⟦ ⟧` are removed, the words inside them stay. Syllabics used for the small capitals A, C and D of
a printed letterhead become these letters. Lines without text are not part of the reference.

`benchmarks/unmarked.toml` lists stamps, seals and printed heads that the truth leaves out. Found lines in these places,
and on no true line, are counted separately.

The order of the lines is that of the file, except on the pages that `benchmarks/page_order.toml` puts in order by eye.
"""

import argparse
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet

from benchmarks.baselines import coverage, even_points
from hwr.files.images import GreyImage
from hwr.metrics import ErrorCounts, character_errors
from hwr.page.geometry import cut_line
from hwr.page.page import Line, Point
from hwr.recognize import DEFAULT_MODEL
from hwr.recognize.decoder import BEAM, GREEDY, DecoderOptions
from hwr.recognize.recognizer import Recognizer
from hwr.text import normalise_text

HERE = Path(__file__).parent
INSIDE = 0.7
"""Minimum share of a line within the outlines of writing that the truth leaves out."""
EDITORS_MARKS = frozenset("<>[]#¥⟦⟧")
CLEAN = str.maketrans({"’": "'", "¬": "-", "ᗅ": "A", "ᑕ": "C", "ᗞ": "D"} | dict.fromkeys("^" + "".join(EDITORS_MARKS)))


def page_arguments(description: str | None) -> argparse.ArgumentParser:
    """Return the arguments of a benchmark that reads pages."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parquet", type=Path)
    parser.add_argument("-m", "--model", default=DEFAULT_MODEL)
    parser.add_argument("--decoder", choices=(GREEDY, BEAM), help="as the model says if not given")
    parser.add_argument("--languages", nargs="+", default=["en", "fr"])
    parser.add_argument("--pages", type=int, help="maximum number of pages")
    parser.add_argument("--threads", type=int, default=1)
    return parser


def make_recognizer(arguments: argparse.Namespace) -> Recognizer:
    """Return the recogniser that the arguments ask for."""
    cv2.setNumThreads(arguments.threads)
    options = DecoderOptions(decoder=arguments.decoder)
    return Recognizer(arguments.model, threads=arguments.threads, decoder=options)


@dataclass(frozen=True)
class TrueLine:
    """A line as the truth has it, its text cleaned."""

    baseline: tuple[Point, ...]
    polygon: tuple[Point, ...]
    text: str


@dataclass(frozen=True)
class TruePage:
    """A page: the bytes of its image and its lines in reading order.

    Attributes:
        file_order: indices into `lines`, in the order of the file.
        unmarked: outlines of what the truth leaves out.
    """

    id: str
    image: bytes
    lines: tuple[TrueLine, ...]
    file_order: tuple[int, ...]
    unmarked: tuple[tuple[Point, ...], ...]

    @property
    def text(self) -> str:
        """Return the texts of the lines, concatenated."""
        return " ".join(line.text for line in self.lines)

    @property
    def file_text(self) -> str:
        """Return the same in the order of the file."""
        return " ".join(self.lines[index].text for index in self.file_order)


def chosen_pages(arguments: argparse.Namespace) -> Iterator[TruePage]:
    """Yield the pages that the arguments ask for."""
    return islice(read_pages(arguments.parquet, arguments.languages), arguments.pages)


def read_pages(path: Path, languages: Sequence[str]) -> Iterator[TruePage]:
    """Yield the pages in these languages."""
    orders, unmarked = reading_orders(), unmarked_outlines()
    for batch in pyarrow.parquet.ParquetFile(path).iter_batches(batch_size=1):
        for row in batch.to_pylist():
            if row["lang"] in languages:
                lines = {
                    number: TrueLine(_points(line["baseline"]), _points(line["polygon"]), text)
                    for number, line in enumerate(row["lines"], start=1)
                    if (text := clean_text(line["text"] or "")) and line["baseline"] and line["polygon"]
                }
                order = [number for number in orders.get(row["id"], lines) if number in lines]
                file_order = tuple(order.index(number) for number in lines)
                ordered = tuple(lines[number] for number in order)
                yield TruePage(
                    row["id"], row["image"]["bytes"], ordered, file_order, tuple(unmarked.get(row["id"], ()))
                )


def reading_orders() -> dict[str, list[int]]:
    """Lines in reading order, of pages where that is not the file's."""
    with (HERE / "page_order.toml").open("rb") as file:
        return {page["id"]: page["order"] for page in tomllib.load(file)["page"]}


def unmarked_outlines() -> dict[str, list[tuple[Point, ...]]]:
    """Outlines of what the truth leaves out, by page."""
    with (HERE / "unmarked.toml").open("rb") as file:
        pages = tomllib.load(file)["page"]
    return {page["id"]: [((a, b), (c, b), (c, d), (a, d)) for a, b, c, d in page["boxes"]] for page in pages}


def _points(points: Sequence[Sequence[float]]) -> tuple[Point, ...]:
    return tuple((float(x), float(y)) for x, y in points)


def clean_text(text: str) -> str:
    """Return the text as the line sets would have it."""
    return normalise_text(text.replace("&amp;", "&").translate(CLEAN))


def read_true_lines(recognizer: Recognizer, grey: GreyImage, lines: Sequence[TrueLine]) -> list[str]:
    """Return the reading of lines that are cut along their true outlines; empty for outlines without area."""
    cuts = {}
    for number, line in enumerate(lines):
        try:
            cuts[number] = cut_line(grey, line.baseline, line.polygon).image
        except ValueError:
            continue
    readings = dict(zip(cuts, recognizer.read_lines(list(cuts.values())), strict=True))
    return [readings[number].text if number in readings else "" for number in range(len(lines))]


def is_inside(line: Sequence[Point], outlines: Sequence[Sequence[Point]]) -> bool:
    """Return whether most of the line is within one of the outlines."""
    points = even_points(line)
    for outline in outlines:
        polygon = np.array(outline, np.float32)
        inside = [cv2.pointPolygonTest(polygon, (float(x), float(y)), False) >= 0 for x, y in points]
        if np.mean(inside) >= INSIDE:
            return True
    return False


def counted(page: TruePage, lines: Sequence[Line]) -> list[Line]:
    """Return the found lines on a true line, or outside the areas that the truth leaves out."""
    covered = coverage([line.baseline for line in page.lines], [line.baseline for line in lines])
    return [
        line
        for line, shares in zip(lines, covered, strict=True)
        if shares.max(initial=0) > 0 or not is_inside(line.baseline, page.unmarked)
    ]


def joined_errors(page: TruePage, texts: Sequence[str]) -> ErrorCounts:
    """Character errors of the lines' texts, joined in this order, whitespace collapsed."""
    return character_errors(page.text, " ".join(texts))


def in_true_order(page: TruePage, baselines: Sequence[Sequence[Point]], texts: Sequence[str]) -> list[str]:
    """Return the texts of found lines in the order of their true lines; those on none come last.

    Several found lines on one true line are put from left to right.
    """
    covered = coverage([line.baseline for line in page.lines], baselines)
    places = [int(row.argmax()) if row.max(initial=0) > 0 else len(page.lines) for row in covered]
    order = sorted(range(len(texts)), key=lambda index: (places[index], baselines[index][0][0]))
    return [texts[index] for index in order]


def order_error(page: TruePage, baselines: Sequence[Sequence[Point]]) -> float:
    """Return how far the order of found lines is from the true one: Spearman's footrule, from 0 to 1.

    The sum of the distances between each line's place and its place in the true order, divided by the greatest that it
    can be (Diaconis and Graham 1977). Lines that lie on no true line do not count.
    """
    covered = coverage([line.baseline for line in page.lines], baselines)
    found = [index for index, row in enumerate(covered) if row.max(initial=0) > 0]
    true = sorted(found, key=lambda index: (int(covered[index].argmax()), baselines[index][0][0]))
    distance = sum(abs(place - true.index(index)) for place, index in enumerate(found))
    return distance / max(1, len(found) ** 2 // 2)
