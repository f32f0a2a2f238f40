"""Find models by name or path, and load them."""

import hashlib
import importlib
import importlib.util
import logging
import math
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from hwr.errors import InputError, MissingDependency, ModelError, OutputError, UsageError, as_argument
from hwr.files.atomic import atomic_write
from hwr.files.tree import check_regular
from hwr.lm.file import LM_SUFFIX, is_arpa, load
from hwr.lm.model import Model
from hwr.model.files import GRAPH_SUFFIX, INT8_SUFFIX, METADATA, WEIGHTS_SUFFIX, read_header, read_info
from hwr.model.info import ModelInfo
from hwr.recognize.runtime import OnnxRuntime, check_normalisation, load_int8, load_onnx

Precision = Literal["int8", "fp32"]

BEST, LAST = "best.safetensors", "last.safetensors"
"""Weights in a run folder; see `model_of_run`."""
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
"""Tensors of a batch norm that are counted during training, not learned."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ModelFiles:
    """The files of one model.

    Attributes:
        safetensors: weights and facts.
        graph: the ONNX graph, if there is one.
        int8: the int8 ONNX file, if there is one.
    """

    name: str
    safetensors: Path
    graph: Path | None
    int8: Path | None


@dataclass(frozen=True)
class InstalledModel:
    """A shipped model with the facts that `hwr models` prints."""

    files: ModelFiles
    info: ModelInfo
    parameters: int
    bytes: int
    """Size of the weights file."""


def models_folder() -> Path:
    """Return the folder of the shipped models: `hwr/checkpoints` when installed, `checkpoints` in a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "checkpoints"
    return installed if installed.is_dir() else package.parent / "checkpoints"


def model_names() -> list[str]:
    """Return the names of the shipped models, sorted."""
    folder = models_folder()
    return sorted(path.stem for path in folder.glob(f"*{WEIGHTS_SUFFIX}")) if folder.is_dir() else []


def find_model(name_or_path: str | Path) -> ModelFiles:
    """Find a model: a `.safetensors` file, its `.onnx` file, a run folder, or the name of a shipped model.

    No file is opened here; `load_model` checks them.

    Raises:
        InputError: a path that does not exist.
        ModelError: a path to something that cannot be a model.
        UsageError: a name that no shipped model has.
    """
    path = Path(name_or_path)
    if path.suffix in (WEIGHTS_SUFFIX, GRAPH_SUFFIX) or path.is_file() or len(path.parts) > 1:
        return _model_at(path)
    name = str(name_or_path)
    if not name:
        raise UsageError("the name of the model is empty")
    if name in model_names():
        return _model_at(models_folder() / f"{name}{WEIGHTS_SUFFIX}")
    if path.is_dir():
        return _model_at(path)
    installed = ", ".join(model_names()) or "none"
    raise UsageError(f"no model named {name!r}; installed: {installed}; give a file with its path")


def model_of_run(folder: Path) -> Path:
    """Return the model in a run folder: the best one, or the last one if nothing was validated."""
    return folder / (BEST if (folder / BEST).exists() else LAST)


def _model_at(path: Path) -> ModelFiles:
    if path.is_dir():
        found = model_of_run(path)
        if not found.exists():
            raise ModelError(f"{path}: a folder without {BEST} or {LAST}; give a run folder or a model file")
        path = found
    if not path.exists():
        raise InputError(f"{path}: no such model file")
    check_regular(path)
    if path.suffix not in (WEIGHTS_SUFFIX, GRAPH_SUFFIX):
        raise ModelError(f"{path}: not a model file ({WEIGHTS_SUFFIX} expected)")
    stem = path.name.removesuffix(INT8_SUFFIX).removesuffix(GRAPH_SUFFIX).removesuffix(WEIGHTS_SUFFIX)
    weights, graph, int8 = (path.with_name(stem + suffix) for suffix in (WEIGHTS_SUFFIX, GRAPH_SUFFIX, INT8_SUFFIX))
    if not weights.exists():
        raise InputError(f"{weights}: no such model file; {path.name} is read together with it")
    return ModelFiles(stem, weights, graph if graph.exists() else None, int8 if int8.exists() else None)


def precisions(name_or_path: str | Path) -> tuple[Precision, ...]:
    """Return the precisions in which a model can read, the default first; raise as `find_model`."""
    return ("fp32",) if find_model(name_or_path).int8 is None else ("int8", "fp32")


