"""The network that a run starts from: with random weights, or that of a model, perhaps with another alphabet.

A character is a row of the output layer and of the auxiliary head, with its bias. Known characters keep their rows bit
for bit. A new one starts as a rare variant of the character that it resembles most (é of e), or, if there is none, as a
rare mixture of all. Its score is always below the best old one, so that the network reads as before until it has
learned the new character.
"""

import shlex
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor, nn

from hwr.errors import DataError, UsageError
from hwr.model import vgsl
from hwr.model.checkpoint import load_model
from hwr.model.info import ModelInfo
from hwr.model.network import Network, build, preset_spec
from hwr.recognize.runtime import check_normalisation
from hwr.text import Alphabet, counted, has_right_to_left, normalise_text
from hwr.train.recipe import Recipe

RARITY = 2.3
"""A new character's bias is lower than that of its base by this: it starts ten times less likely (log 10)."""

LOOK_ALIKES = {
    "'": "’‘‚‛′ʼ`´‹›",
    '"': "“”„‟″«»",
    "-": "–—‐‑‒―−¬_~",
    ".": "·•",
    "a": "æ",
    "A": "Æ",
    "o": "œ",
    "O": "Œ",
    "s": "ß",
    "p": "þ",
    "d": "ð",
    "i": "ı",
    "x": "×",
    "|": "¦",
    "c": "¢",
    "L": "£",
    "E": "€",
    "S": "§$",
}
"""Characters that Unicode does not decompose, by the plain one that they are written like."""

_BASES = {variant: base for base, variants in LOOK_ALIKES.items() for variant in variants}


@dataclass(frozen=True)
class Growth:
    """From one alphabet to another."""

    old: Alphabet
    alphabet: Alphabet

    @cached_property
    def bases(self) -> dict[str, str | None]:
        """Each new character with the old one that it starts from; None: it starts as a mixture of all."""
        known = self.old.characters
        return {c: base_character(c, known) for c in self.alphabet.characters if c not in known}

    @property
    def dropped(self) -> str:
        """Characters of the old alphabet that the new one lacks."""
        return "".join(c for c in self.old.characters if c not in self.alphabet.characters)

    def describe(self, counts: Mapping[str, int]) -> str:
        """Return what changes, in one line; empty if nothing. `counts`: how often each character occurs in the data."""
        parts = []
        if self.bases:
            new = ", ".join(
                f"{character!r} ({counted(counts[character], 'time')}) from {repr(base) if base else 'nothing'}"
                for character, base in self.bases.items()
            )
            parts.append(f"{len(self.bases)} new: {new}")
        if self.dropped:
            parts.append(f"{len(self.dropped)} dropped: {self.dropped!r}")
        return f"alphabet of {len(self.alphabet.characters)} characters, {'; '.join(parts)}" if parts else ""


def extended(old: Alphabet, wanted: Alphabet) -> Alphabet:
    """Keep all characters of `old`, with their labels, and append the new ones of `wanted`."""
    new = "".join(character for character in wanted.characters if character not in old.characters)
    direction = old.direction if has_right_to_left(old.characters) else wanted.direction
    return Alphabet(old.characters + new, direction)


def base_character(character: str, known: str) -> str | None:
    """Return the character of `known` that `character` resembles most, or None.

    First come the characters without its marks (ế: ê, e), then what it is written like (’ as '), then the other case
    and what that resembles.
    """
    return next((c for c in _similar(character) if c in known and c != character), None)


def _similar(character: str) -> Iterator[str]:
    yield from _plainer(character)
    for other in (character.lower(), character.upper()):
        if len(other) == 1 and other != character:
            yield other
            yield from _plainer(other)


def _plainer(character: str) -> Iterator[str]:
    """Yield the character with fewer and fewer marks."""
    while plainer := _one_step(character):
        yield plainer
        character = plainer


def _one_step(character: str) -> str | None:
    if character in _BASES:
        return _BASES[character]
    codes = [code for code in unicodedata.decomposition(character).split() if not code.startswith("<")]
    if codes:
        return chr(int(codes[0], 16))
    # Strokes and hooks are not marks of their own in Unicode: only the name of ø says that it is an o.
    name, found, _ = unicodedata.name(character, "").partition(" WITH ")
    try:
        return unicodedata.lookup(name) if found else None
    except KeyError:
        return None


def grow(network: Network, spec: str, growth: Growth) -> tuple[Network, str]:
    """Return the network with the alphabet of `growth`, and its specification; `network` does not change.

    Rows without a base are drawn from torch's generator.
    """
    spec = with_classes(spec, growth.alphabet.classes)
    grown = build(spec, network.auxiliary is not None)
    heads = {"output.": network.output} | ({"auxiliary.": network.auxiliary} if network.auxiliary is not None else {})
    weights = dict(network.state_dict())
    for prefix, head in heads.items():
        weight, bias = _grown_rows(head, growth)
        weights |= {f"{prefix}weight": weight, f"{prefix}bias": bias}
    grown.load_state_dict(weights)
    return grown.train(network.training), spec


