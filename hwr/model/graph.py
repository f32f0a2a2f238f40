"""ONNX graphs, opened in ONNX Runtime without torch, with the weights passed in.

`NAME.onnx` contains the graph of a network. It declares the name and the shape of each weight, but not its numbers;
ONNX Runtime gets them as arrays, from `NAME.safetensors`. No file that a graph names is read: a graph that refers to a
file is refused, because in ONNX such a reference can name any file on the disk.
"""

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwr.errors import InputError, ModelError
from hwr.files.tree import check_regular

SPEC_KEY = "hwr_spec"
"""The metadata entry of a graph: the VGSL specification that it was made from."""
WEIGHTS_KEY = "hwr_weights_sha256"
"""The metadata entry of a file with weights of its own: the hash of the model's weights (`files.weights_hash`)."""
INPUTS = ("ink", "widths")
OUTPUTS = ("log_probs", "steps")
LOCATION = b"location"
"""The key without which ONNX has no reference to a file."""
DATA_FIELDS = {4, 5, 6, 7, 9, 10, 11}
"""Fields of a tensor in onnx.proto that hold its numbers."""

GRAPH, INITIALIZER, DIMS, NAME = 7, 5, 1, 8
"""Fields of onnx.proto: the graph of a model, the constants of a graph, the shape and the name of a tensor."""
EXTERNAL = b"\x6a\x13\x0a\x08" + LOCATION + b"\x12\x07weights" + b"\x70\x01"
"""Two fields of a tensor: external_data with the location "weights", and data_location EXTERNAL."""

Tensors = Mapping[str, NDArray[np.float32]]


def read_graph(path: Path) -> bytes:
    """Return the content of an ONNX file.

    Raises:
        InputError: the file is missing, cannot be read, or is not a regular one.
        ModelError: a folder, or an empty file.
    """
    if path.is_dir():
        raise ModelError(f"{path}: a folder; an .onnx file is expected")
    check_regular(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if not content:
        raise ModelError(f"{path}: the file is empty")
    return content


def open_graph(content: bytes, tensors: Tensors | None, where: object) -> Any:
    """Open a graph with the weights that it declares.

    Each call computes on the thread that calls: parallel calls use the cores better than parallel operators. An LSTM
    has little to divide in each step, and threads that wait for each other lose much where other work holds a core
    (`benchmarks/reading_speed.py`).

    Args:
        content: the ONNX file.
        tensors: weights by name. ONNX Runtime uses their memory: keep them as long as the session. None: the file
            contains its weights and is optimised (`hwr.model.quantise`).
        where: begins the message of an error.

    Returns:
        An `onnxruntime.InferenceSession`.

    Raises:
        ModelError: not an ONNX file that hwr wrote, truncated, or made for another network.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # warnings are of no use to a reader, and errors are raised
    options.enable_mem_pattern = False  # memory plans are kept for each input shape, and each batch has another width
    options.add_session_config_entry("session.load_model_format", "ONNX")
    if LOCATION in content:
        raise ModelError(f"{where}: refers to another file; write it again with `hwr export --force`")
    if tensors is not None:
        content, names = _declare_external(content, tensors, where)
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(tensors[name]) for name in names]
        options.add_external_initializers(names, values)
    else:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        found = (tuple(i.name for i in session.get_inputs()), tuple(o.name for o in session.get_outputs()))
        dict(session.get_modelmeta().custom_metadata_map)  # names and metadata are decoded only when they are asked for
    except Exception as error:  # the classes that ONNX Runtime raises have no public common base
        reason = " ".join(str(error).split())[:160]
        raise ModelError(f"{where}: not an ONNX model, or truncated ({reason})") from None
    if found != (INPUTS, OUTPUTS):
        raise ModelError(f"{where}: an ONNX file, but not one that `hwr export` wrote")
    return session


def _declare_external(content: bytes, tensors: Tensors, where: object) -> tuple[bytes, list[str]]:
    """Return a graph with external weights, as ONNX Runtime needs for weights that are passed in, and their names."""
    names: list[str] = []
    model = bytearray()
    try:
        for number, value in _fields(memoryview(content)):
            if number == GRAPH and not isinstance(value, int):
                value = memoryview(_declare_weights(value, tensors, where, names))
            model += _encoded(number, value)
    except (ValueError, IndexError, struct.error):
        raise ModelError(f"{where}: not an ONNX model, or truncated") from None
    return bytes(model), names


def _declare_weights(graph: memoryview, tensors: Tensors, where: object, names: list[str]) -> bytes:
    """Return a graph with a location in each weight, and add their names to `names`."""
    declared = bytearray()
    for number, value in _fields(graph):
        if number == INITIALIZER and not isinstance(value, int) and (weight := _weight(value)):
            name, shape = weight
            if name not in tensors or tensors[name].shape != shape:
                found = tensors[name].shape if name in tensors else "nothing"
                raise ModelError(
                    f"{where}: made for another network: {name} is {shape} there, {found} in the model file; "
                    "write it again with `hwr export --force`"
                )
            names.append(name)
            value = memoryview(bytes(value) + EXTERNAL)
        declared += _encoded(number, value)
    return bytes(declared)


def _weight(tensor: memoryview) -> tuple[str, tuple[int, ...]] | None:
    """Return name and shape of a tensor without its numbers, or None for any other tensor."""
    name, shape = b"", []
    for number, value in _fields(tensor):
        if number in DATA_FIELDS:
            return None
        if number == DIMS:
            shape += [value] if isinstance(value, int) else _varints(value)
        elif number == NAME and not isinstance(value, int):
            name = bytes(value)
    return None if 0 in shape else (name.decode(), tuple(shape))


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield number and value of each field of a message (Protocol Buffers, "Encoding")."""
    offset = 0
    while offset < len(message):
        key, offset = _varint(message, offset)
        kind = key & 7
        if kind == 0:
            value, offset = _varint(message, offset)
            yield key >> 3, value
            continue
        if kind == 2:
            length, offset = _varint(message, offset)
        else:
            length = {1: 8, 5: 4}.get(kind, len(message))  # there are no other kinds
        if offset + length > len(message):
            raise ValueError("truncated")
        yield key >> 3, message[offset : offset + length]
        offset += length


def _varints(packed: memoryview) -> list[int]:
    values, offset = [], 0
    while offset < len(packed):
        value, offset = _varint(packed, offset)
        values.append(value)
    return values


def _varint(message: memoryview, offset: int) -> tuple[int, int]:
    """Return the number at `offset`, seven bits in each byte, and the offset after it."""
    value = shift = 0
    while shift < 70:
        byte = message[offset]
        value |= (byte & 127) << shift
        offset, shift = offset + 1, shift + 7
        if byte < 128:
            return value, offset
    raise ValueError("too long")


def _encoded(number: int, value: int | memoryview) -> bytes:
    """Return a field of a message: a number, or a text or message."""
    if isinstance(value, int):
        return _encoded_varint(number << 3) + _encoded_varint(value)
    return _encoded_varint(number << 3 | 2) + _encoded_varint(len(value)) + value


def _encoded_varint(value: int) -> bytes:
    groups = [value & 127]
    while value := value >> 7:
        groups.append(value & 127)
    return bytes([*(group | 128 for group in groups[:-1]), groups[-1]])
