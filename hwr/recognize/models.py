"""Find models by name or path, and keep each ONNX file true to its weights."""

import importlib
import importlib.util
import logging
import math
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hwr.delta import DELTA_SUFFIX
from hwr.errors import InputError, MissingDependency, ModelError, UsageError
from hwr.lm.file import LM_SUFFIX, is_arpa, load
from hwr.lm.model import Model
from hwr.model.info import ModelInfo, read_info, read_safetensors_header, weights_hash
from hwr.recognize.runtimes.onnx import OnnxRuntime, check_normalisation, load_onnx

DEFAULT_MODEL = "small"
"""The model that is used when none is named."""

WEIGHTS_SUFFIX = ".safetensors"
ONNX_SUFFIX = ".onnx"
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
"""Tensors of a batch norm that are counted while training, not learned."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ModelFiles:
    """The files of one model. At least one path is set; `safetensors` is the truth where it exists.

    `onnx` is the ONNX file, or its delta (`hwr.delta`) where only that lies beside the weights.
    """

    name: str
    safetensors: Path | None
    onnx: Path | None


@dataclass(frozen=True)
class InstalledModel:
    """A model that ships, with the facts that `hwr models` prints."""

    files: ModelFiles
    info: ModelInfo
    parameters: int
    bytes: int
    """Size of the weights file."""


def models_folder() -> Path:
    """Where shipped models lie: `hwr/checkpoints` in an installed package, `checkpoints` in a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "checkpoints"
    return installed if installed.is_dir() else package.parent / "checkpoints"


def model_names() -> list[str]:
    """Names of the shipped models, sorted."""
    folder = models_folder()
    files = folder.glob("*") if folder.is_dir() else ()
    return sorted({path.stem for path in files if path.suffix in (WEIGHTS_SUFFIX, ONNX_SUFFIX)})


def find_model(name_or_path: str | Path) -> ModelFiles:
    """Find a model: a `.safetensors` or `.onnx` file, or the name of a shipped model.

    Nothing is opened here; `load_model` checks the files.

    Raises:
        InputError: a path that does not exist.
        ModelError: a path to something that no model file can be.
        UsageError: a name that no shipped model has.
    """
    path = Path(name_or_path)
    if path.suffix in (WEIGHTS_SUFFIX, ONNX_SUFFIX) or path.is_file() or len(path.parts) > 1:
        return _files_at(path)
    name = str(name_or_path)
    if name not in model_names():
        installed = ", ".join(model_names()) or "none"
        raise UsageError(f"no model named {name!r}; installed: {installed}; a file is named with its path")
    return _pair(models_folder() / name)


def _files_at(path: Path) -> ModelFiles:
    if path.is_dir():
        inside = sorted(path.glob(f"*{WEIGHTS_SUFFIX}"))
        advice = f"name a file in it, such as {inside[0]}" if inside else "no model lies in it"
        raise ModelError(f"{path}: a folder; {advice}")
    if not path.exists():
        raise InputError(f"{path}: no such model file")
    if path.suffix not in (WEIGHTS_SUFFIX, ONNX_SUFFIX):
        raise ModelError(f"{path}: not a model file ({WEIGHTS_SUFFIX} or {ONNX_SUFFIX} expected)")
    return _pair(path.with_suffix(""))


def _pair(stem: Path) -> ModelFiles:
    """The files that exist of `stem`.safetensors and `stem`.onnx."""
    weights = stem.with_name(stem.name + WEIGHTS_SUFFIX)
    onnx = stem.with_name(stem.name + ONNX_SUFFIX)
    delta = onnx.with_name(onnx.name + DELTA_SUFFIX)
    network = next((path for path in (onnx, delta) if path.exists()), None)
    return ModelFiles(stem.name, weights if weights.exists() else None, network)


