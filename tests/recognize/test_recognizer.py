"""The Python API on a hand-made network."""

import pickle
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from helpers.best_paths import decode_greedy
from helpers.tiny_model import ALPHABET, INFO, expected_log_probs, write_tiny_model
from hwr.decode.confidence import Calibration, read_spans
from hwr.errors import InputError, ModelError, UsageError
from hwr.files.documents import to_grey
from hwr.line import normalise_line
from hwr.lm.build import BuildOptions, build
from hwr.lm.corpus import Text
from hwr.lm.file import write
from hwr.page.geometry import bounding_box
from hwr.page.page import Page
from hwr.recognize.decoder import DecoderOptions
from hwr.recognize.recognizer import PageOptions, Recognizer
from hwr.segment import Layout, find_lines
from hwr.text import Alphabet

SAMPLES = Path(__file__).parent.parent.parent / "data" / "samples"


@pytest.fixture(scope="module")
def recognizer(tmp_path_factory: pytest.TempPathFactory) -> Recognizer:
    return Recognizer(write_tiny_model(tmp_path_factory.mktemp("model")), threads=1)


UPRIGHT = PageOptions(rotate=0)
"""The model has random weights, and reads a page equally badly in any direction."""


@pytest.fixture(scope="module")
def page(recognizer: Recognizer) -> Page:
    return recognizer.read(SAMPLES / "page.png", options=UPRIGHT)


@pytest.fixture(scope="module")
def layout() -> Layout:
    """Find the lines of the page once, for tests of something else."""
    return find_lines(to_grey(SAMPLES / "page.png"))


def test_lines_are_read_by_normalisation_network_and_decoder(recognizer: Recognizer) -> None:
    lines = [to_grey(SAMPLES / f"line-{number}.png") for number in (1, 2, 3)]
    expected = [
        decode_greedy(expected_log_probs(normalise_line(line, recognizer.info.height)), Alphabet(ALPHABET)).text
        for line in lines
    ]
    assert all(expected)
    assert [reading.text for reading in recognizer.read_lines(lines)] == expected
    assert [reading.text for reading in recognizer.read_lines(lines[::-1])] == expected[::-1]
    assert recognizer.read_line(SAMPLES / "line-1.png").text == expected[0]
    assert recognizer.read_lines([]) == []


def test_lines_may_be_given_in_every_way_that_a_page_may(recognizer: Recognizer) -> None:
    path = SAMPLES / "line-1.png"
    grey = to_grey(path)
    arrays = [np.stack([grey] * 3, -1), grey.astype(np.uint16) * 257]
    images = [path, str(path), path.read_bytes(), Image.open(path), *arrays]
    texts = [reading.text for reading in recognizer.read_lines(images)]
    assert texts == [recognizer.read_line(grey).text] * len(images)


@pytest.mark.parametrize(
    "lines",
    [
        "line.png",
        Path("line.png"),
        b"data",
        np.zeros((48, 100), np.uint8),
        [np.zeros((48, 100))],
        [np.zeros((48, 0), np.uint8)],
        [np.zeros((2, 48, 100, 1), np.uint8)],
        [None],
        [5],
        ["a\0b"],
    ],
)
def test_what_are_not_images_of_lines(recognizer: Recognizer, lines: Any) -> None:
    with pytest.raises(InputError):
        recognizer.read_lines(lines)


@pytest.mark.parametrize(
    "arguments",
    [
        {"decoder": "greedy"},
        {"alternatives": -1},
        {"alternatives": 1.5},
        {"threads": 0},
        {"threads": "2"},
        {"precision": "int4"},
        {"model": ""},
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(arguments))):
        Recognizer(**arguments)


@pytest.mark.parametrize("arguments", [{"lines": "page.xml"}, {"lines": []}, {"options": None}, {"options": "rows"}])
def test_wrong_arguments_of_a_reading_are_named(recognizer: Recognizer, arguments: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"^{next(iter(arguments))} = .* is needed$"):
        recognizer.read(SAMPLES / "line-1.png", **arguments)


def test_another_process_can_be_given_a_recognizer(recognizer: Recognizer) -> None:
    copy = pickle.loads(pickle.dumps(recognizer))
    assert copy.read_line(SAMPLES / "line-1.png") == recognizer.read_line(SAMPLES / "line-1.png")
    assert repr(copy) == repr(recognizer)


def test_a_page_has_text_and_places(page: Page) -> None:
    image = to_grey(SAMPLES / "page.png")
    assert (page.height, page.width) == image.shape
    assert re.fullmatch(r"tiny@[0-9a-f]{12}", page.model) and page.image == str(SAMPLES / "page.png")
    assert len(page.lines) > 15
    regions = {region.id for region in page.regions}
    for line in page.lines:
        assert line.region in regions and 0 <= line.confidence <= 1 and line.text
        assert " ".join(word.text for word in line.words) == line.text
        assert bounding_box(line.polygon)[0] <= line.baseline[0][0] <= line.baseline[-1][0]
    assert len({line.id for line in page.lines}) == len(page.lines)


