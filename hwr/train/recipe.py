"""The recipe of a training run: every setting of `hwr train`, read from TOML and written back complete."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from hwr.errors import UsageError
from hwr.settings import Pair, Range, Settings
from hwr.train.augment.options import AugmentOptions

Count = Annotated[int, Range(0)]
Positive = Annotated[float, Range(above=0)]
Fraction = Annotated[float, Range(0, below=1)]


@dataclass(frozen=True)
class TrainingSet(Settings):
    """A line store (a folder or a Parquet file), how often an epoch sees it, and the licence to state in the model."""

    path: str
    weight: Annotated[float, Range(0)] = 1.0
    licence: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.path:
            raise UsageError("the key path is missing or empty")


@dataclass(frozen=True)
class Optimisation(Settings):
    """Muon or AdamW with warm-up, a constant rate, and a decay over the last part of the run.

    With muon, kernels and recurrent matrices use `momentum`; all other weights use AdamW and its `betas`.

    Attributes:
        decay_share: share of the run, at its end, in which the learning rate falls; the trunk is saved before it.
        ema: memory of the running average of the weights.
        auxiliary_weight: weight of the auxiliary head's loss; 0: no auxiliary head.
        span_time_steps: longest span of time steps that is hidden from the recurrent layers; 0: none.
        time_steps_per_span: one hidden span for every this many time steps.
        width_jitter: bounds of the logarithm of the factor by which a line is stretched.
        relax_share: share of the run, at its end, in which augmentation, dropout and hidden spans weaken to nothing.
    """

    optimiser: Literal["muon", "adamw"] = "muon"
    learning_rate: Positive = 2e-3
    momentum: Fraction = 0.95
    betas: tuple[Fraction, Fraction] = (0.9, 0.98)
    weight_decay: Annotated[float, Range(0)] = 0.01
    warm_up_steps: Count = 200
    decay_share: Fraction = 0.2
    clip_norm: Positive = 2.0
    ema: Fraction = 0.999
    columns_per_batch: Annotated[int, Range(1)] = 14_000
    auxiliary_weight: Annotated[float, Range(0)] = 0.15
    span_time_steps: Count = 7
    time_steps_per_span: Annotated[int, Range(1)] = 60
    width_jitter: Annotated[Pair, Range(-2, 2)] = (-0.25, 0.2)
    relax_share: Fraction = 0.0


@dataclass(frozen=True)
class Recipe(Settings):
    """All settings of a run.

    Attributes:
        train, validation: data sets; validation reads the split `val` of a store. Relative paths are taken from the
            working directory.
        hold_out: without validation sets, this share of the training lines is held out to validate on.
        preset, spec: the network; `spec` has priority and may contain `{classes}`.
        init_from: a model file whose weights are the start.
        alphabet: with `init_from`: keep the characters of that model, add those of the data, or use those of the data.
        minutes: length of the run in minutes spent in steps; `lines` counts lines seen. The first limit reached ends
            the run.
        name: of the model; empty: that of the run folder.
        exclude: lines with one of these characters are skipped.
        precision: auto uses bf16 where the processor or the GPU has units for it.
        threads: CPU threads of all processes on a machine together; 0: torch decides.
        validation_lines: lines of each set in a validation during the run; the last validation reads all.
        patience: this many validations without progress of the mean CER end the run early; 0: never.
        cache: normalise all lines once, in files of the run folder; otherwise each time they are needed.
    """

    train: tuple[TrainingSet, ...] = ()
    validation: tuple[TrainingSet, ...] = ()
    preset: str = "small"
    spec: str = ""
    init_from: str = ""
    alphabet: Literal["keep", "extend", "replace"] = "keep"
    name: str = ""
    licence: str = ""
    minutes: Positive = 60.0
    lines: Count = 0
    seed: Annotated[int, Range(-(2**53), 2**53)] = 1
    exclude: str = ""
    hold_out: Fraction = 0.0
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    threads: Annotated[int, Range(0, 1024)] = 0
    validate_minutes: Positive = 10.0
    save_minutes: Positive = 3.0
    validation_lines: Annotated[int, Range(1)] = 300
    patience: Count = 0
    cache: bool = True
    optimisation: Optimisation = field(default_factory=Optimisation)
    augment: AugmentOptions = field(default_factory=AugmentOptions)


def moved(sets: Sequence[TrainingSet], paths: Sequence[Path]) -> tuple[TrainingSet, ...]:
    """Return the data sets at `paths`; one with the name of one of `sets` keeps its weight and licence."""
    known: dict[str, list[TrainingSet]] = {}
    for entry in sets:
        known.setdefault(Path(entry.path).name, []).append(entry)
    return tuple(
        replace(entry, path=str(path)) for path in paths for entry in known.get(path.name, [TrainingSet(str(path))])
    )


def override(recipe: Recipe, **changes: Any) -> Recipe:
    """Return `recipe` with the changes that are not None, `learning_rate` among them."""
    given = {key: value for key, value in changes.items() if value is not None}
    if "learning_rate" in given:
        given["optimisation"] = replace(recipe.optimisation, learning_rate=given.pop("learning_rate"))
    return replace(recipe, **given)
