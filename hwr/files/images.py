"""Image files -> pixels: upright, 8 bits, transparent parts on white paper, in bounded memory.

Pillow opens the files. Images above `LEAN_PIXELS` are decoded by OpenCV as grey alone, row by row: Pillow would hold
them in full colour at four bytes a pixel.
"""

import codecs
import io
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

from hwr.errors import InputError, MissingDependency
from hwr.files.tree import check_regular

if TYPE_CHECKING:
    from PIL.Image import Image

GreyImage = NDArray[np.uint8]
"""Shape (H, W), 0 black to 255 white."""
Pixels = NDArray[np.uint8]
"""Grey, shape (H, W), 0 black to 255 white; or blue, green, red, shape (H, W, 3)."""

MAX_PIXELS = 500_000_000
"""Maximum number of pixels; larger images would need more than 1.5 GiB."""
LEAN_PIXELS = 100_000_000
"""Larger images are decoded as grey, by OpenCV."""
LEAN_FORMATS = frozenset({"JPEG", "MPO", "PNG", "TIFF", "WEBP"})
"""Formats that OpenCV decodes with about one byte of memory per pixel."""
LEAN_COLOUR_PNG = 180_000_000
"""Maximum pixels of colour or 16-bit PNG, which OpenCV decodes with five bytes per pixel."""
BAND_PIXELS = 4_000_000
"""Number of pixels that are converted at once."""
SAMPLE_SIDE, WHITE_WRITING = 512, 200
"""Maximum side of the copy of an image from which the paper under its transparent parts is chosen, and the minimum mean
grey level of white writing."""
ORIENTATION = 0x0112
"""EXIF tag that states how to turn the image."""
LOST_FRAME = -1
REDUCED = 0xFE
"""TIFF tag whose first bit marks a smaller copy of another image in the file (NewSubfileType)."""
HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})

# Exceptions that Pillow's decoders raise on broken bytes.
BROKEN = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    TypeError,
    LookupError,
    ArithmeticError,
    RuntimeError,  # AVIF; NotImplementedError of DDS and BLP
    AssertionError,
    AttributeError,
    struct.error,
    zlib.error,
)
_TEXT_KINDS = {b"<": "XML", b"{": "JSON"}
_IMAGE_MARKS = (b"\x89PNG", b"\xff\xd8", b"II*\0", b"MM\0*", b"GIF8", b"RIFF", b"\0\0\0\x0cjP", b"\0\0\0\x0cJXL")
"""Beginnings of images, which are broken if Pillow does not open them."""
_ARCHIVE_MARKS = (b"PK\x03\x04", b"PK\x05\x06", b"7z\xbc\xaf", b"Rar!", b"\x1f\x8b", b"\xfd7zXZ", b"BZh", b"(\xb5/\xfd")
"""Beginnings of zips, 7z, RAR, gzip, xz, bzip2 and Zstandard."""
_limit = threading.Lock()


def decode_image(data: bytes, where: str) -> GreyImage:
    """Decode an image file's bytes to grey, shape (H, W), 0 black to 255 white.

    EXIF orientation is applied; transparent parts become white paper; 16 bits are scaled to 8.

    Raises:
        InputError: empty, truncated, not an image, of zero size, over 500 megapixels, or over 100 in a format that
            cannot be decoded in bounded memory.
    """
    with opened_image(io.BytesIO(data), where) as image:
        return decode_frame(image, data, where)


