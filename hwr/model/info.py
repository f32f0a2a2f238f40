"""What a model file says of itself: read and written without torch.

The same facts lie in the metadata of `NAME.safetensors` (the truth) and of `NAME.onnx` (made from it).
"""

import hashlib
import json
import struct
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, get_origin

from hwr.errors import InputError, ModelError
from hwr.text import Alphabet

FORMAT_VERSION = 1
METADATA_KEY = "hwr"
"""The metadata entry (safetensors, ONNX) that holds `ModelInfo` as JSON."""
WEIGHTS_KEY = "hwr_weights_sha256"
"""The metadata entry of the ONNX file that holds the hash of the weights it was made from."""


@dataclass(frozen=True)
class ModelInfo:
    """The facts that loading, reading and reporting need.

    Attributes:
        spec: VGSL specification of the network.
        alphabet: characters in the order of their labels 1, 2, ...
        height: line height in pixels.
        normalisation, normalisation_version: the line normalisation that the weights were trained with.
        stride: columns a time step; a line of `width` columns has ceil(width / stride) time steps.
        name, licence, trained_on: for people; trained_on maps a set to {"lines": n, "licence": ...}.
        validation: set -> {"cer": x, "lines": n}.
        training: command, seed, lines seen, minutes, hardware and what else is worth knowing.
        decoder: settings of decoders that were tuned for this model.
    """

    spec: str
    alphabet: str
    height: int
    normalisation: str
    normalisation_version: int
    stride: int
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
        """The alphabet as an object."""
        return Alphabet(self.alphabet)

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)


def info_from_json(text: str, where: object) -> ModelInfo:
    """Parse the metadata entry of a model file.

    Raises:
        ModelError: not JSON, an unknown format version, unknown or missing keys, values of the wrong type.
    """
    try:
        data = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        raise ModelError(f"{where}: the model's metadata is not JSON") from None
    version = data.get("format_version") if isinstance(data, dict) else None
    if version != FORMAT_VERSION:
        raise ModelError(f"{where}: model format {version!r} is unknown; this hwr reads format {FORMAT_VERSION}")
    types = {f.name: get_origin(f.type) or f.type for f in fields(ModelInfo)}
    if unknown := sorted(set(data) - set(types)):
        raise ModelError(f"{where}: unknown keys in the model's metadata: {', '.join(unknown)}")
    wrong = [name for name, value in data.items() if type(value) is not types[name]]
    if wrong:
        raise ModelError(f"{where}: of the wrong type in the model's metadata: {', '.join(wrong)}")
    try:
        info = ModelInfo(**data)
    except TypeError as error:
        raise ModelError(f"{where}: the model's metadata is incomplete ({error})") from None
    if len(set(info.alphabet)) != len(info.alphabet):
        raise ModelError(f"{where}: a character occurs twice in the model's alphabet")
    return info


def read_safetensors_header(path: Path) -> dict[str, Any]:
    """The JSON header of a safetensors file: 8 bytes length, little endian, then JSON (format's README).

    Raises:
        InputError: the file is missing or cannot be read.
        ModelError: it is not a safetensors file or is truncated.
    """
    foreign = f"{path}: not a model file (.safetensors expected), or truncated"
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            head = file.read(8)
            length = struct.unpack("<Q", head)[0] if len(head) == 8 else 0
            if not 2 <= length <= size - 8:
                raise ModelError(foreign)
            header = json.loads(file.read(length))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise ModelError(foreign) from None
    if not isinstance(header, dict) or not isinstance(header.get("__metadata__", {}), dict):
        raise ModelError(foreign)
    ends = [_tensor_end(tensor) for name, tensor in header.items() if name != "__metadata__"]
    if None in ends:
        raise ModelError(foreign)
    expected = 8 + length + max((end for end in ends if end is not None), default=0)
    if expected != size:
        raise ModelError(f"{path}: truncated: {expected} bytes expected, {size} found")
    return header


def _tensor_end(tensor: object) -> int | None:
    """Where a tensor of a safetensors header ends in the data, or None when the entry is not one of a tensor."""
    offsets = tensor.get("data_offsets") if isinstance(tensor, dict) else None
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(type(offset) is int for offset in offsets):
        return None
    return int(offsets[1])


def read_info(path: Path) -> ModelInfo:
    """The facts that a `.safetensors` model states, read without torch.

    Raises:
        InputError, ModelError: see `read_safetensors_header` and `info_from_json`.
    """
    metadata = read_safetensors_header(path).get("__metadata__", {})
    if METADATA_KEY not in metadata:
        raise ModelError(f"{path}: a safetensors file, but not a model of hwr (no {METADATA_KEY!r} in its metadata)")
    return info_from_json(metadata[METADATA_KEY], path)


def tensor_bytes(path: Path) -> bytes:
    """The tensors of a safetensors file, as they lie in it behind the header.

    Raises:
        InputError, ModelError: see `read_safetensors_header`.
    """
    read_safetensors_header(path)
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    return data[8 + length :]


def weights_hash(path: Path) -> str:
    """SHA-256 of the tensors of a safetensors file, without its metadata: a new card keeps the ONNX file valid.

    Raises:
        InputError, ModelError: see `read_safetensors_header`.
    """
    header = read_safetensors_header(path)
    header.pop("__metadata__", None)
    digest = hashlib.sha256()
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        file.seek(length, 1)
        digest.update(json.dumps(header, sort_keys=True).encode())
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
