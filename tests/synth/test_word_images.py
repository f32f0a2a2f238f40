"""Lines composed of word images: ink, baselines, punctuation, seeds, broken files. The images are made here."""

import re
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from hwr.errors import DataError
from hwr.store.lines import StoredLine
from hwr.store.writing import write_lines
from hwr.synth.crops import LETTER_HEIGHT, extract_ink, measure_word, scale_words, writes_capitals
from hwr.synth.words import WordComposer

PAPER = 228
BASELINE = 60
"""Row of the baseline in the made images, before they are cut to the ink."""


def drawn(text: str, scale: float = 1.0, paper: int = PAPER) -> NDArray[np.uint8]:
    """A word in an OpenCV font on grey paper; baseline at `BASELINE`."""
    canvas = np.full((100, 60 + int(30 * len(text) * scale)), paper, np.uint8)
    cv2.putText(canvas, text, (20, BASELINE), cv2.FONT_HERSHEY_SIMPLEX, scale, paper - 170, 3, cv2.LINE_AA)
    noise = np.random.default_rng(len(text)).integers(-4, 5, canvas.shape)
    return np.clip(canvas + noise, 0, 255).astype(np.uint8)


def cropped(grey: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
    """Cut to the ink and a border of 3, as the real images are; and the row that the cut began at."""
    rows, columns = (np.flatnonzero((grey < PAPER - 60).any(axis=axis)) for axis in (1, 0))
    return grey[rows[0] - 3 : rows[-1] + 4, columns[0] - 3 : columns[-1] + 4], int(rows[0] - 3)


def stored(text: str, writer: str, number: int, grey: NDArray[np.uint8] | None = None) -> StoredLine:
    image = cropped(drawn(text))[0] if grey is None else grey
    data = cv2.imencode(".png", image)[1].tobytes()
    return StoredLine(data, f"{number}.png", text, f"{writer}-{number}", image.shape[1], image.shape[0], writer=writer)


WORDS = {
    "a": ["some", "men", "wrote", "letters", "going", "home", "happy", "and", "Mr.", ".", ",", '"', "-", "(", ")", "?"],
    "b": ["house", "garden", "tree", "yard", "people", "walk", ";", ":", "!", "'"],
    "few": ["two", "words"],
}


def rows() -> Iterable[StoredLine]:
    number = 0
    for writer, words in WORDS.items():
        for word in words:
            number += 1
            yield stored(word, writer, number)


@pytest.fixture(scope="module")
def word_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("words") / "train.parquet"
    write_lines(path, rows())
    return path


@pytest.mark.parametrize("paper", [250, 228, 200])
def test_ink_is_taken_off_any_paper(paper: int) -> None:
    ink = extract_ink(drawn("garden", paper=paper))
    assert ink is not None
    assert ink.max() > 180
    assert np.mean(ink == 0) > 0.3
    assert ink[0].max() <= 100 < ink[1].max()


def test_an_empty_image_has_no_ink() -> None:
    assert extract_ink(np.full((30, 40), 240, np.uint8)) is None
    assert extract_ink(np.zeros((1, 1), np.uint8)) is None


@pytest.mark.parametrize("text", ["noon", "garden", "hello", "yes", "happy", "going", "of", "people", "Mr."])
def test_the_baseline_is_found(text: str) -> None:
    image, first_row = cropped(drawn(text, scale=1.2))
    ink = extract_ink(image)
    assert ink is not None
    word = measure_word(text, ink, True)
    top = int(np.flatnonzero(image.min(axis=1) < PAPER - 60)[0]) - 1
    x_height = 16.5 * 1.2  # of this font at scale 1.2, with the thickness of the pen
    assert word.baseline + first_row + top == pytest.approx(BASELINE + 1, abs=0.25 * x_height)
    assert word.height == pytest.approx(x_height, rel=0.35)


def test_words_come_to_one_letter_height_even_if_stored_smaller() -> None:
    words = []
    for text, scale in [("noon", 1.0), ("garden", 1.0), ("some", 1.0), ("letters", 1.0), ("people", 0.6)]:
        ink = extract_ink(cropped(drawn(text, scale=scale))[0])
        assert ink is not None
        word = measure_word(text, ink, scale == 1.0)
        words.append(word)
    scaled = {word.text: word for word in scale_words(words)}
    assert set(scaled) == {"noon", "garden", "some", "letters", "people"}
    assert len(scaled["noon"].ink) == pytest.approx(LETTER_HEIGHT, rel=0.25)
    per_letter = [scaled[text].ink.shape[1] / len(text) for text in ("garden", "people")]
    assert per_letter[1] == pytest.approx(per_letter[0], rel=0.25)


def test_an_image_that_shows_more_than_its_text_is_left_out() -> None:
    words = []
    for text, shown in [("some", "some"), ("garden", "garden"), ("letters", "letters"), ("walk", "walk around here")]:
        ink = extract_ink(cropped(drawn(shown))[0])
        assert ink is not None
        words.append(measure_word(text, ink, True))
    assert [word.text for word in scale_words(words)] == ["some", "garden", "letters"]


def test_a_hand_that_writes_capitals_for_small_letters_is_seen() -> None:
    """Letters are pairs of bars, twice as high for ascenders; in capitals all are high."""
    for capitals in (True, False):
        words = []
        for text in ("hold", "made", "letters", "child", "house"):
            grey = np.full((60, 24 * len(text)), PAPER, np.uint8)
            for place, letter in enumerate(text):
                top = 10 if capitals or letter in "bdhklt" else 30
                grey[top:50, 24 * place + 3 : 24 * place + 6] = 60
                grey[top if capitals else 30 : 50, 24 * place + 12 : 24 * place + 15] = 60
                grey[47:50, 24 * place + 3 : 24 * place + 15] = 60
            ink = extract_ink(grey)
            assert ink is not None
            word = measure_word(text, ink, True)
            words.append(word)
        assert writes_capitals(words) is capitals


def test_lines_are_set_as_text_is(word_file: Path) -> None:
    generator = np.random.default_rng(1)
    composer = WordComposer(word_file)
    texts = [(line.text, line.source) for line in (composer.line(generator) for _ in range(400))]
    for text, source in texts:
        assert set(text.split(" ")) <= set(WORDS[source.removeprefix("words:")]), text
        assert 2 <= len(text.split(" ")) <= 10
        assert not set(text) & set(",;:!?\"'()-"), text
    assert len(set(texts)) > 350


def test_same_seed_same_bytes(word_file: Path) -> None:
    first, second = WordComposer(word_file), WordComposer(word_file)
    second.line(np.random.default_rng(99))
    for seed in range(20):
        a, b = first.line(np.random.default_rng(seed)), second.line(np.random.default_rng(seed))
        assert (a.text, a.source) == (b.text, b.source)
        assert np.array_equal(a.ink, b.ink)


def test_nothing_is_clipped_and_the_height_is_about_64(word_file: Path) -> None:
    generator = np.random.default_rng(2)
    composer = WordComposer(word_file)
    for _ in range(60):
        ink = composer.line(generator).ink
        assert ink.max() > 150
        assert 24 <= ink.shape[0] <= 96
        assert not ink[0].any() and not ink[-1].any() and not ink[:, 0].any() and not ink[:, -1].any()


def test_hands_with_few_words_are_left_out(word_file: Path) -> None:
    composer, generator = WordComposer(word_file), np.random.default_rng(3)
    assert {composer.line(generator).source for _ in range(60)} == {"words:a", "words:b"}


def test_crossed_out_and_unreadable_words_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lines = [stored(word, "a", number) for number, word in enumerate(WORDS["a"])]
    lines += [stored("#", "a", 100, drawn("xx")), stored("ro*5le", "a", 101), stored('Ka"ut', "a", 102)]
    broken = stored("whole", "a", 103)
    lines.append(StoredLine(broken.image[:60], "103.png", "whole", "a-103", 50, 40, writer="a"))
    path = tmp_path / "words.parquet"
    write_lines(path, lines)
    composer = WordComposer(path)
    generator = np.random.default_rng(4)
    together = " ".join(composer.line(generator).text for _ in range(100))
    assert "some" in together
    assert not re.search(r"#|\*|Ka|whole", together)
    assert "a-103" in caplog.text


def test_images_without_ink_end_in_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "words.parquet"
    empty = np.full((30, 60), 240, np.uint8)
    write_lines(path, (stored(f"word{number}", "a", number, empty) for number in range(8)))
    with pytest.raises(DataError, match=r"words\.parquet: no usable word image"):
        WordComposer(path).line(np.random.default_rng(1))


def test_broken_files_are_named(word_file: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.parquet: does not exist"):
        WordComposer(tmp_path / "none.parquet")
    text = tmp_path / "text.parquet"
    text.write_text("no table")
    with pytest.raises(DataError, match=r"text\.parquet: is not a Parquet file"):
        WordComposer(text)
    short = tmp_path / "short.parquet"
    short.write_bytes(word_file.read_bytes()[:3000])
    with pytest.raises(DataError, match=r"short\.parquet"):
        WordComposer(short)


def test_the_real_words(shared: Path) -> None:
    composer = WordComposer(shared / "iam-words" / "train.parquet")
    generator = np.random.default_rng(5)
    lines = [composer.line(generator) for _ in range(12)]
    assert len({line.source for line in lines}) > 6
    assert 45 < float(np.median([len(line.ink) for line in lines])) < 90
    assert all(line.ink.max() > 150 and line.text for line in lines)
