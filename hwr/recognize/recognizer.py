"""The Python API of reading: images of lines and pages -> text with positions.

import hwr

recognizer = hwr.Recognizer()
print(recognizer.read("page.png").text)
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from hwr.decode.confidence import find_calibration, read_spans
from hwr.decode.reading import Reading, logical_words
from hwr.errors import HwrError, InputError, UsageError
from hwr.files.documents import open_pages, page_of, to_grey
from hwr.files.images import GreyImage
from hwr.files.pixels import PageImage, Source, grey_of
from hwr.line import NormalisedLine, normalise_line, normalise_with_map
from hwr.page.completing import rectangle
from hwr.page.geometry import LineCut, bounding_box, clip_box, cut_line
from hwr.page.page import LINE_TYPE, REGION_TYPE, Line, Page, Region, Word
from hwr.page.placing import fit_lines
from hwr.recognize import DEFAULT_MODEL
from hwr.recognize.decoder import GREEDY, DecodedLine, DecoderOptions, make_decoder
from hwr.recognize.estimates import main_language
from hwr.recognize.found_lines import (
    COLUMN_BY_COLUMN,
    PageOptions,
    PageReader,
    find_layout,
    page_read_as_line,
    with_words_inside,
)
from hwr.recognize.models import Precision, find_model, load_model
from hwr.recognize.views import decode_views
from hwr.recognize.words import find_words
from hwr.segment import Layout
from hwr.segment.mending import mended
from hwr.text import normalise_text

Item = TypeVar("Item")
Result = TypeVar("Result")
Decoded = tuple[list[NDArray[np.float32]], list[DecodedLine]]

AS_THE_MODEL_SAYS = DecoderOptions()
BASELINE_AT = 0.75
"""Position of the baseline in the image of a single line, as a share of the height; it is not searched for."""
HASH_DIGITS = 12
"""Digits of the weights' hash in results: enough to distinguish any two models."""


def _cut_out(grey: GreyImage, line: Line) -> LineCut | None:
    """Cut a line out of its page; return None if it has no area there or is too large."""
    try:
        return cut_line(grey, line.baseline, line.polygon)
    except ValueError:
        return None


def _load(
    model: str | Path, threads: int | None, decoder: DecoderOptions, precision: Precision | None, alternatives: int
) -> "Recognizer":
    return Recognizer(model, threads=threads, decoder=decoder, precision=precision, alternatives=alternatives)