def test_word_boxes_are_in_their_lines_and_on_the_page(page: Page) -> None:
    for line in page.lines:
        x0, y0, x1, y1 = bounding_box(line.polygon)
        for word in line.words:
            left, top, right, bottom = word.box
            assert 0 <= left < right <= page.width and 0 <= top < bottom <= page.height
            assert x0 - 10 <= left and right <= x1 + 10 and y0 - 10 <= top and bottom <= y1 + 10
        lefts = [word.box[0] for word in line.words]
        assert lefts == sorted(lefts)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_word_boxes_of_a_shipped_model_end_at_the_ink(number: int) -> None:
    """Between the boxes is paper alone, but for strokes of slanting words that reach over their neighbour's box."""
    grey = to_grey(SAMPLES / f"line-{number}.png")
    (page,) = Recognizer(threads=1).read_line_pages([("line", grey)])
    words = page.lines[0].words
    assert len(words) >= 6
    dark = (grey < 128).any(axis=0)
    inked = np.flatnonzero(dark)
    pixel = grey.shape[0] / 48  # of the normalised line
    assert words[0].box[0] == pytest.approx(inked[0], abs=1.5 * pixel)
    assert words[-1].box[2] == pytest.approx(inked[-1] + 1, abs=1.5 * pixel)
    outside = dark.copy()
    for word in words:
        outside[int(word.box[0]) : int(word.box[2]) + 1] = False
    assert not outside.any()
    boxed = sum(word.box[2] - word.box[0] for word in words)
    assert boxed < 0.9 * grey.shape[1]
    for word in words:
        x0, y0, x1, y1 = (round(value) for value in word.box)
        inside = grey[y0:y1, x0:x1] < 128
        margin = round(2 * pixel)
        assert inside[:, :margin].any() and inside[:, -margin:].any()
        inside = grey[y0:y1, x0:x1] < 200  # the dot of an i may be pale
        assert inside[:margin].any() and inside[-margin:].any()


def test_path_array_and_pil_give_the_same_page(recognizer: Recognizer, page: Page, layout: Layout) -> None:
    with Image.open(SAMPLES / "page.png") as image:
        assert recognizer.read(image, lines=layout).lines == page.lines
    assert recognizer.read(to_grey(SAMPLES / "page.png"), options=UPRIGHT).lines == page.lines


def test_a_page_can_be_given_a_name(recognizer: Recognizer, page: Page, layout: Layout) -> None:
    data = (SAMPLES / "page.png").read_bytes()
    assert recognizer.read(data, lines=layout).image == "image"
    named = recognizer.read(data, name="folio 3r", lines=layout)
    assert (named.image, named.lines) == ("folio 3r", page.lines)
    wide = to_grey(SAMPLES / "page.png").astype(np.uint16) * 257
    assert recognizer.read(wide, lines=layout).lines == page.lines


def test_documents_are_read_page_by_page(recognizer: Recognizer, tmp_path: Path) -> None:
    path = tmp_path / "book.tif"
    page = recognizer.read(SAMPLES / "page.png")
    with Image.open(SAMPLES / "page.png") as image:
        scan = image.convert("L")
    scan.save(path, save_all=True, append_images=[Image.new("L", (50, 60), 255), scan.copy()])
    pages = list(recognizer.read_pages(path))
    assert [(type(p), p.image) for p in pages if isinstance(p, Page)] == [
        (Page, f"{path}#{number}") for number in (1, 2, 3)
    ]
    assert [p.lines for p in pages if isinstance(p, Page)] == [page.lines, (), page.lines]
    (alone,) = recognizer.read_pages(SAMPLES / "page.png")
    assert alone == page
    with pytest.raises(InputError, match=r"book\.tif: a document of 3 pages; read_pages reads them all"):
        recognizer.read(path)


def test_blank_page_and_blank_line(recognizer: Recognizer) -> None:
    white = np.full((400, 300), 250, np.uint8)
    blank = recognizer.read(white)
    assert (blank.lines, blank.regions, blank.text) == ((), (), "")
    assert recognizer.read_line(white).text == ""
    (line,) = recognizer.read_line_pages([("white", white)])
    assert (line.image, line.lines, line.regions) == ("white", (), ())


def test_a_line_image_is_a_page_of_one_line(recognizer: Recognizer) -> None:
    grey = to_grey(SAMPLES / "line-2.png")
    (page,) = recognizer.read_line_pages([("line-2.png", grey)])
    (line,) = page.lines
    assert line.text == recognizer.read_line(grey).text
    assert bounding_box(line.polygon) == (0, 0, page.width, page.height)
    assert all(0 <= word.box[0] < word.box[2] <= page.width for word in line.words)
    dark = np.flatnonzero((grey < 128).any(axis=0))
    pixel = grey.shape[0] / recognizer.info.height
    assert line.words[0].box[0] == pytest.approx(dark[0], abs=pixel)
    assert line.words[-1].box[2] == pytest.approx(dark[-1] + 1, abs=pixel)


