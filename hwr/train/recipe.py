"""A training run as data: every setting of `hwr train`, read from TOML and written back complete."""

import json
import math
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from hwr.errors import InputError, UsageError
from hwr.train.augment.augment import AugmentOptions
from hwr.train.synthetic_options import Synthesis, synthesis_from_dict, synthesis_to_dict


@dataclass(frozen=True)
class TrainingSet:
    """A line store, a Parquet file, or a bundle (folder or shard) and how often an epoch sees it.

    `set` names one set of a bundle folder; without it all its sets are taken. `licence` is stated in the model.
    """

    path: str
    weight: float = 1.0
    set: str = ""
    licence: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.weight < math.inf:
            raise UsageError(f"weight {self.weight}: must be 0 or more")


@dataclass(frozen=True)
class Optimisation:
    """Muon or AdamW with warm-up, a constant rate, and a decay over the last part of the run.

    With muon, kernels and recurrent matrices take `momentum`; all other weights take AdamW and its `betas`.
    """

    optimiser: str = "muon"
    learning_rate: float = 2e-3
    momentum: float = 0.95
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 0.01
    warm_up_steps: int = 200
    decay_share: float = 0.2  # of the run; before it the trunk is kept
    clip_norm: float = 2.0
    ema: float = 0.999
    columns_per_batch: int = 14_000
    shortcut_weight: float = 0.15
    span_steps: int = 7  # longest run of time steps that is hidden; 0: none
    steps_per_span: int = 60  # one hidden run for so many time steps
    width_jitter: tuple[float, float] = (-0.25, 0.2)  # logarithm of the factor


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a run learns.

    Attributes:
        train, validation: data sets. Validation names Parquet files, stores (their `val` split) or bundles.
        hold_out: without validation sets, this share of the training lines is put aside to validate on.
        preset, spec: the network; `spec` wins and may hold `{classes}`.
        init_from: a model file whose weights are the start.
        alphabet: of that model: keep it, extend it by new characters of the data, or replace it by those of the data.
        minutes: length of the run in minutes spent in steps; `lines` counts lines seen. What is reached first ends it.
        exclude: lines with one of these characters are left out.
        precision: auto takes bf16 where the processor or card has units for it.
        validation_lines: at most so many lines of each set during the run; the last validation takes all.
        patience: so many validations without progress of the mean CER end the run early; 0: never.
        keep_lines: keep the decoded lines of the training sets in memory, about 1 GiB for 40,000: a card would wait
            for them to be decoded anew in every epoch.
        graphs: on CUDA, record the passes of recurring shapes of large batches and replay them.
        synthesis: lines made while the run goes on; None: none.
    """

    train: tuple[TrainingSet, ...] = ()
    validation: tuple[TrainingSet, ...] = ()
    preset: str = "small"
    spec: str = ""
    init_from: str = ""
    alphabet: str = "keep"
    name: str = "model"
    licence: str = ""
    minutes: float = 60.0
    lines: int = 0
    seed: int = 1
    exclude: str = ""
    hold_out: float = 0.0
    precision: str = "auto"
    threads: int = 0
    validate_minutes: float = 10.0
    save_minutes: float = 3.0
    validation_lines: int = 300
    patience: int = 0
    keep_lines: bool = False
    graphs: bool = False
    optimisation: Optimisation = field(default_factory=Optimisation)
    augment: AugmentOptions = field(default_factory=AugmentOptions)
    synthesis: Synthesis | None = None

    def __post_init__(self) -> None:
        if self.precision not in ("auto", "bf16", "fp32"):
            raise UsageError(f"precision {self.precision!r}: auto, bf16 or fp32")
        if self.alphabet not in ("keep", "extend", "replace"):
            raise UsageError(f"alphabet {self.alphabet!r}: keep, extend or replace")
        if not 0 < self.minutes < math.inf or self.lines < 0:
            raise UsageError("minutes must be positive, lines 0 (no limit) or more")
        if not 0 <= self.hold_out < 1:
            raise UsageError("hold_out must be 0 (nothing) or more and below 1")
        if not 0 <= self.optimisation.decay_share < 1:
            raise UsageError("decay_share must lie between 0 and 1")
        if self.optimisation.optimiser not in ("adamw", "muon"):
            raise UsageError(f"optimiser {self.optimisation.optimiser!r}: adamw or muon")
        if not 0 < self.optimisation.learning_rate < math.inf or self.threads < 0:
            raise UsageError("learning_rate must be positive, threads 0 (the library's choice) or more")
        if self.patience < 0:
            raise UsageError("patience must be 0 (never) or more")


def load_recipe(path: Path) -> Recipe:
    """Read a recipe from TOML. Relative data paths are taken from the working directory.

    Raises:
        InputError: missing or unreadable, not TOML.
        UsageError: an unknown key, a value of another type.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a TOML file ({error})") from None
    return recipe_from_dict(data, str(path))


