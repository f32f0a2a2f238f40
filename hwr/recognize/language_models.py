"""Find language models by name or path."""

from pathlib import Path

from hwr.errors import UsageError
from hwr.lm.file import SUFFIX
from hwr.lm.formats import is_arpa, read
from hwr.lm.model import Model
from hwr.recognize.models import models_folder


def language_model_names() -> list[str]:
    """Names of the shipped language models, sorted."""
    folder = models_folder()
    return sorted(path.stem for path in folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []


def find_language_model(name_or_path: str | Path) -> Model:
    """Load a `.lm` or ARPA file, or a shipped language model by its name.

    Raises:
        ModelError: the file is missing, truncated, or no language model.
        UsageError: a name that no shipped language model has, or a file with another ending.
    """
    path = Path(name_or_path)
    if path.suffix == SUFFIX or is_arpa(path) or path.is_file() or len(path.parts) > 1:
        return read(path)
    names = language_model_names()
    if str(name_or_path) not in names:
        installed = ", ".join(names) or "none"
        raise UsageError(
            f"no language model named {str(name_or_path)!r}; installed: {installed}; a file is named NAME{SUFFIX}"
        )
    return read(models_folder() / f"{name_or_path}{SUFFIX}")
