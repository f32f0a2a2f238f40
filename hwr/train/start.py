"""How a run begins: a network with fresh weights, or that of a model which is trained further."""

import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from hwr.errors import DataError, InputError, UsageError
from hwr.image import NORMALISATION
from hwr.model import vgsl
from hwr.model.checkpoint import load_model
from hwr.model.info import ModelInfo
from hwr.model.network import Network, build
from hwr.model.presets import preset_spec
from hwr.text import Alphabet
from hwr.train.recipe import Recipe

TextsOfHeight = Callable[[int], Iterable[str]]
"""Opens the training data for lines of so many rows and gives their texts."""


@dataclass(frozen=True)
class Start:
    """The network before the first step, its alphabet and specification, and the facts of the model it comes from."""

    network: Network
    alphabet: Alphabet
    spec: str
    base: ModelInfo | None = None


def begin(recipe: Recipe, texts_of_height: TextsOfHeight) -> Start:
    """The start that `recipe` asks for: from the model `init_from`, or from nothing.

    Raises:
        HwrError: the model, the specification or the data cannot be used, or do not fit each other.
    """
    return _from_model(recipe, texts_of_height) if recipe.init_from else _from_nothing(recipe, texts_of_height)


def _from_nothing(recipe: Recipe, texts_of_height: TextsOfHeight) -> Start:
    """Fresh weights; the alphabet is that of the training texts."""
    spec = recipe.spec or preset_spec(recipe.preset, 2)
    height = vgsl.parse(spec.replace("{classes}", "2")).input.height
    alphabet = Alphabet.of(_used(recipe, texts_of_height(height)))
    if not alphabet.characters:
        raise DataError("the training data hold no text")
    spec = recipe.spec.replace("{classes}", str(alphabet.classes)) or preset_spec(recipe.preset, alphabet.classes)
    network = build(spec, recipe.optimisation.shortcut_weight > 0)
    if network.classes != alphabet.classes:
        raise DataError(
            f"the specification has {network.classes} classes, the alphabet needs {alphabet.classes}: "
            "write {classes} in its place"
        )
    return Start(network, alphabet, spec)


def _from_model(recipe: Recipe, texts_of_height: TextsOfHeight) -> Start:
    """The network and the alphabet of `init_from`."""
    network, info = load_model(Path(recipe.init_from), recipe.optimisation.shortcut_weight > 0)
    if (info.normalisation, info.normalisation_version) != (NORMALISATION.name, NORMALISATION.version):
        raise InputError(f"{recipe.init_from}: trained with another line normalisation")
    alphabet = info.make_alphabet()
    _refuse_unknown_characters(recipe, alphabet, texts_of_height(info.height))
    return Start(network, alphabet, info.spec, info)


def _used(recipe: Recipe, texts: Iterable[str]) -> Iterable[str]:
    """Without the texts that `exclude` leaves out."""
    return (text for text in texts if not any(character in recipe.exclude for character in text))


def _refuse_unknown_characters(recipe: Recipe, alphabet: Alphabet, texts: Iterable[str]) -> None:
    """A model that is trained further keeps its alphabet: say at the start which texts do not fit it."""
    wrong = [text for text in _used(recipe, texts) if alphabet.missing([text])]
    if not wrong:
        return
    missing = alphabet.missing(wrong)
    counts = ", ".join(f"{character!r} {count}" for character, count in missing.most_common())
    characters = recipe.exclude + "".join(sorted(missing))
    raise UsageError(
        f"{recipe.init_from}: its alphabet, which is kept, lacks characters of {len(wrong)} training lines: "
        f"{counts}; leave these lines out with --exclude {shlex.quote(characters)}, or train without --init-from"
    )
