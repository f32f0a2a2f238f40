"""Checks of single samples."""

import io
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.line_images import image_file, strokes
from hwr.errors import DataError, InputError, MissingDependency
from hwr.files import images as imagefiles
from hwr.files.images import decode_image
from hwr.line import normalise_line
from hwr.model.info import ModelInfo
from hwr.prepare.alphabets import read_alphabet
from hwr.prepare.checks import CheckOptions, check_sample, count_characters
from hwr.prepare.samples import Reason, Sample, Skipped
from hwr.store.lines import StoredLine
from hwr.text import Alphabet


def sample(image: bytes, text: str = "text", load: Callable[[], bytes] | None = None) -> Sample:
    return Sample(id="a", text=text, path="a.png", where="there", load=load or (lambda: image), writer="w")


def skipped(found: StoredLine | Skipped) -> Skipped:
    assert isinstance(found, Skipped)
    return found


def stored(found: StoredLine | Skipped) -> StoredLine:
    assert isinstance(found, StoredLine), found
    return found


def test_a_good_line_is_stored_as_found() -> None:
    image = image_file(310, 44, kind="JPEG")
    options = CheckOptions(lang="fr", source="here", licence="CC0")
    line = stored(check_sample(sample(image, "  e\u0301t\u00e9 \t 1905\n"), options))
    assert line == StoredLine(image, "a.png", "\u00e9t\u00e9 1905", "a", 310, 44, "w", None, "fr", "here", "CC0")


def test_what_a_source_states_takes_precedence() -> None:
    known = Sample(id="a", text="x", path="", where="", load=image_file, lang="de", source="s", licence="l")
    line = stored(check_sample(known, CheckOptions(lang="fr", source="here", licence="CC0")))
    assert (line.lang, line.source, line.licence) == ("de", "s", "l")


def rotated() -> bytes:
    """An image that a camera marked as lying on its side (EXIF orientation 6)."""
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(strokes(300, 40).T.copy()).save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def test_sizes_are_those_of_the_upright_image() -> None:
    line = stored(check_sample(sample(rotated()), CheckOptions()))
    assert (line.width, line.height) == (300, 40)


@pytest.mark.parametrize(
    ("image", "detail"),
    [
        (b"", "empty"),
        (b"no image at all", "not an image"),
        (image_file()[:200], "truncated"),
        (b"GIF89a" + bytes(20), ""),
    ],
)
def test_images_that_cannot_be_read(image: bytes, detail: str) -> None:
    found = skipped(check_sample(sample(image), CheckOptions()))
    assert found.reason is Reason.BROKEN_IMAGE and detail in found.detail
    assert found.where == "there" and not found.detail.startswith("there")


def test_a_huge_image_is_refused_by_its_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imagefiles, "MAX_PIXELS", 1_000_000)
    buffer = io.BytesIO()
    Image.new("1", (50_000, 21), 1).save(buffer, "PNG")
    found = skipped(check_sample(sample(buffer.getvalue()), CheckOptions()))
    assert found.reason is Reason.BROKEN_IMAGE and "megapixels" in found.detail


def test_an_image_whose_library_is_missing_costs_only_itself() -> None:
    def load() -> bytes:
        raise MissingDependency("HEIC needs pillow-heif")

    found = skipped(check_sample(sample(b"", load=load), CheckOptions()))
    assert (found.reason, found.detail) == (Reason.BROKEN_IMAGE, "HEIC needs pillow-heif")


def test_an_image_that_cannot_be_opened() -> None:
    def load() -> bytes:
        raise InputError("there: cannot be read: Permission denied")

    found = skipped(check_sample(sample(b"", load=load), CheckOptions()))
    assert (found.reason, found.detail) == (Reason.BROKEN_IMAGE, "cannot be read: Permission denied")


@pytest.mark.parametrize(
    ("text", "reason"), [(" \n", Reason.NO_TEXT), ("", Reason.NO_TEXT), ("a\udc80", Reason.BAD_ROW)]
)
def test_texts_that_cannot_be_used(text: str, reason: Reason) -> None:
    assert skipped(check_sample(sample(image_file(), text), CheckOptions())).reason is reason


def test_characters_outside_the_alphabet_are_counted() -> None:
    options = CheckOptions(alphabet=Alphabet("abc "))
    assert stored(check_sample(sample(image_file(), "a cab"), options)).text == "a cab"
    found = skipped(check_sample(sample(image_file(), "a \u00e9t\u00e9"), options))
    assert (found.reason, found.detail) == (Reason.OUTSIDE_ALPHABET, "'\u00e9' 2, 't' 1")
    assert Counter(found.characters) == {"\u00e9": 2, "t": 1}
    assert count_characters(Counter()) == ""


