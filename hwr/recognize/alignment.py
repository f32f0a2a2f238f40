"""Align known texts with images of lines: find the position of each word and each character.

from hwr.recognize.alignment import Aligner

for word in Aligner().align_line("line.png", "what it says").words:
    print(word.text, word.box)
"""

import unicodedata
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwr.decode.confidence import score_lines, score_words
from hwr.decode.lattice import alignments
from hwr.decode.reading import find_characters, logical_words
from hwr.errors import DataError, HwrError, InputError
from hwr.files.documents import to_grey
from hwr.files.images import GreyImage, decode_image
from hwr.files.pixels import Source, name_of
from hwr.line import NormalisedLine, normalise_with_map, time_steps
from hwr.page.geometry import bounding_box, clip_box
from hwr.page.page import AlignedLine, Box, Character, Word
from hwr.recognize import DEFAULT_MODEL
from hwr.recognize.models import load_model
from hwr.recognize.runtime import available_cores
from hwr.recognize.words import PlacedWord, find_words
from hwr.store.columns import DEFAULT_COLUMNS, Columns
from hwr.store.lines import LineStore
from hwr.text import normalise_text, steps_needed

LINES_AT_ONCE = 256
PIXELS_AT_ONCE = 64_000_000
"""Maximum lines, and pixels (bytes) of decoded images, of a data set in memory at once."""


@dataclass(frozen=True)
class KnownLine:
    """The image of a line, shape (H, W), 0 black to 255 white, and its text.

    `name` and `id` are part of the result; `where` begins the message if the line cannot be aligned.
    """

    name: str
    image: GreyImage
    text: str
    where: str
    id: str | None = None


class Aligner:
    """A loaded model that finds a known text on the image of a line.

    Attributes:
        info: the facts of the model file.
        alphabet: the characters that it can find.
        name: name of the model in results.
    """

    def __init__(self, model: str | Path = DEFAULT_MODEL, *, threads: int | None = None) -> None:
        """Load a model.

        Args:
            model: the name of a shipped model, or a `.safetensors` or `.onnx` file.
            threads: lines to process at the same time; by default the number of available cores.

        Raises:
            InputError, ModelError, UsageError, MissingDependency: see `hwr.recognize.models.load_model`.
        """
        self._threads = threads or available_cores()
        self._runtime = load_model(model, self._threads)
        self.info = self._runtime.info
        self.alphabet = self.info.make_alphabet()
        self.name = self.info.name or Path(model).stem

    def align_line(self, source: Source, text: str) -> AlignedLine:
        """Find a text on the image of one line.

        Args:
            source: a path, a file's bytes, a grey or BGR array, or a PIL image.
            text: the text of the line; it is normalised.

        Raises:
            InputError: the image cannot be used.
            DataError: the text is empty, too long for the line, or has characters that the model does not have.
        """
        name = name_of(source)
        (result,) = self.align_lines([KnownLine(name, to_grey(source), text, name)])
        if isinstance(result, HwrError):
            raise result
        return result

    def align_lines(self, lines: Sequence[KnownLine]) -> list[AlignedLine | HwrError]:
        """Find the texts of many lines, each on its own image.

        Returns:
            The results in the order of the lines; for one that cannot be aligned, the error that describes the reason.
        """
        with ThreadPoolExecutor(self._threads) as pool:
            normalised = list(pool.map(lambda line: normalise_with_map(line.image, self.info.height), lines))
            errors = [self._find_error(line, one) for line, one in zip(lines, normalised, strict=True)]
            good = [index for index, error in enumerate(errors) if error is None]
            aligned = self._align([lines[index] for index in good], [normalised[index] for index in good], pool)
        return [next(aligned) if error is None else DataError(error) for error in errors]

    def _align(
        self, lines: Sequence[KnownLine], normalised: Sequence[NormalisedLine], pool: ThreadPoolExecutor
    ) -> Iterator[AlignedLine]:
        labels = [self.alphabet.encode(line.text) for line in lines]
        log_probs = self._runtime.log_probs([line.ink for line in normalised])
        spans = alignments(log_probs, labels)
        characters = map(partial(find_characters, alphabet=self.alphabet), log_probs, spans)
        words = pool.map(partial(find_words, stride=self.info.stride, with_characters=True), characters, normalised)
        line_scores = np.minimum(score_lines(log_probs, spans), 0.0).tolist()
        word_scores = score_words(log_probs, spans, self.alphabet)
        return iter(list(map(self._result, lines, line_scores, word_scores, words)))

    def _find_error(self, line: KnownLine, normalised: NormalisedLine) -> str | None:
        """Return the reason why a line cannot be aligned; None if it can."""
        text = normalise_text(line.text)
        if not text:
            return f"{line.where}: the text is empty"
        if missing := self.alphabet.missing([text]):
            named = ", ".join(describe(character) for character in sorted(missing))
            return (
                f"{line.where}: the model {self.name} does not know {named}; leave it out of the text, or use a model "
                f"that was trained with it"
            )
        if not normalised.ink.any():
            return f"{line.where}: no writing found on the image"
        needed, steps = steps_needed(text), time_steps(normalised.ink.shape[1], self.info.stride)
        if needed > steps:
            return (
                f"{line.where}: the text is too long for the line: {len(text)} characters need {needed} time steps, "
                f"the line has {steps}; does the image show all of the text?"
            )
        return None

    def _result(
        self, line: KnownLine, line_score: float, word_scores: NDArray[np.float64], found: Sequence[PlacedWord]
    ) -> AlignedLine:
        """Return the result of one line from the log-probabilities of its text and of its words."""
        height, width = line.image.shape
        text = normalise_text(line.text)
        confidences = np.exp(word_scores).tolist()
        shown, order = logical_words(" ".join(word.text for word in found), self.alphabet.direction)
        words = tuple(
            Word(
                word,
                min(confidences[index], 1.0),
                _box(found[index].outline, line.image),
                characters=tuple(
                    Character(item.text, item.confidence, _box(item.outline, line.image))
                    for item in found[index].characters
                ),
            )
            for word, index in zip(shown.split(), order, strict=True)
        )
        return AlignedLine(
            image=line.name,
            width=width,
            height=height,
            model=self.name,
            text=text,
            confidence=float(np.exp(line_score)),
            score=line_score / len(text),
            words=words,
            id=line.id,
        )


