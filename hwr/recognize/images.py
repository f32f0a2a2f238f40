"""What can be read: a file, an array, a PIL image."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwr.errors import InputError
from hwr.image import MAX_PIXELS, decode_image, load_image

Grey = NDArray[np.uint8]
Source = Any
"""A path, a file's bytes, an array (grey (H, W), BGR (H, W, 3) or BGRA (H, W, 4), uint8), or a PIL image."""


def to_grey(source: Source) -> Grey:
    """The image as grey, shape (H, W), 0 black to 255 white, transparent parts on white paper.

    Raises:
        InputError: no such file, not an image, broken, empty, over 100 megapixels, an array of another kind.
    """
    if isinstance(source, str | Path):
        return load_image(Path(source))
    if isinstance(source, bytes):
        return decode_image(source, "image")
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if hasattr(source, "convert") and hasattr(source, "getexif"):
        return _from_pil(source)
    raise InputError(f"{type(source).__name__}: a path, an array or a PIL image is expected")


def name_of(source: Source) -> str:
    """What to call the image in a page: its path where it has one."""
    if isinstance(source, str | Path):
        return str(source)
    return str(getattr(source, "filename", "") or "image")


def _from_array(array: NDArray[Any]) -> Grey:
    import cv2

    if array.dtype != np.uint8:
        raise InputError(f"array of {array.dtype}: uint8 is expected")
    if array.size == 0:
        raise InputError(f"array of shape {array.shape}: the image has no pixels")
    shape: tuple[int, ...] = array.shape
    channels = {2: 1, 3: shape[-1]}.get(len(shape), 0)
    if channels == 1:
        grey = array.reshape(shape[:2])
    elif channels == 3:
        grey = np.asarray(cv2.cvtColor(np.ascontiguousarray(array), cv2.COLOR_BGR2GRAY), np.uint8)
    elif channels == 4:
        plain = cv2.cvtColor(np.ascontiguousarray(array), cv2.COLOR_BGRA2GRAY).astype(np.float32)
        opaque = array[:, :, 3].astype(np.float32) / 255
        grey = np.round(plain * opaque + 255 * (1 - opaque)).astype(np.uint8)
    else:
        raise InputError(f"array of shape {array.shape}: (H, W), (H, W, 3) BGR or (H, W, 4) BGRA is expected")
    _check_size(grey.shape[1], grey.shape[0])
    return np.ascontiguousarray(grey)


def _from_pil(image: Any) -> Grey:
    from PIL import Image, ImageOps

    if image.width == 0 or image.height == 0:
        raise InputError("image: it has no pixels")
    _check_size(image.width, image.height)
    image = ImageOps.exif_transpose(image)
    if "A" in image.mode or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (255, 255, 255, 255)), image)
    return np.ascontiguousarray(image.convert("L"), dtype=np.uint8)


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise InputError(f"image: {width} x {height} pixels are more than {MAX_PIXELS // 1_000_000} megapixels")
