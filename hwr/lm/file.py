"""Files of language models: a safetensors container that is mapped into memory, not read.

The arrays are those of `hwr.lm.model.Model`, the metadata is JSON. Several processes share one copy of the pages.
"""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwr.errors import ModelError, UsageError
from hwr.files.atomic import write_file
from hwr.files.tree import check_regular
from hwr.lm.model import Model, Quantised, make_model, tables_of
from hwr.lm.ngrams import MAX_ORDER, Symbols, Tables

METADATA_KEY = "hwr_lm"
FORMAT_VERSION = 1
LM_SUFFIX = ".lm"
MAX_NGRAMS = 2**31
MAX_NUMBER = 1e6
"""Bounds of stored numbers: logarithms beyond these are not probabilities."""
ARRAYS = ("labels", "log_probs", "followed", "continuations", "backoffs")


def write_model(model: Model, path: Path) -> None:
    """Write a model.

    Raises:
        OutputError: the file cannot be written.
    """
    from safetensors.numpy import save

    facts = {
        "format_version": FORMAT_VERSION,
        "characters": model.symbols.characters,
        "order": model.order,
        "unknown": model.unknown,
        "log_probs": [model.log_probs.top, model.log_probs.step],
        "backoffs": [model.backoffs.top, model.backoffs.step],
        "facts": model.facts,
    }
    arrays = {
        "labels": model.labels,
        "log_probs": model.log_probs.codes,
        "followed": model.followed,
        "continuations": model.continuations,
        "backoffs": model.backoffs.codes,
    }
    write_file(path, save(arrays, {METADATA_KEY: json.dumps(facts, ensure_ascii=False, sort_keys=True)}))


def read_model(path: Path) -> Model:
    """Map a model into memory.

    Raises:
        ModelError: missing, not a language model, truncated, of an unknown version, or inconsistent.
        InputError: not a regular file; see `check_regular`.
    """
    facts = _metadata(path)
    arrays = _map_arrays(path)
    try:
        model = Model(
            symbols=Symbols(facts["characters"]),
            order=int(facts["order"]),
            unknown=float(facts["unknown"]),
            labels=arrays["labels"],
            log_probs=Quantised(arrays["log_probs"], *map(float, facts["log_probs"])),
            followed=arrays["followed"],
            continuations=arrays["continuations"],
            backoffs=Quantised(arrays["backoffs"], *map(float, facts["backoffs"])),
            facts=dict(facts["facts"]),
        )
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ModelError(f"{path}: the language model's metadata is incomplete ({error})") from None
    _check(model, path)
    return model


def _metadata(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError, safe_open

    check_regular(path)
    if not path.is_file():
        what = "a folder; a language model is one file" if path.is_dir() else "no such language model"
        raise ModelError(f"{path}: {what}")
    try:
        with safe_open(path, "numpy") as file:
            metadata = (file.metadata() or {}).get(METADATA_KEY)
            names = sorted(file.keys())
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path}: not a language model ({LM_SUFFIX}), or truncated ({error})") from None
    if metadata is None or names != sorted(ARRAYS):
        raise ModelError(f"{path}: a safetensors file, but not a language model of hwr")
    try:
        facts = json.loads(metadata)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: the language model's metadata is not JSON ({error})") from None
    version = facts.get("format_version") if isinstance(facts, dict) else None
    if version != FORMAT_VERSION:
        raise ModelError(f"{path}: language model format {version!r} is unknown; this hwr reads {FORMAT_VERSION}")
    return dict(facts)


def _map_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of a safetensors file that `safe_open` has checked, mapped into memory (format: its README)."""
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    content = np.memmap(path, np.uint8, "r")
    arrays = {}
    for name in ARRAYS:
        begin = 8 + length + header[name]["data_offsets"][0]
        dtype = {"U8": np.uint8, "U16": np.uint16}.get(header[name]["dtype"])
        if dtype is None or len(header[name]["shape"]) != 1:
            raise ModelError(f"{path}: the array {name!r} has the wrong type")
        size = header[name]["shape"][0] * np.dtype(dtype).itemsize
        arrays[name] = np.asarray(content[begin : begin + size].view(dtype))
    return arrays


def _check(model: Model, path: Path) -> None:
    """Refuse arrays that do not fit each other. If they do, no look-up leaves an array, not even in search.c."""
    grams, states = len(model.labels), len(model.continuations)
    codes = (model.log_probs, model.backoffs)
    fits = (
        1 <= model.order <= MAX_ORDER
        and 0 < states <= grams + 1 < MAX_NGRAMS
        and all(array.dtype == np.uint8 for array in (model.labels, model.followed, model.continuations))
        and len({array.codes.dtype for array in codes}) == 1
        and [len(array.codes) for array in codes] == [grams, states]
        and int(model.labels.max(initial=0)) < len(model.symbols.characters) + 4
        and len(model.followed) == -(-grams // 8)
        and int(model.continuations.sum(dtype=np.int64)) == grams
        and int(model.rank[-1]) == states - 1
        and not (grams % 8 and model.followed[-1] & (0xFF >> grams % 8))
    )
    numbers = (model.unknown, *(number for array in codes for number in (array.top, array.step)))
    if not fits or not all(abs(number) <= MAX_NUMBER for number in numbers):
        raise ModelError(f"{path}: the language model is broken: its arrays do not fit each other")


ARPA_SUFFIXES = (".arpa", ".arpa.gz", ".arpa.xz")
ARPA_BITS = 16
"""Bits of a probability when an ARPA file is used directly: the rounding error stays below 0.0002."""


def is_arpa(path: Path) -> bool:
    """Return whether the name is that of an ARPA file."""
    return path.name.lower().endswith(ARPA_SUFFIXES)


def check_suffix(path: Path) -> None:
    """Refuse a name with another ending than `.lm`, `.arpa`, `.arpa.gz` or `.arpa.xz`.

    Raises:
        UsageError: the ending is another one.
    """
    if path.suffix != LM_SUFFIX and not is_arpa(path):
        raise UsageError(f"{path}: name it NAME{LM_SUFFIX} or NAME.arpa (.gz, .xz)")


def write(tables: Tables, path: Path, bits: int, facts: dict[str, object]) -> None:
    """Write a model in the format that the name states; the facts are written to a `.lm` file only.

    Raises:
        OutputError: the file cannot be written.
        UsageError: see `check_suffix`.
    """
    from hwr.lm.arpa import write_arpa

    check_suffix(path)
    if is_arpa(path):
        write_arpa(tables, path)
    else:
        write_model(make_model(tables, bits, facts), path)


def load(path: Path) -> Model:
    """Read a model of either format.

    Raises:
        ModelError: see `read_model` and `read_arpa`.
        UsageError: see `check_suffix`.
    """
    check_suffix(path)
    if not is_arpa(path):
        return read_model(path)
    from hwr.lm.arpa import read_arpa

    return make_model(read_arpa(path), ARPA_BITS)


def read_tables(path: Path) -> tuple[Tables, dict[str, object]]:
    """Return the n-grams of a model in either format, and the facts that a `.lm` file states.

    Raises:
        ModelError, UsageError: see `load`.
    """
    from hwr.lm.arpa import read_arpa

    check_suffix(path)
    if is_arpa(path):
        return read_arpa(path), {}
    model = read_model(path)
    return tables_of(model), model.facts
