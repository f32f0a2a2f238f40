"""Model files without torch: `NAME.safetensors` contains the weights, once, and the facts about them.

The format is that of the safetensors library: 8 bytes with the length of the header (little endian), the header in
JSON, the tensors. Nothing in it is pickled.
"""

import hashlib
import json
import shutil
import struct
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hwr.errors import InputError, ModelError
from hwr.files.atomic import atomic_write
from hwr.model.info import ModelInfo, info_from_json

if TYPE_CHECKING:
    from numpy.typing import NDArray

WEIGHTS_SUFFIX = ".safetensors"
GRAPH_SUFFIX = ".onnx"
INT8_SUFFIX = ".int8.onnx"
ONNX_SUFFIXES = (GRAPH_SUFFIX, INT8_SUFFIX)
METADATA_KEY = "hwr"
"""The metadata entry that holds `ModelInfo` as JSON."""
METADATA = "__metadata__"
ALIGNMENT = 8
"""The tensors begin at a multiple of this many bytes; spaces fill up the header."""


def read_header(path: Path) -> dict[str, Any]:
    """Return the JSON header of a safetensors file.

    Raises:
        InputError: the file is missing or cannot be read.
        ModelError: it is not a safetensors file, or it is truncated.
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
    if not isinstance(header, dict) or not isinstance(header.get(METADATA, {}), dict):
        raise ModelError(foreign)
    ends = [_tensor_end(tensor) for name, tensor in header.items() if name != METADATA]
    if None in ends:
        raise ModelError(foreign)
    expected = 8 + length + max((end for end in ends if end is not None), default=0)
    if expected != size:
        raise ModelError(f"{path}: truncated: {expected} bytes expected, {size} found")
    return header


def _tensor_end(tensor: object) -> int | None:
    """Return the end of a tensor in the data, or None if the header's entry does not describe a tensor."""
    offsets = tensor.get("data_offsets") if isinstance(tensor, dict) else None
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(type(offset) is int for offset in offsets):
        return None
    return int(offsets[1])


def read_info(path: Path) -> ModelInfo:
    """Return the facts that a model file states.

    Raises:
        InputError, ModelError: see `read_header` and `hwr.model.info.info_from_json`.
    """
    metadata = read_header(path).get(METADATA, {})
    if METADATA_KEY not in metadata:
        raise ModelError(f"{path}: a safetensors file, but not a model of hwr (no {METADATA_KEY!r} in its metadata)")
    return info_from_json(metadata[METADATA_KEY], path)


def read_tensors(path: Path) -> "dict[str, NDArray[Any]]":
    """Return the tensors of a model file; those of floating-point numbers in float32.

    Raises:
        InputError, ModelError: see `read_header`; shapes that contradict the size of the data.
    """
    import numpy as np
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    read_header(path)
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise ModelError(f"{path}: the weights cannot be read ({error})") from None
    # A table of all fp16 numbers is twice as fast as NumPy's conversion.
    numbers = np.arange(2**16, dtype=np.uint16).view(np.float16).astype(np.float32)
    for name, value in tensors.items():
        if value.dtype.kind == "f":
            half = value.dtype == np.float16
            tensors[name] = numbers[value.view(np.uint16)] if half else value.astype(np.float32, copy=False)
    return tensors


def weights_hash(path: Path) -> str:
    """Return the SHA-256 of the tensors of a model file. The facts do not count: a new model card keeps the hash.

    Raises:
        InputError, ModelError: see `read_header`.
    """
    header = read_header(path)
    header.pop(METADATA, None)
    digest = hashlib.sha256()
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        file.seek(length, 1)
        digest.update(json.dumps(header, sort_keys=True).encode())
        hashlib.file_digest(file, lambda: digest)  # adds the rest of the file
    return digest.hexdigest()


def update_decoder(path: Path, changes: Mapping[str, Any], output: Path | None = None) -> ModelInfo:
    """Change decoder settings (`ModelInfo.decoder`) in a model file; its weights are copied byte by byte.

    Args:
        path: the model file.
        changes: merged into the settings by `merge`; must be values that JSON can hold.
        output: write the changed model under this path, with copies of the ONNX files next to it, which stay valid;
            over the old model if not given.

    Returns:
        The new facts.

    Raises:
        InputError, ModelError: the file is missing or not a model of hwr.
        OutputError: the file cannot be written.
    """
    info = read_info(path)
    info = replace(info, decoder=merge(info.decoder, changes))
    header = read_header(path)
    # The library's order: the metadata first, then the tensors as they are stored.
    metadata = header.pop(METADATA, {}) | {METADATA_KEY: info.to_json()}
    text = json.dumps({METADATA: metadata} | header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    target = output.with_suffix(WEIGHTS_SUFFIX) if output else path
    with atomic_write(target) as temporary, path.open("rb") as old, temporary.open("wb") as new:
        (length,) = struct.unpack("<Q", old.read(8))
        old.seek(length, 1)
        new.write(struct.pack("<Q", len(text)) + text)
        shutil.copyfileobj(old, new)
    if target != path:
        for suffix in (suffix for suffix in ONNX_SUFFIXES if path.with_suffix(suffix).exists()):
            with atomic_write(target.with_suffix(suffix)) as temporary:
                shutil.copyfile(path.with_suffix(suffix), temporary)
    return info


def merge(settings: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with `changes` merged in: dictionaries key by key, other values as a whole, None removes a key.

    This is JSON Merge Patch (RFC 7386).
    """
    merged = dict(settings)
    for key, value in changes.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping):
            old = merged.get(key)
            merged[key] = merge(old if isinstance(old, Mapping) else {}, value)
        else:
            merged[key] = value
    return merged