def test_confidences_follow_the_calibration_in_the_model_file(tmp_path: Path, recognizer: Recognizer) -> None:
    calibration = Calibration(1.5, (0.8, 0.8, 0.1), (1.2, 1.2, -0.1))
    settings = {"calibration": {"greedy": calibration.settings()}}
    model = write_tiny_model(tmp_path, info=replace(INFO, decoder=settings))
    line = to_grey(SAMPLES / "line-2.png")
    log_probs = expected_log_probs(normalise_line(line, recognizer.info.height))
    expected = decode_greedy(log_probs, Alphabet(ALPHABET), calibration)
    found = Recognizer(model, threads=1).read_line(line)
    assert found.text == recognizer.read_line(line).text
    assert found.confidence == pytest.approx(expected.confidence, rel=1e-4)
    assert found.words == pytest.approx(expected.words, rel=1e-4)
    assert found.raw_words == pytest.approx(recognizer.read_line(line).words)
    (page,) = Recognizer(model, threads=1).read_line_pages([("", line)])
    assert [word.confidence for word in page.lines[0].words] == pytest.approx(expected.words, rel=1e-4)


def test_lines_read_without_a_language_model_have_the_calibration_of_greedy_reading(tmp_path: Path) -> None:
    greedy = Calibration(1.5)
    calibrations = {"greedy": greedy.settings(), "beam": Calibration(word=(0.1, 0.1, 3.0)).settings()}
    model = write_tiny_model(tmp_path, info=replace(INFO, decoder={"calibration": calibrations, "beam": {}}))
    recognizer = Recognizer(model, threads=1)
    assert recognizer.decoder.name == "beam"
    line = to_grey(SAMPLES / "line-2.png")
    log_probs, (decoded,) = recognizer.decode_lines([line])
    (expected,) = read_spans(log_probs, [decoded.spans], recognizer.alphabet, [greedy])
    assert recognizer.read_line(line) == expected


def test_lines_read_with_a_language_model_have_a_calibration_of_their_own(tmp_path: Path) -> None:
    write(build([Text("letters", (3 * ALPHABET,))], BuildOptions()), tmp_path / "xx.lm", 16, {})
    own = Calibration(word=(0.8, 0.7, 0.5), language=0.4)
    settings = {"calibration": {"greedy": Calibration(1.5).settings(), "beam": own.settings()}}
    model = write_tiny_model(tmp_path, info=replace(INFO, decoder=settings))
    options = DecoderOptions("beam", (str(tmp_path / "xx.lm"),), language="xx", weight=0.01)
    recognizer = Recognizer(model, threads=1, decoder=options)
    line = to_grey(SAMPLES / "line-2.png")
    log_probs, (decoded,) = recognizer.decode_lines([line])
    (expected,) = read_spans(log_probs, [decoded.spans], recognizer.alphabet, [own], [decoded.predictions])
    assert recognizer.read_line(line) == replace(expected, language="xx")
    (plain,) = read_spans(log_probs, [decoded.spans], recognizer.alphabet, [own])
    assert expected.words != plain.words


def test_a_broken_calibration_is_one_line(tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path, info=replace(INFO, decoder={"calibration": {"greedy": {"temperature": -1}}}))
    with pytest.raises(ModelError, match=r"tiny.safetensors: the calibration of decoder 'greedy' cannot be used"):
        Recognizer(model)


def test_log_probabilities_and_labels_of_lines(recognizer: Recognizer) -> None:
    line = to_grey(SAMPLES / "line-1.png")
    (log_probs,), (decoded,) = recognizer.decode_lines([line])
    expected = expected_log_probs(normalise_line(line, recognizer.info.height))
    np.testing.assert_allclose(log_probs, expected, atol=1e-4)
    assert recognizer.alphabet.decode([span.label for span in decoded.spans]).strip() == recognizer.read_line(line).text


def test_handwritten_or_printed_lines_alone(recognizer: Recognizer, layout: Layout) -> None:
    path = SAMPLES / "page.png"
    marked = replace(
        layout, lines=tuple(replace(line, printed=number % 3 == 0) for number, line in enumerate(layout.lines))
    )
    both, printed, handwritten = (
        recognizer.read(path, lines=marked, options=PageOptions(only=only)) for only in (None, "printed", "handwritten")
    )
    assert {line.type for line in both.lines} == {"default", "printed"}
    assert [line.text for line in printed.lines] == [line.text for line in both.lines if line.type == "printed"]
    assert [line.text for line in handwritten.lines] == [line.text for line in both.lines if line.type == "default"]
    assert printed.lines and handwritten.lines


def test_rows_are_regions_of_their_own(recognizer: Recognizer) -> None:
    page = recognizer.read(SAMPLES / "page.png", options=PageOptions(rows=True))
    assert {region.type for region in page.regions} == {"table-row"}
    assert len(page.regions) > 15
