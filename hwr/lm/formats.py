"""Language models by the name of their file: `.lm` or ARPA."""

from pathlib import Path

from hwr.errors import UsageError
from hwr.lm.arpa import read_arpa, write_arpa
from hwr.lm.file import SUFFIX, read_model, write_model
from hwr.lm.model import Model, make_model, tables_of
from hwr.lm.tables import Tables

ARPA_SUFFIXES = (".arpa", ".arpa.gz", ".arpa.xz")
ARPA_BITS = 16
"""Bits of a probability when an ARPA file is used as it is: rounding stays below 0.0002."""


def is_arpa(path: Path) -> bool:
    """Whether the name is that of an ARPA file."""
    return path.name.lower().endswith(ARPA_SUFFIXES)


def check_suffix(path: Path) -> None:
    """Refuse a name that says neither format.

    Raises:
        UsageError: it ends otherwise than `.lm`, `.arpa`, `.arpa.gz` or `.arpa.xz`.
    """
    if path.suffix != SUFFIX and not is_arpa(path):
        raise UsageError(f"{path}: name it NAME{SUFFIX} or NAME.arpa (.gz, .xz)")


def write(tables: Tables, path: Path, bits: int, facts: dict[str, object]) -> None:
    """Write a model in the format that the name says; the facts go into a `.lm` file only.

    Raises:
        OutputError: the file cannot be written.
        UsageError: see `check_suffix`.
    """
    check_suffix(path)
    if is_arpa(path):
        write_arpa(tables, path)
    else:
        write_model(make_model(tables, bits, facts), path)


def read(path: Path) -> Model:
    """Read a model of either format.

    Raises:
        ModelError: see `read_model` and `read_arpa`.
        UsageError: see `check_suffix`.
    """
    check_suffix(path)
    return make_model(read_arpa(path), ARPA_BITS) if is_arpa(path) else read_model(path)


def read_tables(path: Path) -> tuple[Tables, dict[str, object]]:
    """The n-grams of a model of either format, and the facts that a `.lm` file states.

    Raises:
        ModelError, UsageError: see `read`.
    """
    check_suffix(path)
    if is_arpa(path):
        return read_arpa(path), {}
    model = read_model(path)
    return tables_of(model), model.facts
