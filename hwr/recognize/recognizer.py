"""The Python API of reading: images of lines and pages in, text with its places out.

from hwr.recognize.recognizer import Recognizer

recognizer = Recognizer()
print(recognizer.read("page.png").text)
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwr.decode.confidence import find_calibration, read_spans
from hwr.decode.lattice import LabelSpan
from hwr.decode.reading import Reading
from hwr.geometry import LineCut, bounding_box, clip_box, cut_line
from hwr.image import NormalisedLine, normalise_line, normalise_with_places
from hwr.page import Box, Line, Page, Point, Region, Word
from hwr.recognize.decoding import DecoderOptions, make_decoder
from hwr.recognize.images import Source, name_of, to_grey
from hwr.recognize.models import DEFAULT_MODEL, load_model
from hwr.recognize.words import find_words
from hwr.segment import find_lines

Grey = NDArray[np.uint8]
Decoded = tuple[list[NDArray[np.float32]], list[tuple[LabelSpan, ...]]]

AS_THE_MODEL_SAYS = DecoderOptions()
LINE_TYPE = "default"
REGION_TYPE = "text"
BASELINE_AT = 0.75
"""Share of a line image's height at which its baseline is put: it is not looked for in single lines."""


class Recognizer:
    """A loaded model that reads lines and pages.

    Attributes:
        info: the facts of the model file.
        alphabet: the characters that it can write.
        name: what pages call the model.
        decoder: chooses the labels.
        calibration: of the decoder's confidences.
    """

    def __init__(
        self,
        model: str | Path = DEFAULT_MODEL,
        *,
        threads: int | None = None,
        decoder: DecoderOptions = AS_THE_MODEL_SAYS,
    ) -> None:
        """Load a model.

        Args:
            model: the name of a shipped model, or a `.safetensors` or `.onnx` file.
            threads: batches that are computed side by side; as many as there are available cores if not given.
            decoder: how its output becomes text; as the model file says if not given.

        Raises:
            InputError, ModelError, UsageError, MissingDependency: see `hwr.recognize.models.load_model` and
                `hwr.recognize.decoding.make_decoder`.
        """
        self._runtime = load_model(model, threads)
        self.info = self._runtime.info
        self.alphabet = self.info.make_alphabet()
        self.name = self.info.name or Path(model).stem
        self.decoder = make_decoder(decoder, self.info.decoder, self.alphabet, self.name)
        self.calibration = find_calibration(self.info.decoder, self.decoder.name, model)

    def read(self, source: Source) -> Page:
        """Find the lines of a page and read them.

        Lines in which nothing was read are left out.

        Args:
            source: a path, a file's bytes, a grey or BGR array, or a PIL image.

        Raises:
            InputError: the image cannot be used.
        """
        grey = to_grey(source)
        height, width = grey.shape
        layout = find_lines(grey)
        cuts = [cut_line(grey, line.baseline, line.polygon) for line in layout.lines]
        lines: list[Line] = []
        for found, cut, (reading, normalised) in zip(
            layout.lines, cuts, self._read([cut.image for cut in cuts]), strict=True
        ):
            if reading.text:
                words = self._words(reading, normalised, cut, (width, height))
                number, region = f"l{len(lines) + 1}", f"r{found.region + 1}"
                line = Line(
                    number,
                    region,
                    LINE_TYPE,
                    reading.text,
                    reading.confidence,
                    found.baseline,
                    found.polygon,
                    words,
                )
                lines.append(line)
        used = {line.region for line in lines}
        boxes = {f"r{number}": box for number, box in enumerate(layout.regions, start=1)}
        regions = tuple(Region(id, REGION_TYPE, _rectangle(box)) for id, box in boxes.items() if id in used)
        return Page(name_of(source), width, height, self.name, regions, tuple(lines))

    def read_line(self, source: Source) -> Reading:
        """Read the image of one line.

        Raises:
            InputError: the image cannot be used.
        """
        return self.read_lines([to_grey(source)])[0]

    def read_lines(self, lines: Sequence[Grey], /) -> list[Reading]:
        """Read images of lines, many at a time; the results are in the order of the images.

        Args:
            lines: grey, each of shape (H, W), 0 black to 255 white; sizes and polarity may differ.
        """
        return [reading for reading, _ in self._read(lines)]

    def read_line_pages(self, images: Sequence[tuple[str, Grey]]) -> list[Page]:
        """Read images of lines and return each as a page of one line; without lines where nothing was read.

        The line's polygon is the whole image, its baseline a level line at three quarters of the height.

        Args:
            images: name and grey image of each line.
        """
        pages = []
        for (name, grey), (reading, normalised) in zip(images, self._read([grey for _, grey in images]), strict=True):
            height, width = grey.shape
            outline = _rectangle((0.0, 0.0, float(width), float(height)))
            row = BASELINE_AT * height
            baseline = ((0.0, row), (float(width), row))
            cut = LineCut(grey, (0.0, 0.0), (1.0, 0.0), (0.0, 1.0), np.zeros(width))
            words = self._words(reading, normalised, cut, (width, height))
            line = Line("l1", "r1", LINE_TYPE, reading.text, reading.confidence, baseline, outline, words)
            found = bool(reading.text)
            regions = (Region("r1", REGION_TYPE, outline),) if found else ()
            pages.append(Page(name, width, height, self.name, regions, (line,) if found else ()))
        return pages

    def _read(self, lines: Sequence[Grey]) -> list[tuple[Reading, NormalisedLine]]:
        """Reading and normalised image of each line."""
        normalised = [normalise_with_places(line, self.info.height) for line in lines]
        log_probs, spans = self._decode([line.ink for line in normalised])
        readings = read_spans(log_probs, spans, self.alphabet, self.calibration)
        return list(zip(readings, normalised, strict=True))

    def _words(
        self, reading: Reading, normalised: NormalisedLine, cut: LineCut, size: tuple[int, int]
    ) -> tuple[Word, ...]:
        """The words with the boxes of their ink on the page of `size`, width and height."""
        found = find_words(reading.characters, normalised, self.info.stride)
        return tuple(
            Word(word.text, confidence, clip_box(bounding_box(cut.page_points(word.outline)), size))
            for word, confidence in zip(found, reading.words, strict=True)
        )

    def decode_lines(self, lines: Sequence[Grey]) -> Decoded:
        """What readings are made of: of each line the network's log-probabilities, (T, classes), and the labels that
        the decoder chose, with their time steps.

        Args:
            lines: as in `read_lines`.
        """
        return self._decode([normalise_line(line, self.info.height) for line in lines])

    def _decode(self, normalised: Sequence[Grey]) -> Decoded:
        log_probs = self._runtime.log_probs(normalised)
        return log_probs, self.decoder.decode(log_probs)


def _rectangle(box: Box) -> tuple[Point, ...]:
    x0, y0, x1, y1 = box
    return ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
