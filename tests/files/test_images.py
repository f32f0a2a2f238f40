"""Opening image files, against Pillow and against what was drawn."""

import bz2
import gzip
import io
import lzma
import sys
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from hwr.errors import InputError, MissingDependency
from hwr.files import images as imagefiles
from hwr.files.documents import to_grey
from hwr.files.images import (
    LOST_FRAME,
    MAX_PIXELS,
    ORIENTATION,
    decode_frame,
    decode_image,
    find_frames,
    go_to_frame,
    image_dpi,
    opened_image,
)


def zipped(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("a.png", data)
    return buffer.getvalue()


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def pages_of_tiff(*pages: Image.Image, **options: object) -> bytes:
    return encoded(pages[0], "TIFF", save_all=True, append_images=list(pages[1:]), **options)


def in_colour(data: bytes) -> NDArray[np.uint8]:
    with opened_image(io.BytesIO(data), "x") as image:
        return decode_frame(image, data, "x", colour=True)


SMOOTH = Image.fromarray(np.add.outer(np.arange(48) * 2, np.arange(64)).astype(np.uint8))
"""Grey that goes over from one corner to the other: what is turned or mirrored wrongly differs much."""


class TestDecoding:
    levels = np.arange(0, 256, dtype=np.uint8).reshape(8, 32)

    def test_grey_is_exact(self) -> None:
        np.testing.assert_array_equal(decode_image(encoded(Image.fromarray(self.levels)), "x"), self.levels)

    def test_bilevel(self) -> None:
        bits = self.levels > 100
        np.testing.assert_array_equal(decode_image(encoded(Image.fromarray(bits)), "x"), bits * np.uint8(255))

    def test_palette(self) -> None:
        image = Image.fromarray(self.levels % 3, "P")
        image.putpalette([10, 10, 10, 200, 200, 200, 90, 90, 90])
        np.testing.assert_array_equal(
            decode_image(encoded(image), "x"), np.array([10, 200, 90], np.uint8)[self.levels % 3]
        )

    def test_colour_has_the_weights_of_bt601(self) -> None:
        rgb = np.random.default_rng(0).integers(0, 256, (9, 11, 3), dtype=np.uint8)
        expected = rgb @ np.array([0.299, 0.587, 0.114])
        np.testing.assert_allclose(decode_image(encoded(Image.fromarray(rgb)), "x"), expected, atol=1.01)

    def test_transparent_is_white_paper(self) -> None:
        rgba = np.zeros((4, 6, 4), np.uint8)  # black, but unseen
        rgba[:, 3:] = (0, 0, 0, 255)
        rgba[:, 5] = (0, 0, 0, 128)
        grey = decode_image(encoded(Image.fromarray(rgba)), "x")
        assert (grey[:, :3] == 255).all() and (grey[:, 3:5] == 0).all()
        assert np.abs(grey[:, 5].astype(int) - 127).max() <= 1

    def test_transparent_palette_entry_and_grey_with_alpha(self) -> None:
        image = Image.new("P", (4, 2), 0)
        image.putpalette([0, 0, 0, 50, 50, 50])
        image.putpixel((1, 1), 1)
        grey = decode_image(encoded(image, transparency=0), "x")
        assert grey[1, 1] == 50 and np.delete(grey.ravel(), 5).min() == 255
        two = Image.merge("LA", (Image.new("L", (3, 2), 30), Image.new("L", (3, 2), 0)))
        assert (decode_image(encoded(two), "x") == 255).all()

    @pytest.mark.parametrize(("ink", "paper"), [(255, 0), (0, 255), (120, 255)])
    def test_paper_under_transparent_parts_contrasts_with_the_writing(self, ink: int, paper: int) -> None:
        opacity = np.zeros((60, 80), np.uint8)
        opacity[20:24, 10:70] = 255
        image = Image.merge("LA", (Image.new("L", (80, 60), ink), Image.fromarray(opacity)))
        grey = decode_image(encoded(image), "x")
        assert (grey[21, 10:70] == ink).all() and (grey[40:] == paper).all()
        bgra = np.dstack([np.full((60, 80, 3), ink, np.uint8), opacity])
        np.testing.assert_array_equal(to_grey(bgra), grey)

    @pytest.mark.parametrize("kind", ["PNG", "TIFF"])
    def test_16_bits_are_scaled(self, kind: str) -> None:
        deep = np.array([[0, 257, 32768, 65535]], np.uint16)
        np.testing.assert_array_equal(decode_image(encoded(Image.fromarray(deep), kind), "x"), [[0, 1, 127, 255]])

    @pytest.mark.parametrize("bits", [10, 12, 14])
    def test_fewer_bits_in_16_are_scaled_by_their_own_white(self, bits: int) -> None:
        white = 2**bits - 1
        deep = np.array([[0, white // 2, white]], np.uint16)
        np.testing.assert_array_equal(decode_image(encoded(Image.fromarray(deep), "TIFF"), "x"), [[0, 127, 255]])

    def test_floating_point(self) -> None:
        image = Image.fromarray(np.array([[0.0, 128.0, 255.0, np.nan, 900.0]], np.float32))
        np.testing.assert_array_equal(decode_image(encoded(image, "TIFF"), "x"), [[0, 128, 255, 0, 255]])

    def test_cmyk(self) -> None:
        ink = Image.merge("CMYK", [Image.new("L", (4, 3), value) for value in (0, 0, 0, 200)])
        np.testing.assert_allclose(decode_image(encoded(ink, "TIFF"), "x"), 55, atol=1)

    def test_exif_orientation_is_applied(self) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6  # to be turned clockwise by 90 degrees
        data = encoded(Image.fromarray(self.levels), exif=exif)
        np.testing.assert_array_equal(decode_image(data, "x"), np.rot90(self.levels, -1))

    def test_result_can_be_written_to_and_is_contiguous(self) -> None:
        grey = decode_image(encoded(Image.fromarray(self.levels)), "x")
        assert grey.dtype == np.uint8 and grey.flags.c_contiguous

    def test_file(self, tmp_path: Path) -> None:
        path = tmp_path / "é ü.png"
        path.write_bytes(encoded(Image.fromarray(self.levels)))
        np.testing.assert_array_equal(to_grey(path), self.levels)
        assert image_size(path.read_bytes()) == (32, 8)


def image_size(data: bytes) -> tuple[int, int]:
    with opened_image(io.BytesIO(data), "x") as image:
        return image.size


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and has no pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 0, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


class TestBadInput:
    noise = Image.fromarray(np.random.default_rng(5).integers(0, 256, (40, 60, 3), dtype=np.uint8))

    @pytest.mark.parametrize(
        ("data", "says"),
        [
            (b"", "empty"),
            (b"not an image at all", "not an image"),
            (b"\x89PNG\r\n\x1a\n", "the image is broken or truncated"),
            (b"P5 0 10 255\n", "not an image|broken|no pixels"),
            (png_header(0, 10), "not an image|broken|no pixels"),
            (png_header(50, 50), "broken or truncated"),
        ],
    )
    def test_one_line_that_names_the_file(self, data: bytes, says: str) -> None:
        with pytest.raises(InputError, match=says) as caught:
            decode_image(data, "scan 7.png")
        assert str(caught.value).startswith("scan 7.png: ") and "\n" not in str(caught.value)

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF"])
    def test_truncated(self, kind: str) -> None:
        data = encoded(self.noise, kind)
        for share in (0.02, 0.5, 0.9):
            with pytest.raises(InputError, match="broken" if kind == "BMP" else "broken or truncated"):
                decode_image(data[: int(len(data) * share)], "x")

    @pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zipped])
    def test_an_archive(self, pack: Callable[[bytes], bytes]) -> None:
        with pytest.raises(InputError, match=r"^scans\.zip: an archive or an office document, not an image; unpack it"):
            decode_image(pack(encoded(self.noise, "PNG")), "scans.zip")

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000", "ICO", "TGA"])
    def test_broken_bytes_never_raise_anything_else(self, kind: str) -> None:
        data = encoded(self.noise, kind)
        rng = np.random.default_rng(3)
        refused = 0
        for _ in range(60):
            broken = bytearray(data)
            for place in rng.integers(0, min(len(data), 200), 6):
                broken[place] = rng.integers(0, 256)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of Pillow about odd TIFF tags
                    assert decode_image(bytes(broken), "x").dtype == np.uint8
            except InputError:
                refused += 1
        assert refused > 0

    @pytest.mark.parametrize(("width", "height"), [(25_001, 20_000), (40_000, 40_000)])
    def test_over_500_megapixels(self, width: int, height: int, recwarn: pytest.WarningsRecorder) -> None:
        warnings.simplefilter("always")
        with pytest.raises(InputError, match="megapixels"):
            decode_image(png_header(width, height), "x")
        assert not recwarn.list

    def test_between_the_limit_of_pillow_and_ours_nothing_is_printed(self, recwarn: pytest.WarningsRecorder) -> None:
        warnings.simplefilter("always")
        width, height = 9_900, 10_000
        assert Image.MAX_IMAGE_PIXELS is not None and Image.MAX_IMAGE_PIXELS < width * height < MAX_PIXELS
        assert image_size(png_header(width, height)) == (width, height)
        assert not recwarn.list

    def test_limit_of_pillow_stays_for_others(self) -> None:
        before = Image.MAX_IMAGE_PIXELS
        image_size(png_header(9_900, 10_000))
        assert before == Image.MAX_IMAGE_PIXELS
        with pytest.warns(Image.DecompressionBombWarning):
            Image.open(io.BytesIO(png_header(9_900, 10_000)))

    def test_missing_file_and_folder(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="no such file"):
            to_grey(tmp_path / "nothing.png")
        with pytest.raises(InputError, match="a folder"):
            to_grey(tmp_path)


class TestOrientation:
    """Every orientation of EXIF gives the picture that Pillow's own function gives."""

    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
    @pytest.mark.parametrize("lean", [False, True])
    def test_all_orientations(self, kind: str, orientation: int, lean: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        if lean:
            monkeypatch.setattr(imagefiles, "LEAN_PIXELS", 100)
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        turn = {
            2: Image.Transpose.FLIP_LEFT_RIGHT,
            3: Image.Transpose.ROTATE_180,
            4: Image.Transpose.FLIP_TOP_BOTTOM,
            5: Image.Transpose.TRANSPOSE,
            6: Image.Transpose.ROTATE_270,
            7: Image.Transpose.TRANSVERSE,
            8: Image.Transpose.ROTATE_90,
        }
        expected = SMOOTH.transpose(turn[orientation]) if orientation > 1 else SMOOTH
        found = decode_image(encoded(SMOOTH, kind, exif=exif), "x")
        assert found.shape == (expected.height, expected.width)
        assert np.abs(found.astype(int) - np.asarray(expected, int)).max() < 16


class TestModes:
    def test_colours_are_bgr_and_grey_stays_grey(self) -> None:
        rgb = np.random.default_rng(2).integers(0, 256, (9, 11, 3), dtype=np.uint8)
        np.testing.assert_array_equal(in_colour(encoded(Image.fromarray(rgb))), rgb[:, :, ::-1])
        palette = Image.fromarray(rgb).quantize(4)
        np.testing.assert_array_equal(in_colour(encoded(palette)), np.asarray(palette.convert("RGB"))[:, :, ::-1])
        for mode in ("1", "L", "LA", "I;16"):
            assert in_colour(encoded(Image.new(mode, (5, 4)))).shape == (4, 5)

    def test_inverted_cmyk_of_adobe(self) -> None:
        ink = Image.merge("CMYK", [Image.new("L", (16, 16), value) for value in (0, 0, 0, 200)])
        data = encoded(ink, "JPEG", quality=95)
        assert b"Adobe" in data  # says that the numbers stand for light, not for ink
        np.testing.assert_allclose(decode_image(data, "x"), 55, atol=3)
        np.testing.assert_allclose(in_colour(data), 55, atol=3)

    def test_floating_point_from_0_to_1_and_16_bits_in_32(self) -> None:
        share = Image.fromarray(np.array([[0.0, 0.5, 1.0]], np.float32))
        np.testing.assert_array_equal(decode_image(encoded(share, "TIFF"), "x"), [[0, 127, 255]])
        deep = Image.fromarray(np.array([[0, 257 * 100, 65535]], np.int32))
        np.testing.assert_array_equal(decode_image(encoded(deep, "TIFF"), "x"), [[0, 100, 255]])

    def test_bands_do_not_show(self, monkeypatch: pytest.MonkeyPatch) -> None:
        rng = np.random.default_rng(4)
        rgba = Image.fromarray(rng.integers(0, 256, (50, 30, 4), dtype=np.uint8))
        deep = Image.fromarray(rng.integers(0, 65536, (50, 30), dtype=np.uint16))
        palette = rgba.convert("RGB").quantize(9)
        for image in (rgba, deep, palette, rgba.convert("L"), rgba.convert("1")):
            data = encoded(image)
            whole = decode_image(data, "x")
            with monkeypatch.context() as patch:
                patch.setattr(imagefiles, "BAND_PIXELS", 7 * 30)
                np.testing.assert_array_equal(decode_image(data, "x"), whole)

    def test_heic(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        heif = pytest.importorskip("pillow_heif", reason="pillow-heif, of the extra heif, is not installed")
        path = tmp_path / "photo.heic"
        heif.from_pillow(SMOOTH.convert("RGB")).save(path, quality=95)
        assert np.abs(to_grey(path).astype(int) - np.asarray(SMOOTH, int)).mean() < 4
        monkeypatch.setitem(sys.modules, "pillow_heif", None)
        with pytest.raises(MissingDependency, match=r"photo\.heic: HEIC needs pillow-heif.* pip install pillow-heif"):
            to_grey(path)


class TestLean:
    """Images that are too large for Pillow's way: the limit is made small here."""

    @pytest.fixture(autouse=True)
    def small_limit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(imagefiles, "LEAN_PIXELS", 1000)

    @pytest.mark.parametrize("mode", ["1", "L", "RGB"])
    @pytest.mark.parametrize(
        ("kind", "options"),
        [("PNG", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}), ("WEBP", {"lossless": True}), ("JPEG", {})],
    )
    def test_it_is_what_pillow_decodes(
        self, mode: str, kind: str, options: dict[str, object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        path = tmp_path / "large"
        path.write_bytes(encoded(SMOOTH.convert(mode), kind, **options))
        found = to_grey(path)
        monkeypatch.setattr(imagefiles, "LEAN_PIXELS", MAX_PIXELS)
        assert np.abs(found.astype(int) - to_grey(path)).max() <= 3

    def test_a_later_page_of_a_tiff(self) -> None:
        other = Image.fromarray(255 - np.asarray(SMOOTH))
        data = pages_of_tiff(SMOOTH, other)
        with opened_image(io.BytesIO(data), "x") as image:
            go_to_frame(image, 1, "x")
            np.testing.assert_array_equal(decode_frame(image, data, "x"), np.asarray(other))

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
    def test_truncated(self, kind: str) -> None:
        noise = Image.fromarray(np.random.default_rng(5).integers(0, 256, (60, 80, 3), dtype=np.uint8))
        data = encoded(noise, kind)
        for share in (0.5, 0.9):
            with pytest.raises(InputError, match=r"^x: "):
                decode_image(data[: int(len(data) * share)], "x")

    def test_formats_that_would_need_too_much_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(InputError, match="JPEG2000 images of mode L; store it as JPEG, TIFF or grey PNG"):
            decode_image(encoded(SMOOTH, "JPEG2000"), "x")
        monkeypatch.setattr(imagefiles, "LEAN_COLOUR_PNG", 2000)
        with pytest.raises(InputError, match="PNG images of mode RGB"):
            decode_image(encoded(SMOOTH.convert("RGB")), "x")
        assert decode_image(encoded(SMOOTH), "x").shape == (48, 64)


class TestFrames:
    def test_pages_of_a_tiff(self) -> None:
        pages = [Image.new("L", (20 + number, 10), 50 * number) for number in range(4)]
        with opened_image(io.BytesIO(pages_of_tiff(*pages)), "x") as image:
            frames = find_frames(image)
            assert frames == [0, 1, 2, 3]
            for frame in (2, 0, 3):
                go_to_frame(image, frame, "x")
                assert (decode_frame(image, b"", "x") == 50 * frame).all() and image.width == 20 + frame

    def test_smaller_copies_are_not_pages(self) -> None:
        copy = Image.new("L", (5, 5))
        copy.encoderinfo = {"tiffinfo": TiffImagePlugin.ImageFileDirectory_v2()}
        copy.encoderinfo["tiffinfo"][imagefiles.REDUCED] = 1
        data = pages_of_tiff(SMOOTH, copy, SMOOTH)
        with opened_image(io.BytesIO(data), "x") as image:
            image.seek(1)
            assert image.tag_v2.get(imagefiles.REDUCED) == 1
            assert find_frames(image) == [0, 2]

    def test_of_an_animation_the_first_is_read(self) -> None:
        data = encoded(SMOOTH, "GIF", save_all=True, append_images=[Image.new("L", SMOOTH.size)])
        with opened_image(io.BytesIO(data), "x") as image:
            assert image.n_frames == 2 and find_frames(image) == [0]

    def test_a_broken_chain_of_pages_ends_with_one_that_is_named(self) -> None:
        data = pages_of_tiff(SMOOTH, SMOOTH, SMOOTH)
        with opened_image(io.BytesIO(data), "x") as image:
            find_frames(image)
            last = image._frame_pos[2]
        data = data[:last]
        with opened_image(io.BytesIO(data), "x") as image:
            frames = find_frames(image)
            assert frames == [0, 1, LOST_FRAME]
            with pytest.raises(InputError, match="broken or truncated"):
                go_to_frame(image, frames[2], "x")
            go_to_frame(image, 1, "x")
            np.testing.assert_array_equal(decode_frame(image, data, "x"), np.asarray(SMOOTH))


@pytest.mark.parametrize(
    ("kind", "options", "dpi"),
    [
        ("PNG", {"dpi": (300, 300)}, 300),
        ("JPEG", {"dpi": (400, 400)}, 400),
        ("TIFF", {"dpi": (600, 600)}, 600),
        ("JPEG", {"dpi": (72, 72)}, None),
        ("TIFF", {"dpi": (204, 98)}, None),
        ("PNG", {}, None),
    ],
)
def test_resolution(kind: str, options: dict[str, object], dpi: float | None) -> None:
    with opened_image(io.BytesIO(encoded(SMOOTH, kind, **options)), "x") as image:
        assert image_dpi(image) == (dpi if dpi is None else pytest.approx(dpi, rel=0.001))


def test_a_program_of_postscript_is_not_run() -> None:
    data = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n%%EOF\n"
    with pytest.raises(InputError, match="PostScript is not read"):
        decode_image(data, "x")


def test_what_is_not_a_regular_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a regular file"):
        to_grey(Path("/dev/zero"))
