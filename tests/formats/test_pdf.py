"""Searchable PDF: pdfium and poppler find the words, in order and in their places."""

import ctypes
import html
import math
import os
import re
import shutil
import subprocess
import unicodedata
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from helpers.written_pages import EMPTY, ODD, RICH, rectangle
from hwr.formats import find_format, to_bytes
from hwr.formats.pdf import points_per_pixel, to_jpeg
from hwr.page.page import Line, Page, Word

pdfium = pytest.importorskip("pypdfium2")

PDF = find_format("pdf")
PIXELS = np.full((RICH.height, RICH.width), 230, np.uint8)
WORDS = [word for line in RICH.lines for word in line.words]


def document(page: Page, pixels: np.ndarray, dpi: float | None = None):  # type: ignore[no-untyped-def]
    return pdfium.PdfDocument(to_bytes(PDF, page, pixels, dpi))


def poppler(data: bytes, folder: Path, *options: str) -> str:
    """The text that pdftotext finds in the file."""
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext (poppler-utils) is not installed")
    (folder / "a.pdf").write_bytes(data)
    command = ["pdftotext", *options, "-enc", "UTF-8", str(folder / "a.pdf"), "-"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    assert done.stderr == b""
    return done.stdout.decode()


def boxes(data: bytes, folder: Path) -> list[tuple[str, list[float]]]:
    """Words and boxes x0, y0, x1, y1 in pixels of a page of 72 dpi, as pdftotext finds them."""
    words = re.findall(r'<word xMin="(.+?)" yMin="(.+?)" xMax="(.+?)" yMax="(.+?)">(.*?)</word>',
                       poppler(data, folder, "-bbox"))  # fmt: skip
    return [(html.unescape(text), [float(value) for value in box]) for *box, text in words]


def test_poppler_finds_the_words_in_order(tmp_path: Path) -> None:
    text = poppler(to_bytes(PDF, RICH, PIXELS), tmp_path, "-raw")
    assert text.split() == [word for line in RICH.lines for word in line.text.split()]
    assert text.splitlines()[0] == "Dear <friends> & “co”"


def test_poppler_finds_them_in_their_places(tmp_path: Path) -> None:
    found = dict(boxes(to_bytes(PDF, RICH, PIXELS, 72.0), tmp_path))
    for word in RICH.lines[0].words:
        x0, y0, x1, y1 = found[word.text]
        assert (x0, x1) == pytest.approx((word.box[0], word.box[2]), abs=0.5)
        assert y0 == pytest.approx(50, abs=1) and y1 > 100, "from the top of the line to below the baseline"


def test_a_dash_is_not_smaller_writing(tmp_path: Path) -> None:
    words = (
        Word("one", 1.0, (100.0, 60.0, 190.0, 100.0)),
        Word("—", 1.0, (210.0, 80.0, 260.0, 82.0)),
        Word("two", 1.0, (280.0, 60.0, 380.0, 100.0)),
    )
    line = Line("l", "r", "default", "one — two", 1.0, ((100.0, 100.0), (380.0, 100.0)),
                rectangle(100, 60, 380, 110), words)  # fmt: skip
    page = replace(RICH, lines=(line,))
    found = boxes(to_bytes(PDF, page, PIXELS, 72.0), tmp_path)
    assert [text for text, _ in found] == ["one", "—", "two"]
    for _, (_, y0, _, y1) in found:
        assert (y0, y1) == pytest.approx((60, 60 + 40 / 0.75), abs=1)


def origins(page) -> list[tuple[str, float, float]]:  # type: ignore[no-untyped-def]
    """Each character with the point on which it stands, from the upper left corner, as pdfium has it."""
    raw, text = pdfium.raw, page.get_textpage()
    found = []
    for index in range(text.count_chars()):
        x, y = ctypes.c_double(), ctypes.c_double()
        if raw.FPDFText_GetCharOrigin(text, index, x, y) and not raw.FPDFText_IsGenerated(text, index):
            character = chr(raw.FPDFText_GetUnicode(text, index))
            found.append((character, x.value, page.get_height() - y.value))
    return found


@pytest.mark.parametrize("degrees", [0, 4, -7, 30, 90, -90, 180])
def test_words_are_on_slanted_baselines(degrees: float) -> None:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))

    def turn(x: float, y: float) -> tuple[float, float]:
        return 400 + c * (x - 400) - s * (y - 300), 300 + s * (x - 400) + c * (y - 300)

    spans = [("first", 250.0, 330.0), ("—", 350.0, 380.0), ("last", 400.0, 500.0)]
    along = 0 if abs(c) > abs(s) else 1
    words = []
    for text, start, end in spans:
        low, high = sorted((turn(start, 300), turn(end, 300)), key=lambda point: point[along])
        box = [low[0], low[1] - 5, high[0], high[1] + 5] if along == 0 else [low[0] - 5, low[1], high[0] + 5, high[1]]
        words.append(Word(text, 1.0, (box[0], box[1], box[2], box[3])))
    outline = tuple(turn(x, y) for x, y in rectangle(240, 270, 510, 310))
    line = Line("l", "r", "default", "first — last", 1.0, (turn(240, 300), turn(510, 300)), outline, tuple(words))
    page = document(replace(RICH, lines=(line,)), PIXELS, 72.0)[0]
    found = origins(page)
    expected = []
    for text, start, end in spans:
        step = (end - start) / len(text)
        expected += [(character, *turn(start + k * step, 300)) for k, character in enumerate(text)]
    letters = [entry for entry in found if entry[0] != " "]
    if degrees == 180:  # pdfium turns lines over that stand on their heads
        letters, expected = sorted(letters), sorted(expected)
    assert [character for character, *_ in letters] == [character for character, *_ in expected]
    for (_, x, y), (_, true_x, true_y) in zip(letters, expected, strict=True):
        assert (x, y) == pytest.approx((true_x, true_y), abs=0.1)


