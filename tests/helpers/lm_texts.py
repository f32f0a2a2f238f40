"""Texts made by a small grammar, for tests of language models."""

import numpy as np

from hwr.lm.corpus import Text

NOUNS = ("the mill", "a river", "the old boat", "our brother", "that lamp", "Mary", "the notary", "00 sacks")
"""Digits are 0, as models have one character for all of them."""
VERBS = ("has seen", "brings", "will find", "forgot", "took", "repairs")


def sentences(count: int, seed: int = 0) -> list[str]:
    """Sentences with the same few words, drawn at random."""
    generator = np.random.default_rng(seed)
    return [
        f"{generator.choice(NOUNS)} {generator.choice(VERBS)} {generator.choice(NOUNS)}" + ".,!"[generator.integers(3)]
        for _ in range(count)
    ]


def text(count: int, seed: int = 0, weight: int = 1) -> Text:
    """The sentences as a source of a language model."""
    return Text("sentences", tuple(sentences(count, seed)), weight)
