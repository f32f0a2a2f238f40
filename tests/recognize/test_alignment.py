"""Known texts on images of lines: boxes, errors, data sets."""

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.line_images import image_file, stored_line
from helpers.tiny_model import write_tiny_model
from hwr.decode.lattice import align, text_log_probability
from hwr.errors import DataError, HwrError, InputError
from hwr.files.documents import to_grey
from hwr.line import normalise_line
from hwr.page.page import AlignedLine
from hwr.recognize.alignment import Aligner, KnownLine, align_set
from hwr.recognize.models import load_model
from hwr.store.lines import StoredLine
from hwr.store.writing import write_lines

SAMPLES = Path(__file__).parent.parent.parent / "data" / "samples"
LINES = {SAMPLES / f"line-{number}.png": (SAMPLES / f"line-{number}.txt").read_text().strip() for number in (1, 2, 3)}


@pytest.fixture(scope="module")
def aligner() -> Aligner:
    return Aligner("small", threads=1)


@pytest.fixture(scope="module")
def aligned(aligner: Aligner) -> dict[Path, AlignedLine]:
    return {path: aligner.align_line(path, text) for path, text in LINES.items()}


def test_words_and_characters_spell_the_text(aligned: dict[Path, AlignedLine]) -> None:
    for path, line in aligned.items():
        assert line.text == " ".join(word.text for word in line.words) == LINES[path]
        assert all("".join(item.text for item in word.characters) == word.text for word in line.words)
        assert (line.image, line.model, line.id) == (str(path), "small", None)
        assert (line.height, line.width) == to_grey(path).shape


def test_boxes_hold_the_ink_and_part_in_paper(aligned: dict[Path, AlignedLine]) -> None:
    for path, line in aligned.items():
        dark = to_grey(path) < 128
        pixel = line.height / 48
        for word in line.words:
            x0, y0, x1, y1 = (round(value) for value in word.box)
            margin = round(2 * pixel)
            inside = dark[y0:y1, x0:x1]
            assert inside[:, :margin].any() and inside[:, -margin:].any(), word
            assert inside[:margin].any() and inside[-margin:].any(), word
            dark[y0:y1, x0:x1] = False
        assert dark.mean() < 0.001, path  # all ink is in a box


def test_boxes_of_characters_are_in_their_words_in_order(aligned: dict[Path, AlignedLine]) -> None:
    for line in aligned.values():
        for word in line.words:
            boxes = np.array([item.box for item in word.characters])
            assert (boxes[:, :2] >= np.array(word.box[:2]) - 0.01).all()
            assert (boxes[:, 2:] <= np.array(word.box[2:]) + 0.01).all()
            assert boxes[:, 0].min() == pytest.approx(word.box[0]) and boxes[:, 2].max() == pytest.approx(word.box[2])
            middles = boxes[:, ::2].mean(axis=1)
            assert (np.diff(middles) > 0).all()


def test_scores_are_those_of_the_lattice(aligner: Aligner, aligned: dict[Path, AlignedLine]) -> None:
    runtime = load_model("small", threads=1)
    for path, line in aligned.items():
        log_probs = runtime.log_probs([normalise_line(to_grey(path), runtime.info.height)])[0]
        labels = aligner.alphabet.encode(line.text)
        expected = text_log_probability(log_probs, labels)
        assert line.score == pytest.approx(expected / len(labels), rel=1e-6)
        assert line.confidence == pytest.approx(np.exp(expected), rel=1e-6)
        confidences = [item.confidence for word in line.words for item in word.characters]
        clearest = [
            float(np.exp(log_probs[span.start : span.stop, span.label].max()))
            for span, character in zip(align(log_probs, labels), line.text, strict=True)
            if character != " "
        ]
        assert confidences == pytest.approx(clearest, abs=1e-6)


def test_a_wrong_text_scores_less(aligner: Aligner, aligned: dict[Path, AlignedLine]) -> None:
    path, line = next(iter(aligned.items()))
    wrong = aligner.align_line(path, "the kept the kay in a blue jar by the dwur.")
    assert wrong.score < line.score - 0.1 and wrong.confidence < line.confidence
    assert len(wrong.words) == 11


def test_the_text_rules_are_applied(aligner: Aligner, aligned: dict[Path, AlignedLine]) -> None:
    path = SAMPLES / "line-2.png"
    assert aligner.align_line(path, "  Le  cha\u0302teau fut\tvendu a\u0300 l'automne\n1874. ") == aligned[path]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the text is empty"),
        (" \n", "the text is empty"),
        ("a 中 and ж", "the model small does not know 'ж' (U+0436 CYRILLIC SMALL LETTER ZHE), '中' (U+4E2D CJK"),
        ("mm " * 100, "the text is too long for the line: 299 characters need 399 time steps, the line has "),
    ],
)
def test_texts_that_cannot_be_aligned(aligner: Aligner, text: str, says: str) -> None:
    path = SAMPLES / "line-1.png"
    with pytest.raises(DataError) as caught:
        aligner.align_line(path, text)
    assert str(caught.value).startswith(f"{path}: {says}") and "\n" not in str(caught.value)