def directions(page) -> list[tuple[str, float]]:  # type: ignore[no-untyped-def]
    """Each character with the angle of its baseline in degrees, upwards positive."""
    raw, text, found = pdfium.raw, page.get_textpage(), []
    for index in range(text.count_chars()):
        matrix = raw.FS_MATRIX()
        if raw.FPDFText_GetMatrix(text, index, matrix) and not raw.FPDFText_IsGenerated(text, index):
            character = chr(raw.FPDFText_GetUnicode(text, index))
            found.append((character, math.degrees(math.atan2(matrix.b, matrix.a))))
    return found


@pytest.mark.parametrize("gap", [12.0, 1.0, 0.0, -6.0])
def test_words_that_touch_come_out_apart_and_in_order(gap: float, tmp_path: Path) -> None:
    texts = ["Jean", "Schorn,", "appelé", "le", "Jeune,", "né"]
    words, x = [], 60.0
    for text in texts:
        words.append(Word(text, 1.0, (x, 62.0, x + 16 * len(text), 105.0)))
        x += 16 * len(text) + gap
    line = Line("l", "r", "default", " ".join(texts), 1.0, ((60.0, 100.0), (x, 100.0)), rectangle(60, 60, x, 110),
                tuple(words))  # fmt: skip
    data = to_bytes(PDF, replace(RICH, lines=(line, RICH.lines[2])), PIXELS, 100.0)
    expected = [*texts, "nota", "bene"]
    assert pdfium.PdfDocument(data)[0].get_textpage().get_text_range().split() == expected
    assert poppler(data, tmp_path, "-raw").split() == expected
    assert [text for text, _ in boxes(data, tmp_path)] == expected


def test_lines_that_fall_to_the_height_of_the_next_stay_apart(tmp_path: Path) -> None:
    texts = ["one two three four", "five six seven eight", "nine ten eleven twelve"]
    lines = []
    for number, text in enumerate(texts):
        spans, x = [], 60.0
        for word in text.split():
            start = 160 + 60 * number + 0.12 * (x - 60)
            spans.append(Word(word, 1.0, (x, start - 40, x + 20 * len(word), start + 15)))
            x += 150
        left, right = (60.0, 160.0 + 60 * number), (640.0, 229.6 + 60 * number)
        outline = ((60.0, left[1] - 40), (640.0, right[1] - 40), (640.0, right[1] + 10), (60.0, left[1] + 10))
        lines.append(Line(f"l{number}", "r", "default", text, 1.0, (left, right), outline, tuple(spans)))
    data = to_bytes(PDF, replace(RICH, lines=tuple(lines)), PIXELS, 100.0)
    expected = " ".join(texts).split()
    assert pdfium.PdfDocument(data)[0].get_textpage().get_text_range().split() == expected
    assert poppler(data, tmp_path, "-raw").split() == expected


