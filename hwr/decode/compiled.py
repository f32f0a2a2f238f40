"""The compiled search (search.c): find its library, call it, and log the reason if it cannot be used.

An installed package contains the library. In a checkout it is compiled on first use, into the folder of the package or,
if that is read-only, into the user's cache.
"""

import ctypes
import logging
import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol, runtime_checkable
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from hwr.decode.beam import BeamSettings, Hypothesis
from hwr.decode.build_search import compile_search, library_name

log = logging.getLogger(__name__)

_POINTER = ctypes.c_void_p


def _fields(kind: Any, names: str) -> list[tuple[str, Any]]:
    return [(name, kind) for name in names.split()]


class _Ngrams(ctypes.Structure):
    _fields_ = (
        *_fields(ctypes.c_int32, "order start classes end_symbol code_bytes"),
        *_fields(ctypes.c_float, "bonus unknown ceiling"),
        *_fields(_POINTER, "labels followed rank first log_probs backoffs log_prob_values backoff_values"),
        *_fields(_POINTER, "symbols following added least"),
    )


class _Lexicon(ctypes.Structure):
    _fields_ = (
        *_fields(ctypes.c_int64, "edges classes"),
        *_fields(_POINTER, "kinds labels keys children other letter_to other_cost end_cost letter_cost"),
        *_fields(_POINTER, "forks closes penalty"),
    )


class _Options(ctypes.Structure):
    _fields_ = (
        *_fields(ctypes.c_double, "limit least blank_scale"),
        *_fields(ctypes.c_int32, "width results max_labels"),
    )


@runtime_checkable
class Compilable(Protocol):
    """A scorer that the compiled search supports."""

    def search_tables(self) -> Mapping[str, Mapping[str, Any]] | None:
        """Return the fields of the structures of search.c, `ngrams` and `lexicon`: numbers and contiguous arrays.

        None if the compiled search does not support a part of the scorer.
        """
        ...


class CompiledScorer:
    """A scorer in the form that search.c reads; keeps the arrays alive that it points to."""

    def __init__(self, tables: Mapping[str, Mapping[str, Any]]) -> None:
        """Fill the structures."""
        self._tables = tables
        self.ngrams = _filled(_Ngrams, tables.get("ngrams"))
        self.lexicon = _filled(_Lexicon, tables.get("lexicon"))

    def label_scores(self, labels: Sequence[int] | NDArray[np.int32]) -> NDArray[np.float64]:
        """Return the scorer's score of each label of a line (L,), and of the end of the line: shape (L + 1,)."""
        codes = np.asarray(labels, np.int32)
        scores = np.empty(len(codes) + 1)
        arguments = codes.ctypes.data, len(codes), scores.ctypes.data
        _checked_library().hwr_score_labels(self.ngrams, self.lexicon, *arguments)
        return scores


def _filled(structure: type[ctypes.Structure], values: Mapping[str, Any] | None) -> Any:
    if values is None:
        return None
    filled = structure()
    for name, kind in structure._fields_:  # type: ignore[misc]
        value = values[name]
        setattr(filled, name, value.ctypes.data if kind is _POINTER else value)
    return ctypes.byref(filled)


def search_tables(scorer: object | None) -> Mapping[str, Mapping[str, Any]] | None:
    """Return the tables of a scorer; None if the compiled search does not support it."""
    if scorer is None:
        return {}
    return scorer.search_tables() if isinstance(scorer, Compilable) else None


_scorers: WeakKeyDictionary[Any, CompiledScorer | None] = WeakKeyDictionary()
_NO_SCORER = CompiledScorer({})


def compiled_scorer(scorer: object | None) -> CompiledScorer | None:
    """Return the scorer for `search`; None if NumPy must search: no library, or an unsupported scorer."""
    if load_library() is None:
        return None
    if scorer is None:
        return _NO_SCORER
    if scorer not in _scorers:
        tables = search_tables(scorer)
        _scorers[scorer] = None if tables is None else CompiledScorer(tables)
    return _scorers[scorer]


def search(
    log_probs: NDArray[np.floating], settings: BeamSettings, scorer: CompiledScorer, results: int
) -> list[Hypothesis]:
    """Search one line; as `hwr.decode.search.beam_search`, but with no result for a line that has none."""
    steps, classes = log_probs.shape
    line = np.ascontiguousarray(log_probs, np.float64)
    limit, width = float(np.log(settings.certain_blank)), settings.width
    least = float(np.log(settings.min_probability)) if settings.min_probability > 0 else -np.inf
    options = _Options(limit, least, settings.blank_scale, width, results, min(settings.max_labels, classes))
    texts = np.empty((results, max(steps, 1)), np.int32)
    lengths = np.empty(results, np.int32)
    log_p, scores = np.empty(results), np.empty(results)
    outputs = (array.ctypes.data for array in (texts, lengths, log_p, scores))
    count = _checked_library().hwr_search(
        line.ctypes.data, steps, classes, ctypes.byref(options), scorer.ngrams, scorer.lexicon, *outputs
    )
    if count < 0:
        raise MemoryError(f"beam search of {width} texts over {steps} time steps")
    flat = texts.ravel()
    return [
        Hypothesis(tuple(flat[n * steps : n * steps + lengths[n]].tolist()), float(log_p[n]), float(scores[n]))
        for n in range(count)
    ]


def _checked_library() -> ctypes.CDLL:
    library = load_library()
    assert library is not None  # callers have a `CompiledScorer`
    return library


@cache
def load_library() -> ctypes.CDLL | None:
    """Return the library; if it cannot be used, log the reason and return None."""
    try:
        library = open_library()
    except OSError as error:
        log.info("the beam search runs in NumPy, which is slower: %s", error)
        return None
    log.info("the beam search runs compiled: %s", library._name)
    return library


def open_library() -> ctypes.CDLL:
    """Open the library.

    Raises:
        OSError: it cannot be used, and the reason.
    """
    library = ctypes.CDLL(str(_find_library()))
    try:
        library.hwr_search.restype = ctypes.c_int32
        library.hwr_search.argtypes = [_POINTER, ctypes.c_int64, ctypes.c_int32, *[_POINTER] * 7]
        library.hwr_score_labels.restype = None
        library.hwr_score_labels.argtypes = [_POINTER, _POINTER, _POINTER, ctypes.c_int64, _POINTER]
    except AttributeError as error:
        raise OSError(f"{library._name}: {error}") from None
    return library


def _find_library() -> Path:
    """Return the path of the library, compiled if necessary."""
    name = library_name()
    folders = [Path(__file__).parent, cache_folder()]
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    error = OSError("no writable folder for the compiled search")
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            compile_search(folder / name)
            return folder / name
        except OSError as reason:
            error = reason
    raise error


def cache_folder() -> Path:
    """Return the folder of the user's cache for the library."""
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(base) if base else Path.home() / ".cache") / "hwr"
