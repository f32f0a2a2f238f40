"""Documents of one and of many pages, from files, bytes, streams and memory."""

import io
import os
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from helpers.pdf_files import text_pdf
from hwr.errors import InputError, UsageError
from hwr.files import documents
from hwr.files.documents import choose_pages, describe_absent_pages, open_document, open_pages, parse_pages
from hwr.files.pixels import PageImage

PAGES = [Image.new("L", (20 + number, 10), 60 * number) for number in range(4)]


def tiff(**options: object) -> bytes:
    first, *others = (page.copy() for page in PAGES)  # saving leaves settings of the format in an image
    buffer = io.BytesIO()
    first.save(buffer, "TIFF", save_all=True, append_images=others, **options)
    return buffer.getvalue()


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "book.tif"
    path.write_bytes(tiff(dpi=(300, 300)))
    return path


def test_pages_of_a_tiff_have_numbers_and_names(book: Path) -> None:
    pages = [page for page in open_pages(book) if isinstance(page, PageImage)]
    assert [(page.name, page.number, page.count, page.dpi) for page in pages] == [
        (f"{book}#{number}", number, 4, 300) for number in (1, 2, 3, 4)
    ]
    for page, image in zip(pages, PAGES, strict=True):
        np.testing.assert_array_equal(page.pixels, np.asarray(image))


def test_pages_can_be_asked_for_in_any_order(book: Path) -> None:
    with open_document(book) as document:
        assert (document.name, document.count) == (str(book), 4)
        for number in (3, 1, 4, 3):
            np.testing.assert_array_equal(document.page(number).pixels, np.asarray(PAGES[number - 1]))


def test_a_document_of_one_page_has_no_number(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    PAGES[1].save(path)
    (page,) = open_pages(path)
    assert isinstance(page, PageImage) and (page.name, page.number, page.count) == (str(path), 1, 1)


def test_bytes_arrays_and_pil_images_are_documents(book: Path) -> None:
    with open_document(book.read_bytes(), name="mine") as document:
        assert (document.count, document.page(2).name) == (4, "mine#2")
    colour = np.dstack([np.asarray(PAGES[2])] * 3)
    for source in (np.asarray(PAGES[2]), colour, PAGES[2]):
        (page,) = open_pages(source)
        assert isinstance(page, PageImage)
        np.testing.assert_array_equal(page.pixels, np.asarray(PAGES[2]))
    with open_document(colour) as document:
        assert document.page(1, colour=True).pixels.shape == (10, 22, 3)


def test_a_broken_page_does_not_hide_the_others(book: Path) -> None:
    noise = [Image.fromarray(np.random.default_rng(n).integers(0, 256, (40, 50), np.uint8)) for n in range(3)]
    buffer = io.BytesIO()
    noise[0].save(buffer, "TIFF", save_all=True, append_images=noise[1:], compression="tiff_adobe_deflate")
    data = bytearray(buffer.getvalue())
    with Image.open(buffer) as image:
        image.seek(1)
        place = image.tag_v2[273][0]  # where its pixels begin
    data[place : place + 400] = bytes(400)
    first, second, third = open_pages(bytes(data))
    assert isinstance(first, PageImage) and isinstance(third, PageImage)
    np.testing.assert_array_equal(third.pixels, np.asarray(noise[2]))
    assert isinstance(second, InputError) and str(second).startswith("image#2: the image is broken or truncated")


def test_the_standard_input(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(book.read_bytes()), isatty=lambda: False))
    assert [page.name for page in open_pages(Path("-")) if isinstance(page, PageImage)] == [
        f"stdin#{number}" for number in (1, 2, 3, 4)
    ]
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(), isatty=lambda: False))
    with pytest.raises(InputError, match="stdin: the file is empty"):
        list(open_pages("-"))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    with pytest.raises(UsageError, match="pipe a file into it"):
        list(open_pages("-"))
    monkeypatch.setattr(documents, "STREAM_LIMIT", 100)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(bytes(101)), isatty=lambda: False))
    with pytest.raises(InputError, match="more than 0 MiB on standard input"):
        list(open_pages("-"))


def test_a_named_pipe(book: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    data = book.read_bytes()
    writer = threading.Thread(target=lambda: pipe.write_bytes(data), daemon=True)
    writer.start()
    assert len(list(open_pages(pipe))) == 4
    writer.join(5)


def test_what_a_file_is_shows_in_its_bytes_not_in_its_name(tmp_path: Path) -> None:
    named_png, named_pdf = tmp_path / "really a pdf.png", tmp_path / "really a png.pdf"
    named_png.write_bytes(text_pdf(["one", "two"]))
    PAGES[0].save(named_pdf, "PNG")
    assert len(list(open_pages(named_png))) == 2 and len(list(open_pages(named_pdf))) == 1


@pytest.mark.parametrize(
    ("data", "words"), [(b"", "empty"), (b"hello", "not an image"), (b"%PDF-1.7\nrest is missing", "PDF is broken")]
)
def test_what_is_neither(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(data)
    for source, name in ((path, str(path)), (data, "image")):
        with pytest.raises(InputError, match=words) as caught:
            list(open_pages(source))
        assert str(caught.value).startswith(f"{name}: ") and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "chosen"),
    [("1", [1]), ("1-3,7", [1, 2, 3, 7]), ("7, 2-3", [2, 3, 7]), ("6-", [6, 7]), ("5-99", [5, 6, 7]), ("2,2-2", [2])],
)
def test_page_numbers(text: str, chosen: list[int]) -> None:
    document = SimpleNamespace(name="book.pdf", count=7)
    assert choose_pages(parse_pages(text), document) == chosen  # type: ignore[arg-type]
    assert choose_pages((), document) == list(range(1, 8))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["", "0", "a", "3-1", "1,,2", "-3", "1-2-3", "1.5", "²", "0-4", "1" * 10, "1-" + "9" * 5000]
)
def test_what_are_not_page_numbers(text: str) -> None:
    with pytest.raises(UsageError, match="--pages"):
        parse_pages(text)


def test_no_page_of_those_that_are_wanted() -> None:
    with pytest.raises(InputError, match=r"a\.png: has 1 page, and none of those named by --pages"):
        choose_pages(parse_pages("2-4"), SimpleNamespace(name="a.png", count=1))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "absent"), [("1,8", "8"), ("7-9", ""), ("1-3,8-9,12", "8-9, 12"), ("1,9-", "9-"), ("2-", "")]
)
def test_pages_that_a_document_lacks_are_named(text: str, absent: str) -> None:
    document = SimpleNamespace(name="book.pdf", count=7)
    message = f"book.pdf: has 7 pages; --pages also names {absent}" if absent else ""
    assert describe_absent_pages(parse_pages(text), document) == message  # type: ignore[arg-type]