def test_an_uneven_baseline_makes_one_line_and_a_bent_one_bends() -> None:
    uneven = ((100.0, 100.0), (200.0, 103.0), (300.0, 100.0), (400.0, 98.0), (500.0, 100.0))
    bent = ((100.0, 100.0), (300.0, 100.0), (500.0, 140.0))
    for baseline, expected in ((uneven, {0.0}), (bent, {0.0, -11.3})):
        words = (Word("ab", 1.0, (110.0, 70.0, 190.0, 110.0)), Word("cd", 1.0, (410.0, 70.0, 490.0, 140.0)))
        outline = rectangle(100, 60, 500, 150)
        line = Line("l", "r", "default", "ab cd", 1.0, baseline, outline, words)
        page = document(replace(RICH, lines=(line,)), PIXELS, 72.0)[0]
        angles = {round(angle, 1) + 0.0 for character, angle in directions(page) if character != " "}
        assert angles == expected if baseline is bent else len(angles) == 1 and abs(angles.pop()) < 1


def test_any_character_can_be_copied() -> None:
    found = document(RICH, PIXELS)[0].get_textpage().get_text_range()
    assert found.split() == [word for line in RICH.lines for word in line.text.split()]
    assert "".join(character for character, *_ in origins(document(RICH, PIXELS)[0])).startswith("Dear <friends> &")


def test_the_page_is_what_one_sees() -> None:
    for shape in ((600, 800), (600, 800, 3)):
        pixels = np.full(shape, 230, np.uint8)
        pixels[100:140, 60:300] = 20
        if len(shape) == 3:
            pixels[300:400, 500:600] = (200, 40, 40)
        seen = document(RICH, pixels, 72.0)[0].render(scale=1).to_numpy()
        wanted = pixels if pixels.ndim == 3 else np.repeat(pixels[:, :, None], 3, axis=2)
        assert seen.shape[:2] == shape[:2]
        difference = np.abs(seen[:, :, :3].astype(int) - wanted)
        assert np.median(difference) <= 1 and difference.mean() < 1.5


def test_nothing_is_drawn_even_where_invisible_text_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = document(replace(RICH, lines=()), PIXELS)[0].render(scale=3).to_numpy()
    monkeypatch.setattr("hwr.formats.pdf.INVISIBLE", pdfium.raw.FPDF_TEXTRENDERMODE_FILL)
    assert (document(RICH, PIXELS)[0].render(scale=3).to_numpy() == plain).all()


@pytest.mark.parametrize(
    ("dpi", "inches"),
    [
        (None, 800 / 150),
        (300.0, 800 / 300),
        (72.0, 800 / 72),
        (0.0, 800 / 150),
        (math.nan, 800 / 150),
        (1.0, 800 / 150),
    ],
)
def test_the_size_of_the_paper(dpi: float | None, inches: float) -> None:
    width, height = document(RICH, PIXELS, dpi)[0].get_size()
    assert (width, height) == pytest.approx((72 * inches, 54 * inches), rel=1e-3)


def test_no_page_is_too_large_for_readers() -> None:
    assert points_per_pixel(60000, 200, 150.0) * 60000 == 14400
    long = np.full((4, 70000), 255, np.uint8)
    page = document(replace(EMPTY, width=70000, height=4), long)[0]
    assert page.get_size()[0] == pytest.approx(14400), "too long for JPEG"
    assert page.render(scale=0.1).to_numpy().min() == 255


def test_documents_of_several_pages(tmp_path: Path) -> None:
    with (tmp_path / "a.pdf").open("wb") as file:
        writer = PDF.open(file)
        for number in (1, 2, 3):
            name = f"folder/book.pdf#{number}"
            page = replace(RICH, lines=RICH.lines[number - 1 : number]) if number != 2 else EMPTY
            writer.add(replace(page, image=name, model="small"), PIXELS if number != 2 else PIXELS[:20, :30], 100.0)
        writer.close()
    opened = pdfium.PdfDocument(tmp_path / "a.pdf")
    assert [opened[k].get_textpage().get_text_range().split() for k in range(3)] == [
        RICH.lines[0].text.split(),
        [],
        RICH.lines[2].text.split(),
    ]
    assert opened[1].get_size() == pytest.approx((30 * 0.72, 20 * 0.72), abs=0.01)
    facts = opened.get_metadata_dict()
    assert facts["Title"] == "book.pdf" and re.fullmatch(r"hwr \S+, model small", facts["Creator"])