@contextmanager
def opened_file(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file for reading.

    Raises:
        InputError: missing, a folder, a device, unreadable, only a pointer of Git LFS.
    """
    if path.is_dir():
        raise InputError(f"{path}: a folder; an image file is expected")
    try:
        if path.exists() and not path.is_file():
            raise InputError(f"{path}: not a regular file; copy it to one, or pipe it into -")
        check_regular(path)
        file = path.open("rb")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise InputError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    with file:
        yield file


@contextmanager
def opened_image(file: BinaryIO, where: str) -> Iterator["Image"]:
    """Open an image and read only its header.

    Raises:
        InputError: the file is empty, or not an image that can be opened.
        MissingDependency: HEIC, and pillow-heif is not installed.
    """
    from PIL import Image

    head = file.read(16)
    file.seek(0)
    if not head:
        raise InputError(f"{where}: the file is empty")
    if head[4:8] == b"ftyp" and head[8:12] in HEIF_BRANDS:
        _register_heif(where)
    with _no_limit():
        try:
            image = Image.open(file)
        except BROKEN:
            raise InputError(f"{where}: {_what_else(head)}") from None
    if image.format == "EPS":  # a program, which Pillow would run
        raise InputError(f"{where}: PostScript is not read; make a PDF or an image of it")
    # The file belongs to the caller, so the image is not closed here.
    yield image


def _what_else(head: bytes) -> str:
    """Return what a file is that cannot be opened as an image, from its first bytes, and what to do."""
    kind = _TEXT_KINDS.get(head.lstrip(codecs.BOM_UTF8 + b" \t\r\n")[:1])
    if kind:
        return f"{kind}, not an image; hwr convert reads PAGE XML, ALTO and JSON"
    if head.startswith(_ARCHIVE_MARKS):
        return "an archive or an office document, not an image; unpack it and name the folder, or save it as PDF"
    if head.startswith(_IMAGE_MARKS) or head[4:8] == b"ftyp":
        return "the image is broken or truncated"
    return "not an image, or broken"


@contextmanager
def _no_limit() -> Iterator[None]:
    """Replace Pillow's own limits by `MAX_PIXELS`: it warns above 89 megapixels and refuses above 179.

    The lock keeps one thread from restoring the limit while another one is still decoding.
    """
    from PIL import Image

    with _limit:
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _register_heif(where: str) -> None:
    """Let Pillow open HEIC."""
    try:
        import pillow_heif
    except ModuleNotFoundError:
        raise MissingDependency(
            f"{where}: HEIC needs pillow-heif, which is not installed; run: pip install pillow-heif"
        ) from None
    pillow_heif.register_heif_opener()


def find_frames(image: "Image") -> list[int]:
    """Return the frames of a file that are pages: for TIFF, all but smaller copies; for other formats, the first.

    If a broken file ends early, `LOST_FRAME` represents the frames that cannot be found.
    """
    if image.format != "TIFF":
        return [0]
    frames = []
    for frame in range(1 << 16):
        try:
            with _no_limit():
                image.seek(frame)
        except EOFError:
            break
        except BROKEN:
            frames.append(LOST_FRAME)
            break
        if not getattr(image, "tag_v2", {}).get(REDUCED, 0) & 1 or not frames:
            frames.append(frame)
    return frames


def go_to_frame(image: "Image", frame: int, where: str) -> None:
    """Select a frame of a file with several.

    Raises:
        InputError: it cannot be found.
    """
    if frame == LOST_FRAME:
        raise InputError(f"{where}: the file is broken or truncated: no image can be found from here on")
    try:
        with _no_limit():
            image.seek(frame)
    except BROKEN as error:
        raise InputError(f"{where}: the image is broken or truncated ({error})") from None


def image_dpi(image: "Image") -> float | None:
    """Return the pixels per inch that the file states; None up to 72, which programs write by default."""
    try:
        across, down = (float(value) for value in image.info.get("dpi", (0, 0)))
    except BROKEN:
        return None
    dpi = (across + down) / 2
    return dpi if 72.5 < dpi < 10_000 and abs(across - down) < 0.02 * dpi else None


def decode_frame(image: "Image", source: bytes | Path, where: str, colour: bool = False) -> Pixels:
    """Decode the selected frame of an opened image.

    Args:
        image: see `opened_image`.
        source: the file's bytes or its path.
        where: name of the image in messages.
        colour: keep colours, if the image has any and at most 100 megapixels.

    Raises:
        InputError: see `decode_image`.
    """
    width, height = image.size
    check_size(width, height, where)
    if width * height > LEAN_PIXELS:
        return _decode_lean(image, source, where)
    try:
        image.load()
        pixels = to_pixels(image, colour)
        return turn_upright(pixels, image.getexif().get(ORIENTATION, 1))
    except BROKEN as error:
        raise InputError(f"{where}: the image is broken or truncated ({_one_line(error)})") from None


def check_size(width: int, height: int, where: str) -> None:
    """Check the size of an image in pixels.

    Raises:
        InputError: it has no pixels, or more than `MAX_PIXELS`.
    """
    if width * height > MAX_PIXELS:
        limit = MAX_PIXELS // 1_000_000
        raise InputError(f"{where}: {width} x {height} pixels are more than {limit} megapixels; make it smaller first")
    if width * height == 0:
        raise InputError(f"{where}: the image has no pixels")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__


def _decode_lean(image: "Image", source: bytes | Path, where: str) -> GreyImage:
    """Decode a large image as grey with about one byte of memory per pixel."""
    import cv2

    width, height = image.size
    limit = MAX_PIXELS if image.format in LEAN_FORMATS else LEAN_PIXELS
    if image.format == "PNG" and image.mode not in ("1", "L"):
        limit = LEAN_COLOUR_PNG
    if width * height > limit:
        raise InputError(
            f"{where}: {width} x {height} pixels are more than the limit of {limit // 1_000_000} megapixels for "
            f"{image.format} images of mode {image.mode}; store it as JPEG, TIFF or grey PNG"
        )
    frame = image.tell()
    try:
        data = np.memmap(source, np.uint8, "r") if isinstance(source, Path) else np.frombuffer(source, np.uint8)
        _check_whole(image.format, data)
        orientation = image.getexif().get(ORIENTATION, 1)
        flags = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION
        if image.format == "TIFF":
            found, frames = cv2.imdecodemulti(data, flags, range=(frame, frame + 1))
            grey = frames[0] if found and frames else None
            orientation = 1  # OpenCV turns TIFF upright regardless of the flags
        else:
            grey = cv2.imdecode(data, flags)
    except (*BROKEN, cv2.error) as error:
        raise InputError(f"{where}: the image is broken or truncated ({_one_line(error)})") from None
    # Pillow gives the size of some files after turning them.
    if grey is None or grey.shape not in ((height, width), (width, height)):
        raise InputError(f"{where}: the image is broken or truncated, or too large for its kind; store it as grey PNG")
    return turn_upright(np.asarray(grey, np.uint8), orientation)


def _check_whole(form: str | None, data: NDArray[np.uint8]) -> None:
    """Check that the image file is complete; OpenCV returns the part that it found of a truncated one."""
    ends = {"PNG": b"IEND", "JPEG": b"\xff\xd9", "MPO": b"\xff\xd9"}
    if form in ends and ends[form] not in data[-65536:].tobytes():
        raise ValueError("its end is missing")


def to_pixels(image: "Image", colour: bool = False) -> Pixels:
    """Convert a loaded PIL image of any mode to 8 bits, not turned; band by band, to save memory.

    Transparent parts become paper; see `paper_under`.
    """
    width, height = image.size
    colour = colour and image.mode not in ("1", "L", "LA", "La", "F") and not image.mode.startswith("I")
    pixels = np.empty((height, width, 3) if colour else (height, width), np.uint8)
    rows = max(1, BAND_PIXELS // max(1, width))
    bands = [(top, min(height, top + rows)) for top in range(0, height, rows)]
    if image.mode == "F" or image.mode.startswith("I"):
        top_value = _top_of_range(image, bands)
        for top, bottom in bands:
            values = _numbers(image, top, bottom)
            pixels[top:bottom] = np.clip(values * (255.0 / top_value), 0, 255).astype(np.uint8)
        return pixels
    paper = None
    if "A" in image.mode or "a" in image.mode or "transparency" in image.info:
        sample = image.resize((min(width, SAMPLE_SIDE), min(height, SAMPLE_SIDE)), 0).convert("RGBA").convert("LA")
        paper = paper_under(*np.moveaxis(np.asarray(sample), 2, 0))
    for top, bottom in bands:
        part = image.crop((0, top, width, bottom)) if len(bands) > 1 else image
        pixels[top:bottom] = _band(part, colour, paper)
    return pixels


def paper_under(grey: GreyImage, opacity: GreyImage) -> int:
    """Return the grey level of paper under transparent parts: white, or black if what is opaque is nearly white."""
    opaque = float(opacity.mean())
    if not 0 < opaque < 128:
        return 255
    return 0 if np.average(grey, weights=opacity) > WHITE_WRITING else 255


def _band(image: "Image", colour: bool, paper: int | None) -> Pixels:
    """Convert a part of an image; `paper` is the grey level under its transparent parts, if it can have any."""
    from PIL import Image

    if paper is not None:
        under = Image.new("RGBA", image.size, (paper, paper, paper, 255))
        image = Image.alpha_composite(under, image.convert("RGBA"))
    if colour:
        return np.asarray(image.convert("RGB"), np.uint8)[:, :, ::-1]
    return np.asarray(image.convert("L"), np.uint8)


def _numbers(image: "Image", top: int, bottom: int) -> NDArray[np.float32]:
    return np.nan_to_num(np.asarray(image.crop((0, top, image.width, bottom)), np.float32))


def _top_of_range(image: "Image", bands: list[tuple[int, int]]) -> float:
    """Return the value of white: the smallest usual maximum that no value in the image exceeds.

    Floating-point values may exceed white slightly.
    """
    greatest = max(float(_numbers(image, top, bottom).max(initial=0)) for top, bottom in bands)
    usual = {float(2**bits - 1): float(2**bits - 1) for bits in (8, 10, 12, 14, 16)}
    if image.mode == "F":
        usual = {1.0: 1.0, 4 * 255.0: 255.0, 65535.0: 65535.0}
    return next((white for limit, white in usual.items() if greatest <= limit), greatest)


def turn_upright(pixels: Pixels, orientation: int) -> Pixels:
    """Undo an EXIF orientation, 1 to 8; other values change nothing (EXIF 2.32, tag 0x0112)."""
    if orientation in (2, 4, 5, 7):
        pixels = pixels[:, ::-1]
    turns = {3: 2, 4: 2, 5: 1, 6: 3, 7: 3, 8: 1}.get(orientation, 0)
    return np.ascontiguousarray(np.rot90(pixels, turns))
