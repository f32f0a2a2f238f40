"""Checks of one sample, and the line that goes into the store."""

import io
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hwr.errors import DataError, InputError, MissingDependency
from hwr.files.images import GreyImage, decode_image
from hwr.line import normalise_line, time_steps
from hwr.prepare.samples import Reason, Sample, Skipped, Unusable
from hwr.store.columns import Normalised
from hwr.store.lines import StoredLine
from hwr.store.normalised import LOSSLESS, MAX_WEBP_WIDTH, check_normalised, check_shape, normalised_line
from hwr.text import Alphabet, counted, has_surrogates, normalise_text, steps_needed

KEPT_FORMATS: dict[str, dict[str, Any]] = {"JPEG": {"quality": 92}, "WEBP": {"quality": 90, "method": 4}}
"""Formats that an image keeps when it is made smaller; any other becomes PNG, losslessly."""

MAX_SHOWN = 200
"""Maximum characters of a text in a message."""


@dataclass(frozen=True)
class CheckOptions:
    """Requirements of a line, values to fill in, and the treatment of its image.

    Attributes:
        height, stride: line height, and columns per time step, of the models to be trained, for checking that CTC can
            align the text.
        normalise: store the line normalised, at `height`, as WebP of `quality` (100 is lossless).
        max_height: make higher images smaller; None: keep all.
        alphabet: the only characters that may occur; None: any.
        lang, source, licence: for lines whose source does not state them.
    """

    height: int = 48
    stride: int = 4
    normalise: bool = False
    quality: int = LOSSLESS
    max_height: int | None = None
    alphabet: Alphabet | None = None
    lang: str | None = None
    source: str | None = None
    licence: str | None = None


def check_sample(sample: Sample, options: CheckOptions) -> StoredLine | Skipped:
    """Return the line for the store, or the reason why there is none.

    Raises:
        DataError: the image is already normalised, and not in the way required for the store.
    """
    if sample.normalised:
        _check_same(sample, sample.normalised, options)
    text = normalise_text(sample.text)
    wrong = _check_text(sample, text, options)
    if wrong:
        return wrong
    try:
        image = sample.load()
        grey = decode_image(image, sample.where)
        check_shape(grey, sample.where)
    except Unusable as error:
        return Skipped(sample.where, error.reason, str(error))
    except (InputError, MissingDependency) as error:
        return Skipped(sample.where, Reason.BROKEN_IMAGE, _without(sample.where, str(error)))
    ink = grey if sample.normalised else normalise_line(grey, options.height)
    too_long = _too_long(text, ink.shape[1], options)
    if too_long:
        return Skipped(sample.where, Reason.TOO_LONG, too_long)
    line = _stored(sample, image, text, grey, options)
    if options.normalise and not sample.normalised:
        return normalised_line(line, ink, options.quality)
    if options.max_height is not None and line.height > options.max_height and not sample.normalised:
        return make_smaller(line, grey, options.max_height)
    return line


def _stored(sample: Sample, image: bytes, text: str, grey: GreyImage, options: CheckOptions) -> StoredLine:
    """Return the line for the store, with the image as found."""
    facts = {
        "writer": sample.writer,
        "page": sample.page,
        "lang": sample.lang or options.lang,
        "source": sample.source or options.source,
        "licence": sample.licence or options.licence,
    }
    height, width = grey.shape
    known = {name: None if fact is None else valid_text(fact) for name, fact in facts.items()}
    return StoredLine(image, valid_text(sample.path), text, valid_text(sample.id), width, height, **known)


def _check_text(sample: Sample, text: str, options: CheckOptions) -> Skipped | None:
    """Return the reason why a text cannot be used; None if it can."""
    if not text:
        return Skipped(sample.where, Reason.NO_TEXT, "the text is empty")
    if has_surrogates(text):
        return Skipped(sample.where, Reason.BAD_ROW, f"the text contains invalid characters: {text!a}")
    missing = options.alphabet.missing([text]) if options.alphabet is not None else None
    if missing:
        characters = "".join(sorted(missing.elements()))
        return Skipped(sample.where, Reason.OUTSIDE_ALPHABET, count_characters(missing), characters=characters)
    return None


def _check_same(sample: Sample, stated: Normalised, options: CheckOptions) -> None:
    if not options.normalise:
        raise DataError(
            f"{sample.where}: the source contains lines normalised by {stated}; --normalise {stated.height} keeps them"
        )
    check_normalised(sample.where, stated, options.height)


def valid_text(name: str) -> str:
    """Return a name with bytes that are not UTF-8 as escapes, since a store contains only UTF-8."""
    return name.encode("utf-8", "backslashreplace").decode()


def count_characters(characters: Counter[str]) -> str:
    """Return characters with their counts, as in `'é' 3, 'ü' 1`, the most frequent first."""
    counted = sorted(characters.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{character!r} {count}" for character, count in counted)


def _too_long(text: str, width: int, options: CheckOptions) -> str:
    """Return the reason why CTC cannot align the text with a normalised line of `width` columns, or nothing."""
    needed = steps_needed(text)
    steps = time_steps(width, options.stride)
    if needed <= steps:
        return ""
    shown = text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"
    size = f"{counted(width, 'column')} at height {options.height}"
    return f"needs {counted(needed, 'time step')}, has {steps} ({size}): {shown!r}"


def make_smaller(line: StoredLine, grey: GreyImage, max_height: int) -> StoredLine:
    """Return the line with its image in grey at `max_height` rows, in its aspect ratio; JPEG and WebP stay such.

    Args:
        grey: the image, decoded, shape (H, W), upright.
    """
    from PIL import Image

    with Image.open(io.BytesIO(line.image)) as opened:
        kind = opened.format or ""
    width = max(1, round(grey.shape[1] * max_height / grey.shape[0]))
    small = Image.fromarray(grey).resize((width, max_height), Image.Resampling.LANCZOS)
    if kind not in KEPT_FORMATS or width > MAX_WEBP_WIDTH:
        kind = "PNG"
    buffer = io.BytesIO()
    small.save(buffer, kind, **KEPT_FORMATS.get(kind, {}))
    path = str(Path(line.path or line.id).with_suffix(f".{kind.lower()}"))
    return replace(line, image=buffer.getvalue(), path=path, width=width, height=max_height)


def _without(where: str, message: str) -> str:
    """Return the message without the file name at its start, which is printed next to it."""
    return message.removeprefix(f"{where}: ")
