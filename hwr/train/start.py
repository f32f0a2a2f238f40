"""How a run begins: a network with fresh weights, or that of a model which is trained further."""

import shlex
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from hwr.errors import DataError, InputError, UsageError
from hwr.line import NORMALISATION
from hwr.model import vgsl
from hwr.model.checkpoint import load_model
from hwr.model.info import ModelInfo
from hwr.model.network import Network, build, preset_spec
from hwr.text import Alphabet, normalise_text
from hwr.train.growth import extend, grow, replace
from hwr.train.recipe import Recipe

TextsOfHeight = Callable[[int], Iterable[str]]
"""Opens the training data for lines of so many rows and gives their texts."""


@dataclass(frozen=True)
class Start:
    """The network before the first step.

    Attributes:
        alphabet, spec: of the network.
        base: the facts of the model that it comes from.
        message: what changed in that model's alphabet, for people; may be empty.
    """

    network: Network
    alphabet: Alphabet
    spec: str
    base: ModelInfo | None = None
    message: str = ""


def begin(recipe: Recipe, texts_of_height: TextsOfHeight) -> Start:
    """The start that `recipe` asks for: from the model `init_from`, or from nothing.

    Raises:
        HwrError: the model, the specification or the data cannot be used, or do not fit each other.
    """
    if recipe.init_from:
        return _from_model(recipe, texts_of_height)
    if recipe.alphabet != "keep":
        raise UsageError(f"alphabet {recipe.alphabet!r} is meant for a start from a model (--init-from)")
    return _from_nothing(recipe, texts_of_height)


def _from_nothing(recipe: Recipe, texts_of_height: TextsOfHeight) -> Start:
    """Fresh weights; the alphabet is that of the training texts."""
    spec = recipe.spec or preset_spec(recipe.preset, 2)
    height = vgsl.parse(spec.replace("{classes}", "2")).height
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
    """The network of `init_from`, with its alphabet or, if the recipe says so, with another."""
    network, info = load_model(Path(recipe.init_from), recipe.optimisation.shortcut_weight > 0)
    if (info.normalisation, info.normalisation_version) != (NORMALISATION.name, NORMALISATION.version):
        raise InputError(f"{recipe.init_from}: trained with another line normalisation")
    old = info.make_alphabet()
    texts = _used(recipe, texts_of_height(info.height))
    if recipe.alphabet == "keep":
        _refuse_unknown_characters(recipe, old, texts)
        return Start(network, old, info.spec, info)
    counts = Counter(character for text in texts for character in normalise_text(text))
    wanted = Alphabet("".join(sorted(counts)))
    if not wanted.characters:
        raise DataError("the training data hold no text")
    growth = extend(old, wanted) if recipe.alphabet == "extend" else replace(old, wanted)
    network, spec = grow(network, info.spec, old, growth)
    return Start(network, growth.alphabet, spec, info, growth.describe(counts))


def _used(recipe: Recipe, texts: Iterable[str]) -> Iterable[str]:
    """Without the texts that `exclude` leaves out."""
    return (text for text in texts if not any(character in recipe.exclude for character in text))


def _refuse_unknown_characters(recipe: Recipe, alphabet: Alphabet, texts: Iterable[str]) -> None:
    """Say at the start which texts do not fit an alphabet that is kept."""
    wrong = [text for text in texts if alphabet.missing([text])]
    if not wrong:
        return
    missing = alphabet.missing(wrong)
    counts = ", ".join(f"{character!r} {count}" for character, count in missing.most_common())
    characters = recipe.exclude + "".join(sorted(missing))
    raise UsageError(
        f"{recipe.init_from}: its alphabet, which is kept, lacks characters of {len(wrong)} training lines: {counts}; "
        f"add them with --alphabet extend, or leave these lines out with --exclude {shlex.quote(characters)}"
    )