def _box(outline: NDArray[np.float64], image: GreyImage) -> Box:
    return clip_box(bounding_box(outline), (image.shape[1], image.shape[0]))


def describe(character: str) -> str:
    """Return a character with its code point and name."""
    return f"{character!r} (U+{ord(character):04X} {unicodedata.name(character, 'without name')})"


def align_set(
    path: Path,
    aligner: Aligner,
    columns: Columns = DEFAULT_COLUMNS,
    limit: int | None = None,
    split: str | None = None,
) -> Iterator[AlignedLine | HwrError]:
    """Align each line of a data set with its own text, as a stream: memory does not grow with the set.

    Args:
        path: a Parquet file of lines, or a store.
        columns: names of its columns.
        limit: align at most this many lines.
        split: of a store.

    Raises:
        DataError: the file is missing, not Parquet, empty, or lacks the columns.
    """
    batch: list[KnownLine | HwrError] = []
    pixels = 0
    for row, line in LineStore(path, split, columns).rows():
        if limit is not None and row >= limit:
            break
        if isinstance(line, str):
            batch.append(DataError(f"{path}: row {row}: {line}"))
        else:
            name = f"{path}: {line.id}"
            try:
                image = decode_image(line.image, name)
                batch.append(KnownLine(line.path or line.id, image, line.text, name, line.id))
                pixels += image.size
            except InputError as error:
                batch.append(error)
        if len(batch) >= LINES_AT_ONCE or pixels >= PIXELS_AT_ONCE:
            yield from _align_batch(aligner, batch)
            batch, pixels = [], 0
    yield from _align_batch(aligner, batch)


def _align_batch(aligner: Aligner, batch: Sequence[KnownLine | HwrError]) -> Iterator[AlignedLine | HwrError]:
    aligned = iter(aligner.align_lines([line for line in batch if isinstance(line, KnownLine)]))
    for line in batch:
        yield line if isinstance(line, HwrError) else next(aligned)
