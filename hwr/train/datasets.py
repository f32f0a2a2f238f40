"""The data of a run: what it trains on, what it validates on, and the lines that are made for it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hwr.errors import DataError
from hwr.line import NORMALISATION
from hwr.text import Alphabet
from hwr.train.data import BundleSource, Normalised, StoreSource, open_sources
from hwr.train.distributed import ALONE, Processes
from hwr.train.holdout import Part, hold_out
from hwr.train.kept import KeptSource, keep_lines
from hwr.train.recipe import Recipe, TrainingSet
from hwr.train.synthetic import SyntheticSource, characters, open_synthesis

Source = BundleSource | StoreSource | Part | KeptSource
Report = Callable[[str], None]


@dataclass(frozen=True)
class WeightedSource:
    """A training source and how often an epoch sees it."""

    source: Source
    weight: float
    licence: str

    def facts(self) -> dict[str, Any]:
        """What the model states of this set."""
        facts: dict[str, Any] = {"lines": sum(1 for _ in self.source.texts()), "weight": self.weight}
        licence = self.licence or ", ".join(sorted(self.source.licences))
        return facts | ({"licence": licence} if licence else {})


@dataclass(frozen=True)
class RunData:
    """Open sources. Call `close` in the end."""

    training: list[WeightedSource]
    validation: list[Source]
    synthetic: SyntheticSource | None

    def facts(self) -> dict[str, Any]:
        """What the model states of the training sets."""
        return {item.source.name: item.facts() for item in self.training}

    def close(self) -> None:
        """End the processes that make lines."""
        if self.synthetic is not None:
            self.synthetic.close()


def training_texts(recipe: Recipe, height: int, report: Report) -> Iterator[str]:
    """All texts of the training data, opened for lines of `height` rows.

    Raises:
        HwrError: data cannot be used, or there are none.
    """
    for item in _open(recipe, recipe.train, height, "train", report):
        yield from item.source.texts()
    if recipe.synthesis is not None:
        kept = bool(recipe.init_from) and recipe.alphabet == "keep"
        yield from characters(recipe.synthesis, not (recipe.train or kept), recipe.seed)


def open_run_data(
    recipe: Recipe, height: int, alphabet: Alphabet, report: Report, processes: Processes = ALONE
) -> RunData:
    """Open all data of a run; synthetic lines have the characters of `alphabet`.

    Raises:
        HwrError: data cannot be used, or there are none.
    """
    training = _open(recipe, recipe.train, height, "train", report)
    validation: list[Source] = [item.source for item in _open(recipe, recipe.validation, height, "val", report)]
    if recipe.hold_out and not validation:
        parts = hold_out([item.source for item in training], recipe.hold_out, recipe.seed, recipe.exclude)
        training = [replace(item, source=kept) for item, (kept, _) in zip(training, parts, strict=True)]
        validation = [aside for _, aside in parts if any(aside.texts())]
    if recipe.keep_lines:
        kept = keep_lines([item.source for item in training])
        training = [replace(item, source=source) for item, source in zip(training, kept, strict=True)]
    synthetic = None
    if recipe.synthesis is not None:
        wanted = "".join(character for character in alphabet.characters if character not in recipe.exclude)
        synthetic = open_synthesis(recipe.synthesis, wanted, height, recipe.seed, report, processes)
    return RunData(training, validation, synthetic)


def _open(recipe: Recipe, sets: Sequence[TrainingSet], height: int, split: str, report: Report) -> list[WeightedSource]:
    if split == "train" and not sets and recipe.synthesis is None:
        raise DataError("no training data: name at least one line store or bundle")
    wanted = Normalised(NORMALISATION.name, NORMALISATION.version, height)
    return [
        WeightedSource(source, entry.weight, entry.licence)
        for entry in sets
        for source in open_sources(Path(entry.path), wanted, split, entry.set, report)
    ]
