"""The line finder on drawn pages whose baselines are known, on the sample page, and on real pages."""

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.baselines import BaselineMatch, match_baselines
from benchmarks.no_writing import draw_pale_form, draw_specks, drawn, photographs
from hwr.files.documents import to_grey
from hwr.files.images import GreyImage
from hwr.page.geometry import bounding_box
from hwr.page.page import Point
from hwr.segment import Layout, find_lines, without_doubtful
from hwr.segment.maps import MULTIPLE, Maps
from hwr.segment.trace import Trace

ROOT = Path(__file__).parent.parent.parent
WORDS = (
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "my",
    "lazy",
    "dog",
    "and",
    "finds",
    "golden",
    "hills",
    "by",
    "night",
)


def write(page: GreyImage, x: int, y: int, words: int, seed: int, scale: float = 1.2) -> list[Point]:
    """Write words with their baseline at y; returns the baseline."""
    random = np.random.default_rng(seed)
    text = " ".join(random.choice(WORDS, words))
    size, _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, scale, 2)
    cv2.putText(page, text, (x, y), cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, scale, 40, 2, cv2.LINE_AA)
    return [(x, y), (x + size[0], y)]


def drawn_page(rows: range, paper: int = 230, seed: int = 0) -> tuple[GreyImage, list[list[Point]]]:
    """A page of lines of different lengths on paper with grain and uneven light."""
    random = np.random.default_rng(seed)
    page = np.full((1400, 1000), paper, np.uint8)
    lines = [write(page, 80 + int(random.integers(0, 30)), y, 5 + y % 3, seed + y) for y in rows]
    light = np.linspace(0.75, 1.0, page.shape[1])[None, :]
    grain = random.normal(0, 2, page.shape)
    return (page * light + grain).clip(0, 255).astype(np.uint8), lines


FullPage = tuple[GreyImage, list[list[Point]], Layout]


@pytest.fixture(scope="module")
def full() -> FullPage:
    """A page full of lines, the lines, and what is found there; the page is not to be changed."""
    page, lines = drawn_page(range(120, 1350, 60))
    page.flags.writeable = False
    return page, lines, find_lines(page)


def found(layout: Layout, lines: list[list[Point]]) -> BaselineMatch:
    return match_baselines(lines, [line.baseline for line in layout.lines])


@pytest.mark.parametrize("noise", [0.0, 2.0])
def test_pale_ink_is_found_in_outlines_that_contain_it(noise: float) -> None:
    page, lines = drawn_page(range(120, 700, 60))
    paper = cv2.blur(cv2.dilate(page, np.ones((25, 25), np.uint8)), (25, 25)).astype(np.float32)
    pale = paper + 0.15 * (page.astype(np.float32) - paper) + np.random.default_rng(1).normal(0, noise, page.shape)
    layout = find_lines(pale.clip(0, 255).round().astype(np.uint8))
    assert found(layout, lines) == BaselineMatch(len(lines), len(lines), len(lines))
    for line, dark in zip(layout.lines, find_lines(page).lines, strict=True):
        assert bounding_box(line.polygon) == pytest.approx(bounding_box(dark.polygon), abs=12)


def test_a_page_on_its_side_is_mostly_missed(full: FullPage) -> None:
    page, _, layout = full
    assert layout.missed < 0.2
    assert find_lines(np.ascontiguousarray(np.rot90(page))).missed > 0.6
    assert find_lines(np.full((500, 400), 230, np.uint8)).missed == 0


def test_specks_are_not_lines_and_the_line_between_them_is_found() -> None:
    *_, (_, page) = islice(drawn(draw_specks), 2)
    assert find_lines(page).lines == ()
    line = write(page, 100, 800, 6, 1)
    assert found(find_lines(page), [line]).matched == 1


def test_doubtful_lines_stay_if_most_are_certain() -> None:
    def traces(*scores: float) -> list[Trace]:
        return [Trace(np.array([[0.0, 9.0], [90.0, 9.0]]), 30, 0, score) for score in scores]

    page, picture = traces(0.97, 0.8, 0.98), traces(0.75, 0.93, 0.8)
    assert without_doubtful([0, 1, 2], page) == [0, 1, 2]
    assert without_doubtful([0, 1, 2], picture) == [1]
    assert without_doubtful([0, 1], page) == [0, 1]