def load_model(name_or_path: str | Path, threads: int | None = None, precision: Precision | None = None) -> OnnxRuntime:
    """Load a model for reading; make its ONNX graph first if there is none and torch is installed.

    Args:
        name_or_path: see `find_model`.
        threads: batches to compute at the same time; by default the number of available cores.
        precision: of the network; by default int8 if the model has an int8 file, otherwise fp32.

    Raises:
        InputError, ModelError, UsageError: see `find_model`, `hwr.model.files.read_info`, `load_onnx` and `load_int8`;
            int8 was requested and the model has no int8 file; threads or precision are wrong.
        MissingDependency: there is no ONNX graph and no torch to make it.
    """
    if threads is not None and not (isinstance(threads, int) and threads > 0):
        raise UsageError(f"threads = {threads!r}: a whole number, at least 1, is needed")
    if precision not in (None, *get_args(Precision)):
        raise UsageError(f"precision = {precision!r}: one of {', '.join(get_args(Precision))} is needed")
    files = find_model(name_or_path)
    if precision == "int8" and files.int8 is None:
        raise UsageError(
            f"{files.safetensors}: the model has no int8 file; "
            f"make it: hwr export {as_argument(files.safetensors)} --int8 --calibrate DATA"
        )
    if files.int8 is not None and precision != "fp32":
        log.info("%s: the network runs in int8", files.name)
        return load_int8(files.safetensors, files.int8, threads)
    graph: Path | bytes | None = files.graph
    if graph is None:
        info = read_info(files.safetensors)
        check_normalisation(info, files.safetensors)
        graph = _made_graph(files.safetensors, info.spec)
    log.info("%s: the network runs in fp32", files.name)
    return load_onnx(files.safetensors, graph, threads)


def _made_graph(safetensors: Path, spec: str) -> Path | bytes:
    """Return the graph of a specification from the user's cache folder, or make it now and keep it.

    It is kept next to the weights, otherwise in the cache folder, otherwise only for this process.
    """
    cached = cache_folder() / f"{hashlib.sha256(spec.encode()).hexdigest()}{GRAPH_SUFFIX}"
    if cached.is_file():
        return cached
    sibling = safetensors.with_suffix(GRAPH_SUFFIX)
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("onnx") is None:
        raise MissingDependency(
            f"{safetensors}: {sibling.name} is missing, and torch and onnx, which make it, are not installed; "
            f"run `hwr export {as_argument(safetensors)}` where they are, and put {sibling.name} next to the weights"
        )
    log.warning("%s: making %s, once", safetensors, sibling.name)
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # torch's exporter warns about shapes
    content: bytes = importlib.import_module("hwr.model.export").graph(spec)
    for target in (sibling, cached):
        with suppress(OSError, OutputError):
            target.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(target) as temporary:
                temporary.write_bytes(content)
            return target
    return content


def cache_folder() -> Path:
    """Return the user's cache folder of hwr (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "hwr"


def installed_models() -> list[InstalledModel]:
    """Return the shipped models, by name.

    Raises:
        ModelError: one of them is broken.
    """
    models = []
    for name in model_names():
        files = find_model(models_folder() / f"{name}{WEIGHTS_SUFFIX}")
        size = files.safetensors.stat().st_size
        parameters = count_parameters(files.safetensors)
        models.append(InstalledModel(files, read_info(files.safetensors), parameters, size))
    return models


def count_parameters(safetensors: Path) -> int:
    """Return the number of learned weights in a file, from its header alone; statistics of norms do not count.

    Raises:
        InputError, ModelError: see `hwr.model.files.read_header`.
    """
    return sum(
        math.prod(tensor["shape"])
        for name, tensor in read_header(safetensors).items()
        if name != METADATA and not name.endswith(STATISTICS)
    )


def language_model_names() -> list[str]:
    """Return the names of the shipped language models, sorted."""
    folder = models_folder()
    return sorted(path.stem for path in folder.glob(f"*{LM_SUFFIX}")) if folder.is_dir() else []


def find_language_model(name_or_path: str | Path) -> Model:
    """Load a `.lm` or ARPA file, or a shipped language model by its name.

    Raises:
        ModelError: the file is missing, truncated, or no language model.
        UsageError: a name that no shipped language model has, or a file with another ending.
    """
    return load(language_model_file(name_or_path))


def language_model_file(name_or_path: str | Path) -> Path:
    """Return the file of a language model, which is named as in `find_language_model`.

    Raises:
        UsageError: a name that no shipped language model has.
    """
    path = Path(name_or_path)
    if path.suffix == LM_SUFFIX or is_arpa(path) or path.is_file() or len(path.parts) > 1:
        return path
    names = language_model_names()
    if str(name_or_path) not in names:
        installed = ", ".join(names) or "none"
        raise UsageError(
            f"no language model named {str(name_or_path)!r}; installed: {installed}; a file is named NAME{LM_SUFFIX}"
        )
    return models_folder() / f"{name_or_path}{LM_SUFFIX}"