def test_images_that_cannot_be_aligned(aligner: Aligner, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        aligner.align_line(tmp_path / "gone.png", "text")
    with pytest.raises(DataError, match="image: no writing found"):
        aligner.align_line(np.full((60, 400), 230, np.uint8), "text")


def test_a_text_that_just_fits(tmp_path: Path) -> None:
    """As many characters as time steps, and one more."""
    aligner = Aligner(write_tiny_model(tmp_path), threads=1)
    image = to_grey(SAMPLES / "line-1.png")
    steps = -(-normalise_line(image, aligner.info.height).shape[1] // aligner.info.stride)
    text = ("abc" * steps)[:steps]
    (word,) = aligner.align_line(image, text).words
    assert [item.text for item in word.characters] == list(text)
    for item in word.characters:
        x0, y0, x1, y1 = item.box
        assert 0 <= x0 < x1 <= image.shape[1] and 0 <= y0 < y1 <= image.shape[0]
    with pytest.raises(DataError, match="too long"):
        aligner.align_line(image, text + ("b" if text[-1] != "b" else "c"))


def test_bad_lines_do_not_stop_the_others(aligner: Aligner, aligned: dict[Path, AlignedLine]) -> None:
    blank = np.full((60, 400), 230, np.uint8)
    known = [KnownLine(str(path), to_grey(path), text, "here") for path, text in LINES.items()]
    known.insert(1, KnownLine("bad", blank, "text", "there"))
    known.append(KnownLine("bad", known[0].image, "ж", "at the end"))
    results = aligner.align_lines(known)
    errors = [str(result) for result in results if isinstance(result, HwrError)]
    assert [isinstance(result, HwrError) for result in results] == [False, True, False, False, True]
    assert errors[0] == "there: no writing found on the image" and errors[1].startswith("at the end: the model small")
    for result in results:
        if isinstance(result, AlignedLine):
            expected = aligned[Path(result.image)]
            assert result.score == pytest.approx(expected.score, abs=1e-5)
            assert [word.box for word in result.words] == [word.box for word in expected.words]
    assert aligner.align_lines([]) == []
    assert isinstance(aligner.align_lines(known[-1:])[0], HwrError)


def store(path: Path, extra: Sequence[StoredLine] = ()) -> Path:
    lines = [
        replace(stored_line(number, text, image.read_bytes()), path=image.name)
        for number, (image, text) in enumerate(LINES.items())
    ]
    write_lines(path, [*lines, *extra])
    return path


def test_a_set(aligner: Aligner, aligned: dict[Path, AlignedLine], tmp_path: Path) -> None:
    bad = [stored_line(7, "no image"), stored_line(8, "ж", image_file())]
    results = list(align_set(store(tmp_path / "set.parquet", bad), aligner))
    assert [result.id for result in results[:3] if isinstance(result, AlignedLine)] == ["line-0", "line-1", "line-2"]
    for result, expected in zip(results[:3], aligned.values(), strict=True):
        assert isinstance(result, AlignedLine)
        assert result.image == Path(expected.image).name
        assert [word.box for word in result.words] == [word.box for word in expected.words]
    errors = [str(result) for result in results[3:] if isinstance(result, HwrError)]
    assert len(errors) == 2
    assert errors[0].startswith(f"{tmp_path / 'set.parquet'}: line-7: not an image")
    assert errors[1].startswith(f"{tmp_path / 'set.parquet'}: line-8: the model small does not know")
    assert len(list(align_set(tmp_path / "set.parquet", aligner, limit=2))) == 2


def test_sets_are_read_in_batches_in_order(aligner: Aligner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = list(align_set(store(tmp_path / "set.parquet"), aligner))
    sizes = []
    whole = Aligner.align_lines

    def counting(self: Aligner, lines: Sequence[KnownLine]) -> list[AlignedLine | HwrError]:
        sizes.append(len(lines))
        return whole(self, lines)

    monkeypatch.setattr(Aligner, "align_lines", counting)
    monkeypatch.setattr("hwr.recognize.alignment.PIXELS_AT_ONCE", 300_000)
    found = list(align_set(tmp_path / "set.parquet", aligner))
    assert sizes == [2, 1]
    for line, other in zip(found, expected, strict=True):
        assert isinstance(line, AlignedLine) and isinstance(other, AlignedLine)
        assert (line.id, line.text) == (other.id, other.text)


def test_arrays_and_pil_images(aligner: Aligner, aligned: dict[Path, AlignedLine]) -> None:
    path = SAMPLES / "line-3.png"
    for source in (to_grey(path), path.read_bytes(), Image.open(io.BytesIO(path.read_bytes()))):
        assert aligner.align_line(source, LINES[path]).words == aligned[path].words