def test_dotted_rules_are_not_lines_in_the_grain_of_the_paper_and_a_line_between_them_is() -> None:
    *_, (_, page) = islice(drawn(draw_pale_form), 5)
    assert find_lines(page).lines == ()
    pale = np.full(page.shape, 255, np.uint8)
    lines = [write(pale, 100, y, 6, y) for y in (300, 370, 440)]
    page -= np.minimum(page, (255 - pale) // 2)
    assert found(find_lines(page), lines).matched == 3


def test_a_strip_up_the_margin_is_seen_and_a_column_of_numbers_is_not(
    full: FullPage,
) -> None:
    page, _, layout = full
    assert layout.sideways == ()
    note = np.full((60, 700), 230, np.uint8)
    cv2.putText(note, "a note up the margin", (10, 40), cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, 1.2, 40, 2, cv2.LINE_AA)
    wide = np.concatenate([page, np.full((page.shape[0], 150), 230, np.uint8)], axis=1)
    numbers = wide.copy()
    wide[200:900, 1050:1110] = np.rot90(note)
    layout = find_lines(wide)
    ((x0, y0, x1, y1),) = layout.sideways
    assert 1040 < x0 < x1 < 1120 and 190 < y0 < y1 < 910 and y1 - y0 > 300
    for number, y in enumerate(range(120, 1350, 60)):
        cv2.putText(numbers, str(number), (1050, y), cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, 1.2, 40, 2, cv2.LINE_AA)
    assert find_lines(numbers).sideways == ()


def test_all_lines_of_a_drawn_page_in_order(full: FullPage) -> None:
    _, lines, layout = full
    assert found(layout, lines) == BaselineMatch(len(lines), len(lines), len(lines))
    heights = [line.baseline[0][1] for line in layout.lines]
    assert heights == sorted(heights)
    assert len(layout.regions) == 1
    assert {line.region for line in layout.lines} == {0}


def test_baselines_and_polygons_lie_on_the_ink() -> None:
    page, lines = drawn_page(range(120, 1350, 75))
    ink = page < 120
    covered = np.zeros(page.shape, np.uint8)
    for line, true in zip(find_lines(page).lines, lines, strict=True):
        assert abs(np.median([y for _, y in line.baseline]) - true[0][1]) < 6
        x0, y0, x1, y1 = bounding_box(line.polygon)
        assert abs(x0 - true[0][0]) < 15 and abs(x1 - true[-1][0]) < 20
        assert y0 < true[0][1] - 20 and y1 > true[0][1]
        cv2.fillPoly(covered, [np.array(line.polygon).round().astype(np.int32)], 1)
    assert covered[ink].mean() > 0.99


@pytest.mark.parametrize("angle", [-5, -2, 1, 4])
def test_slanting_lines_are_followed(angle: float) -> None:
    page, lines = drawn_page(range(300, 1150, 60))
    matrix = cv2.getRotationMatrix2D((500, 700), angle, 1)
    turned = cv2.warpAffine(page, matrix, (1000, 1400), borderMode=cv2.BORDER_REPLICATE)
    moved = [[tuple(matrix @ (x, y, 1)) for x, y in line] for line in lines]
    layout = find_lines(turned)
    result = found(layout, moved)
    assert result.recall >= 0.95 and result.precision >= 0.9
    assert abs(skew(layout) + angle) < 0.2


@pytest.mark.parametrize("angle", [15, -12])
def test_lines_of_a_skewed_page_are_found_on_the_page(angle: float) -> None:
    page, lines = drawn_page(range(300, 1150, 60))
    matrix = cv2.getRotationMatrix2D((500, 700), angle, 1)
    matrix[:, 2] += 200, 150
    turned = cv2.warpAffine(page, matrix, (1400, 1700), borderMode=cv2.BORDER_REPLICATE)
    moved = [[tuple(matrix @ (x, y, 1)) for x, y in line] for line in lines]
    layout = find_lines(turned)
    assert found(layout, moved) == BaselineMatch(len(lines), len(lines), len(lines))
    covered = np.zeros(turned.shape, np.uint8)
    for line in layout.lines:
        assert all(0 <= x <= 1400 and 0 <= y <= 1700 for x, y in line.polygon)
        cv2.fillPoly(covered, [np.array(line.polygon).round().astype(np.int32)], 1)
    assert covered[turned < 120].mean() > 0.98
    for region, box in enumerate(layout.regions):
        assert box == bounding_box([point for line in layout.lines if line.region == region for point in line.polygon])


def test_slanting_lines_on_a_long_strip_are_found() -> None:
    line = np.full((600, 600), 230, np.uint8)
    cv2.putText(line, "golden fox hill", (160, 300), cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, 0.8, 40, 2, cv2.LINE_AA)
    line = cv2.warpAffine(line, cv2.getRotationMatrix2D((300, 300), 18, 1), (600, 600), borderValue=230)
    strip = np.tile(line[230:350, 140:440], (150, 1))
    assert len(find_lines(strip).lines) == 150


def skew(layout: Layout) -> float:
    """Degrees by which the lines of a page fall: the mean over the lines, weighed by their lengths."""
    fits = []
    for line in layout.lines:
        x, y = np.array(line.baseline).T
        inner = slice(len(x) // 10, len(x) - len(x) // 10)
        fits.append((np.polyfit(x[inner], y[inner], 1)[0], np.ptp(x)))
    slopes, lengths = np.array(fits).T
    return float(np.degrees(np.arctan(np.average(slopes, weights=lengths))))


def test_a_long_strip_is_not_made_too_small() -> None:
    strip = np.full((200, 30000), 235, np.uint8)
    lines = [write(strip, x, 120, 6, x, 2.0) for x in range(300, 29000, 2400)]
    assert found(find_lines(strip), lines).f1 > 0.9


def test_ruled_paper_margin_and_frame_are_not_lines() -> None:
    page, lines = drawn_page(range(120, 1000, 60))
    for y in range(123, 1390, 60):
        cv2.line(page, (40, y), (960, y + 3), 150, 2)
    cv2.line(page, (60, 0), (60, 1399), 140, 2)
    page[:, :14] = 20
    page[:10] = 10
    layout = find_lines(page)
    assert found(layout, lines).recall == 1
    assert len(layout.lines) <= len(lines) + 1


def test_touching_lines_are_separated() -> None:
    page, lines = drawn_page(range(120, 1350, 60))
    for y in range(120, 1200, 120):  # long tails down into the next line
        cv2.line(page, (300, y), (292, y + 45), 40, 2)
        cv2.line(page, (520, y), (512, y + 60), 40, 2)
    assert found(find_lines(page), lines).f1 == 1


def test_specks_and_a_stain_are_not_lines() -> None:
    page, lines = drawn_page(range(120, 700, 60))
    random = np.random.default_rng(7)
    for x, y in random.integers((0, 800), (1000, 1400), (60, 2)):
        cv2.circle(page, (int(x), int(y)), 1, 60, -1)
    assert found(find_lines(page), lines).f1 == 1


def test_the_edge_of_the_next_page_is_left_out(full: FullPage) -> None:
    page, lines, _ = full
    beside = page[:, 300:340]
    spread = np.concatenate([beside, page], axis=1)
    shifted = [[(x + 40, y) for x, y in line] for line in lines]
    match = found(find_lines(spread), shifted)
    assert (match.matched, match.found) == (len(lines), len(lines))


def test_two_columns_are_read_in_sequence() -> None:
    page = np.full((1400, 1700), 235, np.uint8)
    rows = range(150, 1300, 60)
    left = [write(page, 80, y, 4, y, 1.1) for y in rows]
    right = [write(page, 960, y + 7, 4, y + 1, 1.1) for y in rows]
    page[:, 1640:] = 235
    layout = find_lines(page)
    starts = [line.baseline[0][0] for line in layout.lines]
    assert found(layout, left + right).f1 == 1
    assert starts == sorted(starts, key=lambda x: x > 800)
    assert len(layout.regions) == 2


def test_a_table_is_read_across_its_columns_when_asked() -> None:
    page = np.full((1000, 1700), 235, np.uint8)
    rows = range(150, 900, 80)
    for y in rows:
        write(page, 80, y, 4, y, 1.1)
        write(page, 960, y + 5, 4, y + 1, 1.1)
    page[:, 1640:] = 235
    layout = find_lines(page, rows=True)
    assert layout.rows and len(layout.regions) == len(rows)
    assert [line.region for line in layout.lines] == [row for row in range(len(rows)) for _ in range(2)]
    starts = [line.baseline[0][0] > 800 for line in layout.lines]
    assert starts == [False, True] * len(rows)


def test_light_writing_on_dark_and_other_sizes(full: FullPage) -> None:
    page, lines, _ = full
    assert found(find_lines(255 - page), lines).f1 == 1
    large = cv2.resize(page, None, fx=2.6, fy=2.6, interpolation=cv2.INTER_CUBIC)
    scaled = [[(2.6 * x, 2.6 * y) for x, y in line] for line in lines]
    assert found(find_lines(large), scaled).f1 == 1


def test_pages_without_writing_have_no_lines() -> None:
    random = np.random.default_rng(8)
    empty = [
        np.full((1000, 800), 255, np.uint8),
        np.zeros((1000, 800), np.uint8),
        (235 + random.normal(0, 5, (1000, 800))).clip(0, 255).astype(np.uint8),
        np.tile(np.linspace(90, 250, 800), (1000, 1)).astype(np.uint8),
    ]
    ruled = np.full((1000, 800), 240, np.uint8)
    for y in range(50, 1000, 50):
        cv2.line(ruled, (30, y), (770, y), 130, 2)
    for page in [*empty, ruled]:
        assert find_lines(page) == Layout((), ())


def test_photographs_have_no_lines() -> None:
    pytest.importorskip("skimage", reason="its package has the photographs")
    images = {name: grey for name, grey in photographs() if "rocket" in name or "hubble" in name}
    assert len(images) == 2
    for name, grey in images.items():
        assert find_lines(grey).lines == (), name


def test_dotted_rules_of_a_form_are_lines_only_if_something_is_written_on_them() -> None:
    page = np.full((1000, 1000), 235, np.uint8)
    rows = range(100, 950, 70)
    for y in rows:
        for x in range(60, 940, 12):
            cv2.circle(page, (x, y), 2, 90, -1)
    form = cv2.GaussianBlur(page, (0, 0), 0.7)
    assert find_lines(np.asarray(form, np.uint8)).lines == ()
    starts = [write(page, 80, y - 4, 3, y)[0] for y in rows[::3]]
    for line, start in zip(find_lines(page).lines, starts, strict=True):
        assert line.baseline[0][1] == pytest.approx(start[1], abs=20)


@pytest.mark.parametrize("shape", [(1, 1), (1, 60), (60, 1), (3, 3), (20, 20), (7, 2000), (2000, 7)])
def test_tiny_and_thin_images_are_survived(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(9).integers(0, 256, shape, dtype=np.uint8)
    for page in (noise, np.full(shape, 200, np.uint8)):
        for line in find_lines(page).lines:
            x0, y0, x1, y1 = bounding_box(line.polygon)
            assert 0 <= x0 <= x1 <= shape[1] and 0 <= y0 <= y1 <= shape[0]


def test_sample_page_has_its_lines() -> None:
    layout = find_lines(to_grey(ROOT / "data" / "samples" / "page.png"))
    truth = (ROOT / "data" / "samples" / "page.txt").read_text(encoding="utf-8").splitlines()
    assert len(layout.lines) == len([line for line in truth if line.strip()])


def test_real_letters(shared: Path) -> None:
    """The clean pages of the validation set; `benchmarks/line_finding.py` shows all of them."""
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(shared / "page-geometry" / "val.parquet").to_pylist()
    total = BaselineMatch(0, 0, 0)
    for row in table:
        if "Copiste" in row["source"] or "MSS-18" in row["source"]:
            data = np.frombuffer(row["image"]["bytes"], np.uint8)
            page = np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)
            total += found(find_lines(page), [line["baseline"] for line in row["lines"]])
    assert total.reference == 90
    assert total.recall > 0.95 and total.precision > 0.9


@pytest.mark.parametrize("shape", [(1, 3_000_000), (3_000_000, 1), (3, 200_000)])
def test_strips_as_thin_as_a_hair_take_little_memory(shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def nothing(copy: GreyImage, threads: int) -> Maps:
        seen.append(copy.shape)
        empty = np.zeros((-(-copy.shape[0] // 2), -(-copy.shape[1] // 2)), np.float32)
        return Maps(empty, empty, empty, empty)

    monkeypatch.setattr("hwr.segment.mark_lines", nothing)
    assert find_lines(np.full(shape, 230, np.uint8)).lines == ()
    for height, width in seen:
        assert (height + MULTIPLE) * (width + MULTIPLE) < 8_000_000


@pytest.mark.parametrize("angle, lean", [(4.0, 0.03), (-4.0, -0.03), (0.0, 0.08)])
def test_columns_that_lean_are_read_in_sequence(angle: float, lean: float) -> None:
    page = np.full((1500, 1300), 230, np.uint8)
    columns = [[write(page, left, y, 3, left + y, 0.9) for y in range(200, 1300, 50)] for left in (180, 490, 800)]
    height, width = page.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    turn[:, :2] = turn[:, :2] @ np.array([[1.0, lean], [0.0, 1.0]])
    turn[:, 2] = np.array([width, height]) / 2 - turn[:, :2] @ (np.array([width, height]) / 2)
    turned = np.asarray(cv2.warpAffine(page, turn, (width, height), borderValue=230), np.uint8)
    true = [turn @ (*line[0], 1) for column in columns for line in column]
    starts = np.array([line.baseline[0] for line in find_lines(turned).lines])
    order = [int(np.linalg.norm(true - start, axis=1).argmin()) for start in starts]
    assert len(order) == len(true) and order == sorted(order)
