"""Pages of PDFs have the pixels of their scans, are upright, and bounded; what cannot be read is one line."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.pdf_files import A4, PDF_WITHOUT_PAGES, scan_pdf, text_pdf, without_page
from hwr.errors import InputError
from hwr.files.documents import open_document, open_pages
from hwr.files.pdf import MAX_SIDE
from hwr.files.pixels import PageImage

SCAN = Image.open(Path(__file__).parent.parent.parent / "data" / "samples" / "page.png").convert("L")


def first(data: bytes, colour: bool = False, password: str | None = None) -> PageImage:
    with open_document(data, "x.pdf", password) as document:
        return document.page(1, colour)


@pytest.mark.parametrize("strips", [1, 5])
def test_a_scan_keeps_its_pixels(strips: int) -> None:
    page = first(scan_pdf([SCAN], (SCAN.width * 72 / 200, SCAN.height * 72 / 200), strips=strips))
    assert page.pixels.shape == (SCAN.height, SCAN.width)
    assert page.dpi == pytest.approx(200, rel=0.001)
    assert np.abs(page.pixels.astype(int) - np.asarray(SCAN)).mean() < 0.5


def test_a_rotated_page_is_upright() -> None:
    size = SCAN.height * 72 / 200, SCAN.width * 72 / 200
    page = first(scan_pdf([SCAN.transpose(Image.Transpose.ROTATE_90)], size, rotation=90))
    assert page.pixels.shape == (SCAN.height, SCAN.width)
    assert np.abs(page.pixels.astype(int) - np.asarray(SCAN)).mean() < 1


def test_what_is_not_a_scan_is_drawn_at_300_dpi() -> None:
    for stamp in (None, SCAN):
        page = first(text_pdf(["letters"], stamp=stamp))
        assert page.dpi == pytest.approx(300) and page.name == "x.pdf"
        assert page.pixels.shape == (-(-A4[1] * 300 // 72), -(-A4[0] * 300 // 72))
        assert page.pixels.min() < 60 and page.pixels[0, 0] == 255


def test_colours_where_they_are_asked_for() -> None:
    red = Image.new("RGB", (400, 600), (200, 30, 10))
    data = scan_pdf([red])
    assert first(data).pixels.ndim == 2
    np.testing.assert_array_equal(first(data, colour=True).pixels[300, 200], (10, 30, 200))


def test_the_longer_side_is_bounded_and_small_scans_are_not_drawn_too_small() -> None:
    large = Image.new("1", (9000, 3000), 1)
    page = first(scan_pdf([large], (900, 300)))
    assert page.pixels.shape == (MAX_SIDE // 3, MAX_SIDE) and page.dpi == pytest.approx(480, rel=0.001)
    assert max(first(text_pdf(["x"], (14_400, 100))).pixels.shape) == MAX_SIDE
    assert first(scan_pdf([Image.new("L", (30, 40))])).dpi == 100


def test_pages_come_with_numbers() -> None:
    pages = list(open_pages(text_pdf(["one", "", "three"])))
    assert [page.name for page in pages if isinstance(page, PageImage)] == ["image#1", "image#2", "image#3"]
    assert [page.pixels.min() < 128 for page in pages if isinstance(page, PageImage)] == [True, False, True]


def test_encrypted() -> None:
    data = text_pdf(["secret"], password="open sesame")
    with pytest.raises(InputError, match=r"^x\.pdf: the PDF is encrypted; --password gives its password$"):
        first(data)
    with pytest.raises(InputError, match="wrong password"):
        first(data, password="open wheat")
    assert first(data, password="open sesame").pixels.min() < 128


def test_broken_and_empty() -> None:
    data = text_pdf(["text"])
    for broken in (data[:30], b"%PDF-1.4\n" + bytes(5000), data.replace(b"obj", b"xyz"), PDF_WITHOUT_PAGES):
        with pytest.raises(InputError, match=r"^x\.pdf: the PDF is broken, truncated or has no pages$"):
            first(broken)


def test_a_broken_page_does_not_hide_the_others() -> None:
    pages = list(open_pages(without_page(text_pdf(["one", "two", "three"]), 2)))
    assert [isinstance(page, PageImage) for page in pages] == [True, False, True]
    assert str(pages[1]).startswith("image#2: the page is broken")
