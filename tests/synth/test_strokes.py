"""Lines from pen strokes: cutting into words, drawing, seeds, broken files. The strokes are made here."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hwr.errors import DataError, InputError
from hwr.synth import strokes as module
from hwr.synth.pieces import cut, expected_width, find_frame
from hwr.synth.strokes import StrokeRenderer

UNIT = 200.0
"""Width of a mean character in the made lines."""

HEIGHT = 240.0
"""Height of small letters in the made lines."""


def letter(character: str, x: float) -> tuple[list[NDArray[np.float64]], float]:
    """One stroke for a character: two humps for a letter, a dot for a full stop; and its width."""
    if character == ".":
        return [np.array([[x, -8], [x + 10, 0.0], [x, 0]])], 60.0
    width = UNIT * expected_width(character)
    top = -2 * HEIGHT if character in "bdhklt" else -HEIGHT
    bottom = 0.7 * HEIGHT if character in "gpqy" else 0.0
    across = np.linspace(0.06, 0.94, 17)
    heights = np.interp(np.arange(17) % 8, [0, 4, 8], [0, 1, 0])
    points = np.column_stack((x + across * width, heights * top))
    points[-1, 1] = bottom
    return [points], width


def written(
    text: str, gap: float = 400, slope: float = 0.0, lean: float = 0.0
) -> tuple[list[NDArray[np.float64]], list[int]]:
    """The strokes of a line of `text`, and the number of strokes of each word."""
    strokes: list[NDArray[np.float64]] = []
    counts: list[int] = []
    x = 0.0
    for word in text.split(" "):
        before = len(strokes)
        for character in word:
            made, width = letter(character, x)
            strokes += made
            x += width
        counts.append(len(strokes) - before)
        x += gap
    for stroke in strokes:
        stroke[:, 0] -= lean * stroke[:, 1]
        stroke[:, 1] += slope * stroke[:, 0]
    return strokes, counts


LINES = [
    ("some men wrote letters", "100"),
    ("to the house. We came", "100"),
    ("and nobody had seen it", "100"),
    ("every hand has its ways", "200"),
    ("people keep writing", "200"),
    ("a # word was struck out", "200"),
    ("only whole sheets", "300"),
]


def arrays() -> dict[str, NDArray[np.generic]]:
    """The arrays of a file with `LINES`."""
    deltas, pen_up, offsets = [], [], [0]
    for text, _ in LINES:
        strokes, _ = written(text)
        places = np.rint(np.concatenate(strokes)).astype(np.int16)
        deltas.append(np.diff(places, axis=0, prepend=places[:1]))
        up = np.zeros(len(places), np.uint8)
        up[np.cumsum([len(stroke) for stroke in strokes]) - 1] = 1
        pen_up.append(up)
        offsets.append(offsets[-1] + len(places))
    return {
        "deltas": np.concatenate(deltas),
        "pen_up": np.concatenate(pen_up),
        "offsets": np.array(offsets, np.int64),
        "text": np.array([text for text, _ in LINES]),
        "id": np.array([f"line-{number}" for number in range(len(LINES))]),
        "writer": np.array([writer for _, writer in LINES]),
    }


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("strokes") / "strokes.npz"
    np.savez(path, **arrays())
    return path


def upright(strokes: list[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    frame = find_frame(strokes)
    return [frame.upright(stroke) for stroke in strokes]


def test_words_are_cut_at_the_wide_gaps() -> None:
    text = "to the house. We came"
    strokes, counts = written(text, slope=0.02, lean=0.3)
    pieces = cut(upright(strokes), text)
    assert pieces is not None
    assert [len(piece) for piece in pieces] == counts
    assert [number for piece in pieces for number in piece] == list(range(sum(counts)))


def test_one_word_is_one_piece() -> None:
    strokes, _ = written("people")
    assert cut(upright(strokes), "people") == [list(range(6))]


@pytest.mark.parametrize(
    ("drawn", "text", "gap"),
    [
        ("to the house came", "to the house came", 30),  # hardly any gap
        ("some words here", "so much longer text", 400),  # pieces too narrow for the words
        ("the house came", "the house", 400),  # one gap too many
        ("house came", "the house came", 400),  # one too few
        ("to the house .We came", "to the house. We came", 400),  # full stop with the wrong word
    ],
)
def test_an_uncertain_line_is_not_cut(drawn: str, text: str, gap: float) -> None:
    strokes, _ = written(drawn, gap=gap)
    assert cut(upright(strokes), text) is None


def test_the_frame_is_found_under_slope_slant_and_descenders() -> None:
    strokes, _ = written("every hand has its ways of going", slope=0.03, lean=0.35)
    frame = find_frame(strokes)
    assert frame.slope == pytest.approx(0.03, abs=0.01)
    assert frame.height == pytest.approx(HEIGHT, rel=0.15)
    straight, _ = written("some men rowed")
    assert abs(max(stroke[:, 1].max() for stroke in upright(straight))) < 0.1


def test_same_seed_same_bytes(archive: Path) -> None:
    first, second = StrokeRenderer(archive), StrokeRenderer(archive)
    second.line(np.random.default_rng(99))  # what was made before does not count
    for seed in range(20):
        a, b = first.line(np.random.default_rng(seed)), second.line(np.random.default_rng(seed))
        assert (a.text, a.source) == (b.text, b.source)
        assert np.array_equal(a.ink, b.ink)
    assert not np.array_equal(first.line(np.random.default_rng(1)).ink, first.line(np.random.default_rng(2)).ink)


def test_whole_lines_keep_their_texts_and_composed_ones_are_new(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(5)
    monkeypatch.setattr(module, "COMPOSED", 0.0)
    whole = [StrokeRenderer(archive).line(generator) for _ in range(20)]
    texts = {text for text, _ in LINES}
    assert {line.text for line in whole} <= texts
    monkeypatch.setattr(module, "COMPOSED", 1.0)
    composed = [StrokeRenderer(archive).line(generator) for _ in range(40)]
    words: dict[str, set[str]] = {}
    for text, writer in LINES:
        words.setdefault(f"strokes:{writer}", set()).update(text.split())
    for line in composed:
        assert set(line.text.split()) <= words[line.source]
        assert 1 <= len(line.text.split()) <= 10
    assert sum(line.text not in texts for line in composed) > 30


def test_nothing_is_clipped_and_the_height_is_about_64(archive: Path) -> None:
    generator = np.random.default_rng(6)
    renderer = StrokeRenderer(archive)
    for _ in range(60):
        ink = renderer.line(generator).ink
        assert ink.max() > 100
        assert 16 <= ink.shape[0] <= 110
        assert not ink[0].any() and not ink[-1].any() and not ink[:, 0].any() and not ink[:, -1].any()


def test_crossed_out_words_are_never_drawn(archive: Path) -> None:
    generator = np.random.default_rng(7)
    renderer = StrokeRenderer(archive)
    assert not any(set("#") & set(renderer.line(generator).text) for _ in range(80))


def test_contractions_are_written_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMPOSED", 0.0)
    made = arrays()
    made["text"] = np.array(["men 's own", "we 'll come", "I 've seen", "the 'setting' of", "it is his", "now", "then"])
    np.savez(tmp_path / "strokes.npz", **made)
    renderer = StrokeRenderer(tmp_path / "strokes.npz")
    generator = np.random.default_rng(10)
    texts = {renderer.line(generator).text for _ in range(100)}
    assert texts == {"men's own", "we'll come", "I've seen", "the 'setting' of", "it is his", "now", "then"}


def test_a_file_that_is_missing_or_no_archive_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.npz: does not exist"):
        StrokeRenderer(tmp_path / "nothing.npz")
    broken = tmp_path / "broken.npz"
    broken.write_bytes(b"not an archive")
    with pytest.raises(InputError, match=r"broken\.npz: not a readable"):
        StrokeRenderer(broken)
    single = tmp_path / "single.npy"
    np.save(single, np.zeros(3))
    with pytest.raises(InputError, match=r"single\.npy: not a readable"):
        StrokeRenderer(single)


def test_a_truncated_archive_is_named(archive: Path, tmp_path: Path) -> None:
    data = archive.read_bytes()
    for share in (0.2, 0.6, 0.95):
        cut_short = tmp_path / "short.npz"
        cut_short.write_bytes(data[: int(share * len(data))])
        with pytest.raises(InputError, match=r"short\.npz") as caught:
            StrokeRenderer(cut_short)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pen_up": None}, "pen_up missing"),
        ({"text": None, "writer": None}, "text, writer missing"),
        ({"deltas": np.zeros((5, 3), np.int16)}, "expected \\(points, 2\\)"),
        ({"deltas": np.zeros((5, 2), np.float32)}, "deltas is float32"),
        ({"pen_up": np.zeros(4, np.uint8)}, "pen_up has 4 points"),
        ({"offsets": np.zeros(3, np.int64)}, "lengths do not fit"),
        ({"offsets": np.zeros(len(LINES) + 1, np.int64)}, "offsets must rise"),
        ({"text": np.array([b"x"] * len(LINES))}, "text is"),
        ({"text": np.array([""] * len(LINES))}, "no line can be used"),
    ],
)
def test_wrong_arrays_are_named(tmp_path: Path, changes: dict[str, NDArray[np.generic] | None], message: str) -> None:
    path = tmp_path / "strokes.npz"
    np.savez(path, **{name: array for name, array in (arrays() | changes).items() if array is not None})
    with pytest.raises(DataError, match=message) as caught:
        StrokeRenderer(path)
    assert str(path) in str(caught.value)


def test_the_real_strokes(shared: Path) -> None:
    renderer = StrokeRenderer(shared / "iam-ondb" / "strokes.npz")
    generator = np.random.default_rng(9)
    lines = [renderer.line(generator) for _ in range(20)]
    assert len({line.source for line in lines}) > 10
    heights = [len(line.ink) for line in lines]
    assert 50 < float(np.median(heights)) < 90
    assert all(line.ink.max() > 100 and line.text for line in lines)