def recipe_from_dict(data: dict[str, Any], where: str) -> Recipe:
    """Build a recipe from plain values, as TOML and the resume file hold them.

    Raises:
        UsageError: an unknown key, a value of another type.
    """
    values = dict(data)
    for key in ("train", "validation"):
        if key in values:
            if not isinstance(values[key], list | tuple):
                raise UsageError(f"{where}: {key} = {values[key]!r}: write each set as a table [[{key}]]")
            values[key] = tuple(_section(TrainingSet, entry, f"{where}: {key}") for entry in values[key])
    if "optimisation" in values:
        values["optimisation"] = _section(Optimisation, values["optimisation"], f"{where}: optimisation")
    if "augment" in values:
        values["augment"] = _section(AugmentOptions, values["augment"], f"{where}: augment")
    synthesis = values.pop("synthesis", None)
    recipe: Recipe = _section(Recipe, values, where)
    if synthesis is None:
        return recipe
    return replace(recipe, synthesis=synthesis_from_dict(synthesis, f"{where}: synthesis"))


def _section(kind: Any, values: Any, where: str) -> Any:
    """One dataclass from a dictionary; lists become tuples, whole numbers pass as floats."""
    if not isinstance(values, dict):
        raise UsageError(f"{where}: a table of settings is expected, not {values!r}")
    known = {f.name: f for f in fields(kind)}
    if unknown := sorted(set(values) - set(known)):
        raise UsageError(f"{where}: unknown key {unknown[0]!r}; known are: {', '.join(known)}")
    defaults = kind(**({"path": ""} if kind is TrainingSet else {}))
    converted = {}
    for name, value in values.items():
        default = getattr(defaults, name)
        if isinstance(value, list):
            value = tuple(value)
        if isinstance(default, float):
            value = _number(value)
        elif isinstance(default, tuple) and default and isinstance(value, tuple):
            value = tuple(map(_number, value))
            if not all(isinstance(number, float) for number in value):
                raise UsageError(f"{where}: {name} = {list(value)!r}: expected numbers")
        if type(value) is not type(default):
            raise UsageError(f"{where}: {name} = {value!r}: expected a {type(default).__name__}")
        if isinstance(default, tuple) and name not in ("train", "validation") and len(value) != len(default):
            raise UsageError(f"{where}: {name} = {value!r}: expected {len(default)} values")
        converted[name] = value
    if kind is TrainingSet and not converted.get("path"):
        raise UsageError(f"{where}: a set needs a path")
    try:
        return kind(**converted)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None


def _number(value: Any) -> Any:
    """Whole numbers as floats; all else as it is."""
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def moved(sets: Sequence[TrainingSet], paths: Sequence[Path]) -> tuple[TrainingSet, ...]:
    """Data sets at `paths`; one that is called as in `sets` keeps its weight and licence."""
    known: dict[str, list[TrainingSet]] = {}
    for entry in sets:
        known.setdefault(Path(entry.path).name, []).append(entry)
    return tuple(
        replace(entry, path=str(path)) for path in paths for entry in known.get(path.name, [TrainingSet(str(path))])
    )


def override(recipe: Recipe, **changes: Any) -> Recipe:
    """`recipe` with the changes that are not None; `learning_rate` goes where it belongs."""
    given = {key: value for key, value in changes.items() if value is not None}
    if "learning_rate" in given:
        given["optimisation"] = replace(recipe.optimisation, learning_rate=given.pop("learning_rate"))
    return replace(recipe, **given)


def recipe_to_dict(recipe: Recipe) -> dict[str, Any]:
    """Plain values, complete; without synthesis the key is left out."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(replace(recipe, synthesis=None))))
    del plain["synthesis"]
    return plain | ({"synthesis": synthesis_to_dict(recipe.synthesis)} if recipe.synthesis else {})


def recipe_to_toml(recipe: Recipe) -> str:
    """The recipe as TOML that `load_recipe` reads back to the same values."""
    plain = recipe_to_dict(recipe)
    tables: dict[str, Any] = {k: plain.pop(k) for k in ("optimisation", "augment", "synthesis") if k in plain}
    for key in [key for key, value in tables.get("synthesis", {}).items() if isinstance(value, dict)]:
        tables[f"synthesis.{key}"] = tables["synthesis"].pop(key)
    arrays = {key: plain.pop(key) for key in ("train", "validation")}
    lines = [f"{key} = {_toml(value)}" for key, value in plain.items()]
    for key, entries in arrays.items():
        for entry in entries:
            lines += ["", f"[[{key}]]", *(f"{name} = {_toml(value)}" for name, value in entry.items())]
    for key, table in tables.items():
        lines += ["", f"[{key}]", *(f"{name} = {_toml(value)}" for name, value in table.items())]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    """Strings, numbers, booleans and lists look the same in JSON and TOML, but for the character DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