def load_model(name_or_path: str | Path, threads: int | None = None) -> OnnxRuntime:
    """Load a model for reading; make its ONNX file first if there is none and torch is installed.

    Args:
        name_or_path: see `find_model`.
        threads: batches that are computed side by side; as many as there are available cores if not given.

    Raises:
        InputError, ModelError, UsageError: see `find_model`, `hwr.model.info.read_info` and `load_onnx`; an ONNX file
            that was made from other weights.
        MissingDependency: there is no ONNX file and no torch to make it.
    """
    files = find_model(name_or_path)
    if files.safetensors is None:
        assert files.onnx is not None
        return load_onnx(files.onnx, threads)
    info = read_info(files.safetensors)
    check_normalisation(info, files.safetensors)
    weights = weights_hash(files.safetensors)
    path = files.onnx or _made_onnx(files.safetensors, weights)
    runtime = load_onnx(path, threads)
    if runtime.weights != weights or _reading_facts(runtime.info) != _reading_facts(info):
        raise ModelError(
            f"{path}: stale, not made from {files.safetensors.name} as it is now; run `hwr export {files.safetensors}`"
        )
    return OnnxRuntime(info, weights, runtime.session, runtime.threads)


def _reading_facts(info: ModelInfo) -> tuple[object, ...]:
    """What must agree for two files to be one model."""
    return (info.spec, info.alphabet, info.height, info.normalisation, info.normalisation_version, info.stride)


def _made_onnx(safetensors: Path, weights: str) -> Path:
    """The cached ONNX file of these weights, made now if need be.

    It is kept beside the weights, or in the user's cache folder where that folder is read-only.
    """
    cached = cache_folder() / f"{weights}{ONNX_SUFFIX}"
    if cached.is_file():
        return cached
    beside = safetensors.with_suffix(ONNX_SUFFIX)
    if importlib.util.find_spec("torch") is None:
        raise MissingDependency(
            f"{safetensors}: {beside.name} is missing, and torch, which makes it, is not installed; "
            f"run `hwr export {safetensors}` where torch is, and put {beside.name} beside the weights"
        )
    log.warning("%s: making %s, once", safetensors, beside.name)
    export = importlib.import_module("hwr.model.export")
    target = beside if _writable(beside.parent) else cached
    target.parent.mkdir(parents=True, exist_ok=True)
    export.export_onnx(safetensors, target)
    return target


def _writable(folder: Path) -> bool:
    """Whether a file can be made in `folder`; asks the file system, since root passes every permission check."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def cache_folder() -> Path:
    """The user's cache folder of hwr (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "hwr"


def installed_models() -> list[InstalledModel]:
    """The shipped models that have weights, by name.

    Raises:
        ModelError: one of them is broken.
    """
    models = []
    for name in model_names():
        files = _pair(models_folder() / name)
        if files.safetensors is None:
            continue
        info = read_info(files.safetensors)
        size = files.safetensors.stat().st_size
        models.append(InstalledModel(files, info, count_parameters(files.safetensors), size))
    return models


def count_parameters(safetensors: Path) -> int:
    """Learned numbers in a weights file, from its header alone; running statistics of norms do not count.

    Raises:
        InputError, ModelError: see `hwr.model.info.read_safetensors_header`.
    """
    header = read_safetensors_header(safetensors)
    return sum(
        math.prod(tensor["shape"])
        for name, tensor in header.items()
        if name != "__metadata__" and not name.endswith(STATISTICS)
    )


def language_model_names() -> list[str]:
    """Names of the shipped language models, sorted."""
    folder = models_folder()
    return sorted(path.stem for path in folder.glob(f"*{LM_SUFFIX}")) if folder.is_dir() else []


def find_language_model(name_or_path: str | Path) -> Model:
    """Load a `.lm` or ARPA file, or a shipped language model by its name.

    Raises:
        ModelError: the file is missing, truncated, or no language model.
        UsageError: a name that no shipped language model has, or a file with another ending.
    """
    path = Path(name_or_path)
    if path.suffix == LM_SUFFIX or is_arpa(path) or path.is_file() or len(path.parts) > 1:
        return load(path)
    names = language_model_names()
    if str(name_or_path) not in names:
        installed = ", ".join(names) or "none"
        raise UsageError(
            f"no language model named {str(name_or_path)!r}; installed: {installed}; a file is named NAME{LM_SUFFIX}"
        )
    return load(models_folder() / f"{name_or_path}{LM_SUFFIX}")
