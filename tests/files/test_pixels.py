"""Every kind of source gives the same grey image."""

import io
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from hwr.errors import InputError
from hwr.files.documents import page_of, to_grey
from hwr.files.pixels import PageImage, name_of

PAGE = np.random.default_rng(10).integers(0, 256, (20, 30), dtype=np.uint8)


def test_path_bytes_array_and_pil_are_one(tmp_path: Path) -> None:
    path = tmp_path / "page.png"
    Image.fromarray(PAGE).save(path)
    for source in (path, str(path), path.read_bytes(), PAGE, PAGE[:, :, None], Image.open(path)):
        assert np.array_equal(to_grey(source), PAGE)
    assert name_of(path) == str(path) == name_of(Image.open(path))
    assert name_of(PAGE) == "image"


def test_colour_arrays_are_bgr() -> None:
    colour = np.random.default_rng(11).integers(0, 256, (8, 9, 3), dtype=np.uint8)
    as_pil = Image.fromarray(cv2.cvtColor(colour, cv2.COLOR_BGR2RGB))
    assert np.abs(to_grey(colour).astype(int) - to_grey(as_pil)).max() <= 1


def test_transparent_is_paper() -> None:
    clear = np.zeros((5, 6, 4), np.uint8)
    assert (to_grey(clear) == 255).all()
    assert (to_grey(Image.fromarray(clear, "RGBA")) == 255).all()
    clear[:, :, 3] = 255
    assert (to_grey(clear) == 0).all()


def test_pil_images_are_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    buffer = io.BytesIO()
    Image.fromarray(PAGE).save(buffer, "PNG", exif=exif)
    assert to_grey(Image.open(buffer)).shape == (30, 20) == to_grey(buffer.getvalue()).shape


def test_16_bits_and_booleans() -> None:
    assert np.array_equal(to_grey(PAGE.astype(np.uint16) * 257), PAGE)
    assert np.array_equal(to_grey(PAGE > 100), (PAGE > 100) * np.uint8(255))


def test_a_page_of_a_document_is_taken_as_it_is() -> None:
    page = PageImage("book.pdf#3", 3, 7, np.dstack([PAGE] * 3), 300)
    assert page_of(page) is page and name_of(page) == "book.pdf#3"
    assert np.array_equal(to_grey(page), PAGE)


def test_a_broken_pil_image_is_named(tmp_path: Path) -> None:
    path = tmp_path / "half.png"
    Image.fromarray(PAGE).save(path)
    path.write_bytes(path.read_bytes()[:-200])
    with Image.open(path) as image, pytest.raises(InputError, match=r"half\.png: the image is broken or truncated"):
        to_grey(image)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (np.zeros((4, 5), np.float32), "uint8"),
        (np.zeros((0, 5), np.uint8), "no pixels"),
        (np.zeros((4, 5, 2), np.uint8), "expected"),
        (np.zeros((4,), np.uint8), "expected"),
        (np.broadcast_to(np.uint8(0), (25001, 20000)), "megapixels"),
        (b"", "empty"),
        (17, "not int$"),
        (BytesIO(b"x"), r"not BytesIO; pass what its read\(\) returns$"),
    ],
)
def test_what_cannot_be_read_is_named(source: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        to_grey(source)