@pytest.mark.parametrize(("height", "stride"), [(48, 4), (64, 8)])
def test_lines_that_ctc_cannot_align(height: int, stride: int) -> None:
    image = image_file(120, 40)
    width = normalise_line(decode_image(image, ""), height).shape[1]
    steps = -(-width // stride)
    options = CheckOptions(height=height, stride=stride)
    fits = "ab" * steps
    assert stored(check_sample(sample(image, fits[:steps]), options)).width == 120
    found = skipped(check_sample(sample(image, fits[: steps + 1]), options))
    assert found.reason is Reason.TOO_LONG and f"needs {steps + 1} time steps, has {steps}" in found.detail
    narrow = skipped(check_sample(sample(image_file(1, height), "ab"), options))
    assert narrow.detail == f"needs 2 time steps, has 1 (1 column at height {height}): 'ab'"
    # Between two equal neighbours CTC needs a blank: n equal letters take 2 n - 1 steps.
    longest = (steps + 1) // 2
    assert stored(check_sample(sample(image, "a" * longest), options)).width == 120
    assert skipped(check_sample(sample(image, "a" * (longest + 1)), options)).reason is Reason.TOO_LONG


@pytest.mark.parametrize(
    ("kind", "stays"), [("PNG", "PNG"), ("JPEG", "JPEG"), ("WEBP", "WEBP"), ("TIFF", "PNG"), ("BMP", "PNG")]
)
def test_high_images_are_made_smaller(kind: str, stays: str) -> None:
    image = image_file(900, 120, kind=kind)
    line = stored(check_sample(sample(image), CheckOptions(max_height=60)))
    with Image.open(io.BytesIO(line.image)) as small:
        assert (small.format, small.size) == (stays, (450, 60))
        grey = np.asarray(small.convert("L"), dtype=float)
    assert (line.width, line.height, line.path) == (450, 60, f"a.{stays.lower()}")
    assert abs(grey.mean() - strokes(900, 120).mean()) < 3
    assert stored(check_sample(sample(image), CheckOptions(max_height=120))).image == image


@pytest.mark.parametrize("mode", ["1", "P", "RGBA", "LA", "I;16", "CMYK", "RGB"])
def test_any_kind_of_pixel_is_made_smaller(mode: str) -> None:
    buffer = io.BytesIO()
    grey = Image.fromarray(strokes(600, 100))
    picture = Image.fromarray(strokes(600, 100).astype(np.uint16) * 257) if mode == "I;16" else grey.convert(mode)
    picture.save(buffer, "TIFF" if mode == "CMYK" else "PNG")
    line = stored(check_sample(sample(buffer.getvalue()), CheckOptions(max_height=50)))
    small = decode_image(line.image, "")
    assert small.shape == (50, 300)
    assert abs(small.mean() - strokes(600, 100).mean()) < 8


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_files_never_raise(kind: str) -> None:
    generator = random.Random(kind)
    image = image_file(kind=kind)
    outcomes: Counter[type] = Counter()
    for _ in range(40):
        damaged = bytearray(image)
        for _ in range(generator.randrange(1, 6)):
            damaged[generator.randrange(min(len(damaged), 300))] = generator.randrange(256)
        cut = generator.choice([len(damaged), generator.randrange(len(damaged))])
        outcomes[type(check_sample(sample(bytes(damaged[:cut])), CheckOptions()))] += 1
    assert set(outcomes) <= {StoredLine, Skipped} and outcomes[Skipped] > 0


def test_alphabets_from_files(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("\ufeffcb\r\na\ne\u0301", encoding="utf-8")
    assert read_alphabet(tmp_path / "letters.txt").characters == " abc\u00e9"
    (tmp_path / "manifest.json").write_text('{"alphabet": " xyz"}')
    assert read_alphabet(tmp_path / "manifest.json").characters == read_alphabet(tmp_path).characters == " xyz"


def test_the_alphabet_of_a_model(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    info = ModelInfo("[1,48,0,1 Lbx8 O1c4]", "abc", 48, "test", 1, 4)
    save_file({"w": np.zeros(1, np.float32)}, tmp_path / "m.safetensors", {"hwr": info.to_json()})
    assert read_alphabet(tmp_path / "m.safetensors").characters == "abc"


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("empty.txt", b" \n", DataError),
        ("latin.txt", b"\xe9", InputError),
        ("broken.json", b"{", DataError),
        ("other.json", b"[]", DataError),
        ("no.json", b'{"alphabet": ""}', DataError),
        ("not.safetensors", b"", InputError),
    ],
)
def test_files_that_hold_no_alphabet(tmp_path: Path, name: str, content: bytes, error: type[Exception]) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=name):
        read_alphabet(tmp_path / name)
