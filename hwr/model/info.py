"""The facts that a model file states about itself, checked without torch."""

import json
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

from hwr.errors import ModelError
from hwr.settings import Range, Settings, from_dict
from hwr.text import Alphabet, Direction

FORMAT_VERSION = 1
MAX_HEIGHT, MAX_STRIDE = 1024, 256
"""Bounds of what a file from elsewhere may state, far above any network for lines."""


@dataclass(frozen=True)
class ModelInfo(Settings):
    """The facts that loading, reading and reporting need.

    Attributes:
        spec: VGSL specification of the network.
        alphabet: characters in the order of their labels 1, 2, ...
        height: line height in pixels.
        normalisation, normalisation_version: the line normalisation that the weights were trained with.
        text_direction: `rtl` if lines with right-to-left letters begin at the right; see `hwr.text.Alphabet`.
        stride: columns for one time step; a line of `width` columns has ceil(width / stride) time steps.
        name, licence, trained_on: for information; trained_on maps a set to {"lines": n, "licence": ...}.
        validation: set -> {"cer": x, "lines": n}.
        training: command, seed, lines seen, minutes, hardware and other facts about the run.
        decoder: settings of decoders that were tuned for this model.
    """

    spec: str
    alphabet: str
    height: Annotated[int, Range(1, MAX_HEIGHT)]
    normalisation: str
    normalisation_version: Annotated[int, Range(0, 1_000_000)]
    stride: Annotated[int, Range(1, MAX_STRIDE)]
    text_direction: Direction = "ltr"
    name: str = ""
    licence: str = ""
    trained_on: dict[str, Any] = field(default_factory=dict)
    validation: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    decoder: dict[str, Any] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    @property
    def classes(self) -> int:
        """Network outputs: the blank and the characters."""
        return len(self.alphabet) + 1

    def make_alphabet(self) -> Alphabet:
        """Return the alphabet as an object."""
        return Alphabet(self.alphabet, self.text_direction)

    def to_json(self) -> str:
        """Return one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)


def info_from_json(text: str, where: object) -> ModelInfo:
    """Parse the metadata entry of a model file.

    Raises:
        ModelError: not JSON, an unknown format version, unknown or missing keys, values of the wrong type or out of
            range.
    """
    try:
        data = json.loads(text, parse_constant=_refuse_constant)
    except (TypeError, ValueError, RecursionError):
        raise ModelError(f"{where}: the model's metadata is not JSON") from None
    version = data.get("format_version") if isinstance(data, dict) else None
    if type(version) is not int or version != FORMAT_VERSION:
        raise ModelError(f"{where}: model format {version!r} is unknown; this hwr reads format {FORMAT_VERSION}")
    info = from_dict(ModelInfo, data, f"{where}: the model's metadata", ModelError)
    if len(set(info.alphabet)) != len(info.alphabet):
        raise ModelError(f"{where}: a character occurs twice in the model's alphabet")
    return info


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")  # RFC 8259 has neither NaN nor Infinity
