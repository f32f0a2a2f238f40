"""Change what a model file states of its decoders; weights and all other facts stay as they are.

The facts lie in two files, `NAME.safetensors` and `NAME.onnx`. Both are made ready before the first of them is
replaced, and the weights' bytes are copied as they are: the pair stays a pair (`hwr.model.info.weights_hash`).
Needs no torch.
"""

import json
import shutil
import struct
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from hwr.delta import DELTA_SUFFIX, restore
from hwr.errors import InputError, MissingDependency, ModelError
from hwr.files.atomic import atomic_write
from hwr.model.info import (
    METADATA_KEY,
    WEIGHTS_KEY,
    ModelInfo,
    info_from_json,
    read_info,
    read_safetensors_header,
    weights_hash,
)

ALIGNMENT = 8
"""The tensors of a safetensors file begin at a multiple of so many bytes; blanks fill up the header."""


def update_decoder(path: Path, changes: Mapping[str, Any], output: Path | None = None) -> ModelInfo:
    """Change decoder settings (`ModelInfo.decoder`) in a model's files, in both where both exist.

    Where an installed package has a delta in the place of the ONNX file (`hwr.delta`), the whole file is written: a
    delta does not outlast its other half.

    Args:
        path: the `.safetensors` or the `.onnx` file of the model.
        changes: what `merge` puts into the settings; must be what JSON can hold.
        output: write the changed files under this path, with the suffixes of the model's; over the old ones if not
            given.

    Returns:
        The new facts.

    Raises:
        InputError, ModelError: a file is missing or not of hwr, or the ONNX file was made from other weights.
        MissingDependency: there is an ONNX file, and the package `onnx` is not installed.
        OutputError: a file cannot be written.
    """
    weights, onnx_file = path.with_suffix(".safetensors"), path.with_suffix(".onnx")
    target = output or path
    info = None
    with ExitStack() as stack:
        if weights.exists() or path.suffix != ".onnx":
            info = read_info(weights)
            info = replace(info, decoder=merge(info.decoder, changes))
            written = stack.enter_context(atomic_write(target.with_suffix(".safetensors")))
            _copy_safetensors(weights, written, info)
        if onnx_file.exists() or _delta_of(onnx_file).exists() or info is None:
            written = stack.enter_context(atomic_write(target.with_suffix(".onnx")))
            info = _copy_onnx(onnx_file, written, changes, weights if info else None, info)
    return info


def merge(settings: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with `changes` put in: dictionaries key by key, other values as a whole, None takes a key out.

    That is JSON Merge Patch (RFC 7386).
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


def _copy_safetensors(source: Path, target: Path, info: ModelInfo) -> None:
    """Copy a safetensors file with new facts in its header."""
    header = read_safetensors_header(source)
    # In the library's form: the metadata first, then the tensors in the order of the file.
    metadata = header.pop("__metadata__", {}) | {METADATA_KEY: info.to_json()}
    text = json.dumps({"__metadata__": metadata} | header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    with source.open("rb") as old, target.open("wb") as new:
        (length,) = struct.unpack("<Q", old.read(8))
        old.seek(length, 1)
        new.write(struct.pack("<Q", len(text)) + text)
        shutil.copyfileobj(old, new)


def _copy_onnx(
    source: Path, target: Path, changes: Mapping[str, Any], weights: Path | None, info: ModelInfo | None
) -> ModelInfo:
    """Copy an ONNX file with new facts: its own, or with the decoder settings of the weights beside it."""
    try:
        import onnx
    except ModuleNotFoundError:
        raise MissingDependency(
            f"{source}: changing its metadata needs onnx, which is not installed; run: pip install onnx"
        ) from None
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        model = onnx.load_model_from_string(_read_onnx(source))
    except OSError as error:
        raise InputError(f"{source}: cannot be read: {error.strerror}") from None
    except DecodeError:
        raise ModelError(f"{source}: not an ONNX model, or truncated") from None
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    if METADATA_KEY not in metadata or WEIGHTS_KEY not in metadata:
        raise ModelError(f"{source}: an ONNX file, but not one that `hwr export` wrote")
    if weights is not None and metadata[WEIGHTS_KEY] != weights_hash(weights):
        raise ModelError(f"{source}: stale, not made from {weights.name} as it is now; run `hwr export {weights}`")
    own = info_from_json(metadata[METADATA_KEY], source)
    changed = replace(own, decoder=info.decoder if info else merge(own.decoder, changes))
    for entry in model.metadata_props:
        if entry.key == METADATA_KEY:
            entry.value = changed.to_json()
    target.write_bytes(model.SerializeToString(deterministic=True))
    return info or changed


def _delta_of(onnx_file: Path) -> Path:
    return onnx_file.with_name(onnx_file.name + DELTA_SUFFIX)


def _read_onnx(path: Path) -> bytes:
    """The ONNX file, put together from its delta where only that is there."""
    delta = _delta_of(path)
    if path.exists() or not delta.exists():
        return path.read_bytes()
    return restore(delta.read_bytes(), path.with_suffix(".safetensors").read_bytes(), delta)
