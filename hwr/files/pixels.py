"""Pixels of arrays and PIL images; the image of one page."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwr.errors import InputError
from hwr.files.images import BROKEN, ORIENTATION, GreyImage, Pixels, check_size, paper_under, to_pixels, turn_upright
from hwr.text import decode_name

Source = Any
"""A path (str or Path) or the bytes of an image file or PDF; an array, grey (H, W), BGR (H, W, 3) or BGRA (H, W, 4), of
uint8, uint16 or bool; a PIL image; a `PageImage`."""


@dataclass(frozen=True)
class PageImage:
    """The image of one page.

    Attributes:
        name: name of the page: the path of its file, followed by `#3` in a document of several pages.
        number: number of the page in its document, counted from 1.
        count: number of pages of the document.
        pixels: upright; grey, shape (H, W), or blue, green, red, shape (H, W, 3).
        dpi: pixels per inch, if known.
    """

    name: str
    number: int
    count: int
    pixels: Pixels
    dpi: float | None = None


def grey_of(pixels: Pixels) -> GreyImage:
    """Convert grey or BGR pixels to grey."""
    import cv2

    return pixels if pixels.ndim == 2 else np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), np.uint8)


def name_of(source: Source) -> str:
    """Return the name of the image: its path if it has one."""
    if isinstance(source, str | Path):
        return decode_name(str(source))
    if isinstance(source, PageImage):
        return source.name
    return str(getattr(source, "filename", "") or "image")


def is_pil(source: Source) -> bool:
    """Return whether it is an image of Pillow, without importing Pillow."""
    return hasattr(source, "convert") and hasattr(source, "getexif")


def pixels_of(source: Source, colour: bool) -> Pixels:
    """Return the pixels of an array or a PIL image.

    Raises:
        InputError: it is something else, has no pixels or too many.
    """
    if isinstance(source, np.ndarray):
        pixels = _from_array(source)
        return pixels if colour else np.ascontiguousarray(grey_of(pixels))
    if is_pil(source):
        check_size(source.width, source.height, name_of(source))
        try:
            source.load()
            return turn_upright(to_pixels(source, colour), source.getexif().get(ORIENTATION, 1))
        except BROKEN as error:
            raise InputError(f"{name_of(source)}: the image is broken or truncated ({error})") from None
    advice = "; pass what its read() returns" if hasattr(source, "read") else ""
    raise InputError(f"expected a path, bytes, an array or a PIL image, not {type(source).__name__}{advice}")


def _from_array(array: NDArray[Any]) -> Pixels:
    """Convert an array to 8 bits, grey or BGR."""
    shape: tuple[int, ...] = array.shape
    channels = {2: 1, 3: shape[-1] if shape else 0}.get(len(shape), 0)
    if channels not in (1, 3, 4):
        raise InputError(f"array of shape {shape}: expected (H, W), (H, W, 3) BGR or (H, W, 4) BGRA")
    check_size(shape[1], shape[0], "image")
    eight = np.ascontiguousarray(_eight_bits(array))
    if channels == 1:
        return eight.reshape(shape[:2])
    if channels == 3:
        return eight
    opaque = eight[:, :, 3:].astype(np.float32) / 255
    paper = paper_under(eight[:, :, 1], eight[:, :, 3])
    return np.round(eight[:, :, :3] * opaque + paper * (1 - opaque)).astype(np.uint8)


def _eight_bits(array: NDArray[Any]) -> NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return np.asarray(array, np.uint8)
    if array.dtype == np.uint16:
        return (array // 257).astype(np.uint8)
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    raise InputError(f"array of {array.dtype}: expected uint8, uint16 or bool; scale it to 0 (black) to 255 (white)")