def test_the_document_states_its_language() -> None:
    data = to_bytes(PDF, replace(RICH, language="fr"), PIXELS)
    language = (ctypes.c_ushort * 10)()
    pdfium.raw.FPDFCatalog_GetLanguage(pdfium.PdfDocument(data), language, ctypes.sizeof(language))
    assert bytes(language).decode("utf-16-le").rstrip("\0") == "fr"
    assert b"/Lang" not in to_bytes(PDF, RICH, PIXELS)


def resident() -> int:
    """Bytes of memory that this process holds."""
    pages = Path("/proc/self/statm")
    if not pages.exists():
        pytest.skip("no /proc/self/statm")
    return int(pages.read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def test_memory_does_not_grow_with_the_images(tmp_path: Path) -> None:
    noise = np.random.default_rng(5).integers(0, 256, (1600, 2000), np.uint8)
    with (tmp_path / "a.pdf").open("wb") as file:
        writer = PDF.open(file)
        writer.add(RICH, noise, None)
        before = resident()
        for _ in range(20):
            writer.add(RICH, noise, None)
        added = resident()
        writer.close()
        written = resident()
    size = (tmp_path / "a.pdf").stat().st_size
    assert size > 40_000_000 and added - before < 8_000_000 and written - before < 16_000_000


def test_a_font_serves_until_a_page_has_more_characters(tmp_path: Path) -> None:
    texts, file = ["ab", "ba", "abc", "𝔘c", "b"], BytesIO()
    writer = PDF.open(file)
    for text in texts:
        line = replace(RICH.lines[0], text=text, words=())
        writer.add(replace(RICH, lines=(line,)), PIXELS, 72.0)
    writer.close()
    opened = pdfium.PdfDocument(file.getvalue())
    assert [opened[k].get_textpage().get_text_range() for k in range(len(texts))] == texts
    assert poppler(file.getvalue(), tmp_path, "-raw").split() == texts
    assert file.getvalue().count(b"/FontFile2") == 3


def test_scripts_of_all_kinds_can_be_copied(tmp_path: Path) -> None:
    text = "e\u0301t\u00e9 \U0001d518\U0001f600 \u6f22\u5b57 \u0928\u092e\u0938\u094d\u0924\u0947 \u0416 a\u0304\u0301"
    line = replace(RICH.lines[0], text=text, words=())
    data = to_bytes(PDF, replace(RICH, lines=(line,)), PIXELS, 72.0)
    found = poppler(data, tmp_path, "-raw"), pdfium.PdfDocument(data)[0].get_textpage().get_text_range()
    for copied in found:
        assert unicodedata.normalize("NFC", copied.strip()) == unicodedata.normalize("NFC", text)


def test_qpdf_finds_no_fault(tmp_path: Path) -> None:
    if shutil.which("qpdf") is None:
        pytest.skip("qpdf is not installed")
    for page in (RICH, ODD, EMPTY):
        pixels = np.full((page.height, page.width), 255, np.uint8)
        (tmp_path / "a.pdf").write_bytes(to_bytes(PDF, page, pixels))
        done = subprocess.run(
            ["qpdf", "--check", tmp_path / "a.pdf"], check=False, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_jpeg_is_kept_as_it_is() -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (60, 80, 3), np.uint8)
    assert to_jpeg(RICH, pixels) in to_bytes(PDF, replace(RICH, lines=()), pixels)


def test_a_full_disk_is_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full")
    with full.open("wb", buffering=0) as file:
        writer = PDF.open(file)
        writer.add(RICH, PIXELS, None)
        with pytest.raises(OSError, match="No space left"):
            writer.close()
    assert capfd.readouterr() == ("", "")


def test_the_same_page_gives_the_same_file_but_for_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    first, second = (to_bytes(PDF, RICH, PIXELS) for _ in range(2))
    assert re.sub(rb"/ID\[.*?\]", b"", first) == re.sub(rb"/ID\[.*?\]", b"", second)
    assert pdfium.PdfDocument(first).get_metadata_dict()["CreationDate"] == "D:19700102000000Z"


def test_without_pages() -> None:
    file = BytesIO()
    PDF.open(file).close()
    assert file.getvalue().startswith(b"%PDF-1.7")


def test_every_odd_page_makes_a_good_file(tmp_path: Path) -> None:
    text = poppler(to_bytes(PDF, ODD, np.zeros((50, 100), np.uint8)), tmp_path, "-raw")
    assert "]]>" in text and "z" in text
    assert poppler(to_bytes(PDF, EMPTY, PIXELS[:20, :30]), tmp_path).strip() == ""