class Recognizer:
    """A loaded model that reads lines and pages.

    Attributes:
        info: metadata of the model file.
        alphabet: the characters that the model can write.
        name: name of the model.
        weights: hash of its weights.
        label: name and start of the hash, as in the results.
        decoder: the decoder, which chooses the text.
        careful: whether each line is read in three views.
        calibration: of confidences in lines that the decoder read with a language model, if it has any.
        network_calibration: of confidences in lines that the network read alone.
    """

    def __init__(
        self,
        model: str | Path = DEFAULT_MODEL,
        *,
        threads: int | None = None,
        decoder: DecoderOptions = AS_THE_MODEL_SAYS,
        precision: Precision | None = None,
        alternatives: int = 0,
    ) -> None:
        """Load a model.

        Args:
            model: the name of a shipped model, a `.safetensors` file, or a run folder.
            threads: number of batches to compute at the same time; by default the number of available cores.
            decoder: options of the decoder; the defaults are stored in the model file.
            precision: number format of the network; see `hwr.recognize.models.load_model`.
            alternatives: number of other readings to return for each line and each word.

        Raises:
            InputError, ModelError, UsageError, MissingDependency: see `hwr.recognize.models.load_model` and
                `hwr.recognize.decoder.make_decoder`; or an argument of the wrong kind.
        """
        if not isinstance(decoder, DecoderOptions):
            raise UsageError(f"decoder = {decoder!r}: hwr.DecoderOptions(...) is needed")
        if not isinstance(alternatives, int) or alternatives < 0:
            raise UsageError(f"alternatives = {alternatives!r}: a whole number, at least 0, is needed")
        self._arguments = (model, threads, decoder, precision, alternatives)
        self._runtime = load_model(model, threads, precision)
        self._threads = threads
        self.alternatives = alternatives
        self.info = self._runtime.info
        self.alphabet = self.info.make_alphabet()
        self.name = self.info.name or Path(model).stem
        self.weights = self._runtime.weights
        self.label = f"{self.name}@{self.weights[:HASH_DIGITS]}"
        self.careful = decoder.careful
        folder = find_model(model).safetensors.parent
        self.decoder = make_decoder(decoder, self.info.decoder, self.alphabet, str(model), folder)
        self.calibration = find_calibration(self.info.decoder, self.decoder.name, model)
        self.network_calibration = find_calibration(self.info.decoder, GREEDY, model)

    @property
    def height(self) -> int:
        """Height of normalised lines, in pixels."""
        return self.info.height

    def __reduce__(self) -> tuple[Callable[..., "Recognizer"], tuple[Any, ...]]:
        """Let another process load the same model again, since a session of ONNX Runtime cannot be copied."""
        return _load, self._arguments

    def __repr__(self) -> str:
        return f"<Recognizer {self.label}, {len(self.alphabet.characters)} characters, decoder {self.decoder.name}>"

    def read(
        self,
        source: Source,
        *,
        name: str | None = None,
        lines: Layout | Page | None = None,
        options: PageOptions = COLUMN_BY_COLUMN,
    ) -> Page:
        """Find the lines of a page and read them, or read the given lines.

        Lines in which nothing was read are left out, unless they were given as a page: its lines keep their order, ids,
        regions and types, and get new texts and words. Given lines that are outside the image, have no position or are
        too large for a line are left out; see `hwr.page.placing.fit_lines`.

        Args:
            source: a path or a file's bytes (of an image or a PDF); an array, grey (H, W), BGR (H, W, 3) or BGRA
                (H, W, 4), uint8, uint16 or bool; a PIL image; a `hwr.files.pixels.PageImage`.
            name: name of the page (`Page.image`); by default its path, or "image".
            lines: baselines and polygons to read along: of `hwr.find_lines`, or a page such as `hwr.read_page_file`
                returns for ALTO or PAGE XML, also for a larger or smaller image.
            options: of the lines that are found; given lines are all read, in their order.

        Raises:
            InputError: the image cannot be used, the source is a document of several pages (see `read_pages`), or
                the page in `lines` has another aspect ratio.
            UsageError: `lines` or `options` is of another kind.
            MissingDependency: HEIC, and pillow-heif is not installed.
        """
        if not isinstance(lines, Layout | Page | None):
            raise UsageError(
                f"lines = {lines!r}: a layout of hwr.find_lines, or a page such as hwr.read_page_file(FILE), is needed"
            )
        if not isinstance(options, PageOptions):
            raise UsageError(f"options = {options!r}: hwr.PageOptions(...) is needed")
        image = page_of(source, name)
        grey, called = grey_of(image.pixels), name or image.name
        height, width = grey.shape
        if isinstance(lines, Page):
            given = fit_lines(lines, width, height, "lines").page
            read = self._read_along(mended(grey), given.lines)
            found = tuple(with_words_inside(line, (width, height)) for line in read)
            return replace(given, image=called, model=self.label, lines=found, language=main_language(found))
        if lines is None:
            return self.read_found(
                replace(image, pixels=grey, name=called), find_layout(grey, self._threads, options), options
            )
        page = self.page_reader(options).read_layout(grey, lines)
        return replace(page, image=called, model=self.label, language=main_language(page.lines))

    def read_found(self, image: PageImage, layout: Layout, options: PageOptions) -> Page:
        """Read the page on an image, whose lines `find_layout` found with the same options; see `read`."""
        page = self.page_reader(options).read(grey_of(image.pixels), layout)
        return replace(page, image=image.name, model=self.label, language=main_language(page.lines))

    def page_reader(self, options: PageOptions = COLUMN_BY_COLUMN) -> PageReader:
        """Return the reader of pages that `read` uses, for its single steps."""
        return PageReader(self._read_along, self._threads, options)

    def read_pages(self, source: Source, *, password: str | None = None) -> Iterator[Page | HwrError]:
        """Read a document of one or several pages, such as a PDF or a TIFF, one page at a time.

        Args:
            source: see `read`.
            password: of an encrypted PDF.

        Yields:
            Each page; for one that cannot be read, the error that describes the reason.

        Raises:
            InputError, MissingDependency: the document cannot be opened.
        """
        for page in open_pages(source, password=password):
            yield page if isinstance(page, HwrError) else self.read(page)

    def _read_along(self, grey: GreyImage, lines: Sequence[Line]) -> list[Line]:
        """Return the lines with the text read along them, without those that cannot be cut out."""
        found = self._each(partial(_cut_out, grey), lines)
        cuts = [(line, cut) for line, cut in zip(lines, found, strict=True) if cut is not None]
        size = grey.shape[1], grey.shape[0]
        return [
            replace(
                line,
                text=reading.text,
                confidence=reading.confidence,
                words=self._words(reading, normalised, cut, size),
                language=reading.language,
                alternatives=reading.alternatives,
            )
            for (line, cut), (reading, normalised) in zip(cuts, self._read([cut.image for _, cut in cuts]), strict=True)
        ]

    def read_line(self, source: Source) -> Reading:
        """Read the image of one line.

        Raises:
            InputError: the image cannot be used.
        """
        return self.read_lines([to_grey(source)])[0]

    def read_lines(self, lines: Sequence[Source], /) -> list[Reading]:
        """Read images of lines of one document, many at a time; the results are in the order of the images.

        Lines that are read together are assumed to be in the same language, unless one clearly is not.

        Args:
            lines: images as for `read`, such as grey arrays of shape (H, W); sizes and polarity may differ.

        Raises:
            InputError: one of the images cannot be used.
        """
        if isinstance(lines, str | bytes | Path):
            raise InputError("a list of images is expected; read_line reads one")
        return [reading for reading, _ in self._read([to_grey(line) for line in lines])]

    def read_normalised(self, lines: Sequence[GreyImage], /) -> list[Reading]:
        """Read normalised lines, ink of shape (`height`, W); the results are in their order."""
        log_probs, decoded = self._decode(lines, self.alternatives + 1)
        calibrations = [self.calibration if line.predictions else self.network_calibration for line in decoded]
        spans, predictions = [line.spans for line in decoded], [line.predictions for line in decoded]
        readings = read_spans(log_probs, spans, self.alphabet, calibrations, predictions)
        return list(map(self._completed, readings, decoded, log_probs))

    def _completed(self, reading: Reading, line: DecodedLine, log_probs: NDArray[np.float32]) -> Reading:
        """Add the language, and other readings if requested."""
        reading = replace(reading, language=line.language)
        if not self.alternatives:
            return reading
        from hwr.decode.alternatives import line_alternatives, share_out, word_alternatives

        if line.texts:
            texts = [normalise_text(self.alphabet.decode(text.labels)) for text in line.texts]
            lines = share_out(texts, [text.score for text in line.texts], reading.confidence)
        else:
            lines = line_alternatives(log_probs, line.spans, self.alphabet, reading.confidence, self.alternatives)
        shown = "".join(span.character for span in reading.characters)
        _, order = logical_words(shown, self.alphabet.direction)
        confidences = [confidence for _, confidence in sorted(zip(order, reading.words, strict=True))]
        score = partial(self.decoder.score, line)
        words = word_alternatives(log_probs, line.spans, self.alphabet, confidences, self.alternatives, score)
        in_order = tuple(words[index] for index in order)
        return replace(reading, alternatives=lines[: self.alternatives], word_alternatives=in_order)

    def read_line_pages(self, images: Sequence[tuple[str, GreyImage]]) -> list[Page]:
        """Read images of lines and return each as a page of one line; without lines if nothing was read.

        The line's polygon is the whole image, and its baseline a horizontal line at three quarters of the height. An
        image that looks like a page has a warning.

        Args:
            images: name and grey image of each line.
        """
        pages = []
        for (name, grey), (reading, normalised) in zip(images, self._read([grey for _, grey in images]), strict=True):
            height, width = grey.shape
            line = self._whole_image(grey, reading, normalised)
            lines = (line,) if line.text else ()
            regions = (Region("r1", REGION_TYPE, line.polygon),) if line.text else ()
            warnings = page_read_as_line(grey, line.words, self._threads)
            pages.append(
                Page(name, width, height, self.label, regions, lines, language=line.language, warnings=warnings)
            )
        return pages

    def _whole_image(self, grey: GreyImage, reading: Reading, normalised: NormalisedLine) -> Line:
        """Return a reading as the line of its image."""
        height, width = grey.shape
        row = BASELINE_AT * height
        cut = LineCut(grey, (0.0, 0.0), (1.0, 0.0), (0.0, 1.0), np.zeros(width))
        return Line(
            "l1",
            "r1",
            LINE_TYPE,
            reading.text,
            reading.confidence,
            baseline=((0.0, row), (float(width), row)),
            polygon=rectangle((0.0, 0.0, float(width), float(height))),
            words=self._words(reading, normalised, cut, (width, height)),
            language=reading.language,
            alternatives=reading.alternatives,
        )

    def _read(self, lines: Sequence[GreyImage]) -> list[tuple[Reading, NormalisedLine]]:
        """Return the reading and normalised image of each line."""
        normalised = self._each(partial(normalise_with_map, height=self.info.height), lines)
        return list(zip(self.read_normalised([line.ink for line in normalised]), normalised, strict=True))

    def _each(self, function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """Return the result of each item, in order; most time is spent in OpenCV and NumPy, so threads help."""
        with ThreadPoolExecutor(self._runtime.threads) as pool:
            return list(pool.map(function, items))

    def _words(
        self, reading: Reading, normalised: NormalisedLine, cut: LineCut, size: tuple[int, int]
    ) -> tuple[Word, ...]:
        """Return the words with the boxes of their ink on the page of `size`, width and height."""
        found = find_words(reading.characters, normalised, self.info.stride)
        text, order = logical_words("".join(span.character for span in reading.characters), self.alphabet.direction)
        others = reading.word_alternatives or ((),) * len(order)
        return tuple(
            Word(
                word,
                confidence,
                clip_box(bounding_box(cut.page_points(found[index].outline)), size),
                alternatives=alternatives,
            )
            for word, confidence, index, alternatives in zip(text.split(), reading.words, order, others, strict=True)
        )

    def decode_lines(self, lines: Sequence[GreyImage]) -> Decoded:
        """Return the network's log-probabilities of each line, (T, classes), and the labels that the decoder chose.

        Args:
            lines: as in `read_lines`.
        """
        return self.decode_normalised([normalise_line(line, self.info.height) for line in lines])

    def decode_normalised(self, lines: Sequence[GreyImage], /) -> Decoded:
        """Decode normalised lines; see `decode_lines`."""
        return self._decode(lines)

    def _decode(self, lines: Sequence[GreyImage], results: int = 1) -> Decoded:
        """Return the log-probabilities of normalised lines, and the labels that the decoder chose."""
        if self.careful:
            return decode_views(self._runtime.log_probs, self.decoder, lines, results)
        log_probs = self._runtime.log_probs(lines)
        return log_probs, self.decoder.decode(log_probs, results)