def with_classes(spec: str, classes: int) -> str:
    """Return a VGSL specification with another number of classes; its output is its last layer."""
    *layers, _ = spec.strip()[1:-1].split()
    return f"[{' '.join(layers)} O1c{classes}]"


@torch.no_grad()
def _grown_rows(head: nn.Linear | nn.Conv1d, growth: Growth) -> tuple[Tensor, Tensor]:
    """Return weights and biases of a head for the new classes."""
    assert head.bias is not None
    labels = {character: label for label, character in enumerate(growth.old.characters, start=1)}
    weights, biases = [head.weight[0]], [head.bias[0]]  # the blank
    for character in growth.alphabet.characters:
        if character in labels:
            weights.append(head.weight[labels[character]])
            biases.append(head.bias[labels[character]])
            continue
        base = growth.bases[character]
        if base is not None:
            weights.append(head.weight[labels[base]])
            biases.append(head.bias[labels[base]] - RARITY)
            continue
        # A weighted mean of the old scores is never above the best of them, however large the head's inputs are.
        shares = torch.rand_like(head.bias[1:])
        shares /= shares.sum()
        weights.append(torch.tensordot(shares, head.weight[1:], dims=1))
        biases.append(shares @ head.bias[1:] - RARITY)
    return torch.stack(weights), torch.stack(biases)


TextsOfHeight = Callable[[int], Iterable[str]]
"""Opens the training data for lines of this many rows and returns their texts."""


@dataclass(frozen=True)
class InitialModel:
    """The network before the first step.

    Attributes:
        alphabet, spec: of the network.
        base: the facts of the model that it comes from.
        message: description of the changes to that model's alphabet; may be empty.
    """

    network: Network
    alphabet: Alphabet
    spec: str
    base: ModelInfo | None = None
    message: str = ""


def initial_model(recipe: Recipe, texts_of_height: TextsOfHeight) -> InitialModel:
    """Return the network that `recipe` starts from: that of the model `init_from`, or a new one.

    Raises:
        HwrError: the model, the specification or the data cannot be used, or do not fit each other.
    """
    if recipe.init_from:
        return _from_model(recipe, texts_of_height)
    if recipe.alphabet != "keep":
        raise UsageError(f"alphabet {recipe.alphabet!r} needs a model to start from (--init-from)")
    return _from_nothing(recipe, texts_of_height)


def _from_nothing(recipe: Recipe, texts_of_height: TextsOfHeight) -> InitialModel:
    """Return a network with random weights; the alphabet is that of the training texts."""
    spec = recipe.spec or preset_spec(recipe.preset, 2)
    height = vgsl.parse(spec.replace("{classes}", "2")).height
    alphabet = Alphabet.of(_used(recipe, texts_of_height(height)))
    if not alphabet.characters:
        raise DataError("the training data contain no text")
    spec = recipe.spec.replace("{classes}", str(alphabet.classes)) or preset_spec(recipe.preset, alphabet.classes)
    network = build(spec, recipe.optimisation.auxiliary_weight > 0)
    if network.classes != alphabet.classes:
        raise DataError(
            f"the specification has {network.classes} classes, the alphabet needs {alphabet.classes}: "
            "write {classes} instead of the number"
        )
    return InitialModel(network, alphabet, spec)


def _from_model(recipe: Recipe, texts_of_height: TextsOfHeight) -> InitialModel:
    """Return the network of `init_from`, with its alphabet or, if the recipe says so, with another."""
    network, info = load_model(Path(recipe.init_from), recipe.optimisation.auxiliary_weight > 0)
    check_normalisation(info, recipe.init_from)
    old = info.make_alphabet()
    texts = _used(recipe, texts_of_height(info.height))
    if recipe.alphabet == "keep":
        _refuse_unknown_characters(recipe, old, texts)
        return InitialModel(network, old, info.spec, info)
    known = [normalise_text(text) for text in texts]
    counts = Counter(character for text in known for character in text)
    wanted = Alphabet.of(known)
    if not wanted.characters:
        raise DataError("the training data contain no text")
    growth = Growth(old, extended(old, wanted) if recipe.alphabet == "extend" else wanted)
    network, spec = grow(network, info.spec, growth)
    return InitialModel(network, growth.alphabet, spec, info, growth.describe(counts))


def _used(recipe: Recipe, texts: Iterable[str]) -> Iterable[str]:
    """Drop the texts that `exclude` leaves out."""
    return (text for text in texts if not any(character in recipe.exclude for character in text))


def _refuse_unknown_characters(recipe: Recipe, alphabet: Alphabet, texts: Iterable[str]) -> None:
    """Refuse texts that do not fit an alphabet that is kept, and name their characters."""
    wrong = [text for text in texts if alphabet.missing([text])]
    if not wrong:
        return
    missing = alphabet.missing(wrong)
    counts = ", ".join(f"{character!r} {count}" for character, count in missing.most_common())
    characters = recipe.exclude + "".join(sorted(missing))
    raise UsageError(
        f"{recipe.init_from}: {len(wrong)} training lines have characters outside its alphabet: {counts}; "
        f"add them with --alphabet extend, or leave these lines out with --exclude {shlex.quote(characters)}"
    )
