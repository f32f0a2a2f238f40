"""Phrases and the sampler of texts."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from hwr.errors import InputError, UsageError
from hwr.synth.phrases import LANGUAGES, TextSampler, phrase
from hwr.text import normalise_text

ASCII = "".join(map(chr, range(33, 127)))


@pytest.fixture
def prose(tmp_path: Path) -> Path:
    path = tmp_path / "prose.txt"
    lines = ("“It’s the cat,” he said — and the dog… barked at the ½ moon of the valley.", "All the ways of the world.")
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def pattern(text: str) -> str:
    """Letters as a or A, digits as 9: what remains is how the text is built."""
    shaped = (("A" if c.isupper() else "a") if c.isalpha() else "9" if c.isdigit() else c for c in text)
    return re.sub(r"(.)\1+", r"\1", "".join(shaped))


@pytest.mark.parametrize("language", LANGUAGES)
def test_phrases_are_of_many_kinds(language: str) -> None:
    generator = np.random.default_rng(1)
    phrases = [phrase(generator, language) for _ in range(3000)]
    assert len(set(phrases)) > 2000
    assert len({pattern(text) for text in phrases}) > 500
    assert all(text and text == normalise_text(text) for text in phrases)
    assert not any(set("{}|~") & set(text) for text in phrases)
    used = Counter(character for text in phrases for character in set(text))
    wanted = set(ASCII) - set("{}|~\\^`_$" if language == "french" else "{}|~\\^`_")
    assert wanted <= used.keys(), sorted(wanted - used.keys())


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("english", r"(January|March|July|May) \d{1,2}(st|nd|rd|th), \d{4}"),
        ("english", r"\d{1,2}/\d{1,2}/\d{4}"),
        ("english", r"£\d+|\$\d{1,3},\d{3}"),
        ("english", r"(Mr|Mrs|Dr)\. [A-Z][a-z]+"),
        ("english", r"Dear (Sir|Madam|Mr|Mrs)"),
        ("english", r"\b\d{1,2}:\d\d (a|p)\.m\."),
        ("english", r"\(\d{3}\) \d{3}-\d{4}"),
        ("english", r"&c\."),
        ("english", r"p\. \d+"),
        ("english", r"\d/\d"),
        ("english", r"\b[A-Z]{4,} [A-Z]{4,}\b"),
        ("french", r"le (1er|\d{1,2}) (janvier|février|août) \d{4}"),
        ("french", r"l'an (mil|mille|deux) "),
        ("french", r"\d+ fr\. \d\d"),
        ("french", r"[7-9]bre"),
        ("french", r"n° ?\d"),
        ("french", r"(M\.|Mme|Mlle) [A-Z]"),
        ("french", r"[ÉÈÀÂÊÇ]"),
        ("french", r"\d,\d\d ?€"),
        ("french", r"\d{1,2}h\d\d"),
        ("french", r"« .* »"),
    ],
)
def test_what_prose_lacks_is_there(language: str, expected: str) -> None:
    generator = np.random.default_rng(2)
    assert any(re.search(expected, phrase(generator, language)) for _ in range(6000))


def test_samples_follow_the_text_rules_and_the_seed(prose: Path) -> None:
    sampler = TextSampler([prose])
    first, second = (
        [sampler.sample(generator) for _ in range(400)]
        for generator in (np.random.default_rng(3), np.random.default_rng(3))
    )
    assert first == second
    assert all(text and text == normalise_text(text) for text in first)
    assert max(map(len, first)) <= 110
    assert len(set(first)) > 200


def test_shares_are_kept(prose: Path) -> None:
    words = {word.strip("“”,.…—'\"-") for word in prose.read_text(encoding="utf-8").split()}

    def share_of_prose(sampler: TextSampler) -> float:
        generator = np.random.default_rng(4)
        texts = [sampler.sample(generator) for _ in range(500)]
        return float(np.mean([bool(words & {word.strip("“”,.…—'\"-") for word in text.split()}) for text in texts]))

    assert share_of_prose(TextSampler([prose], phrase_share=0.0)) > 0.85
    assert share_of_prose(TextSampler([prose], phrase_share=1.0)) < 0.55
    assert share_of_prose(TextSampler()) < 0.2


def test_weights_choose_among_corpora(tmp_path: Path) -> None:
    paths = []
    for word in ("alpha", "beta"):
        paths.append(tmp_path / f"{word}.txt")
        paths[-1].write_text(f"{word} " * 50)
    sampler, generator = TextSampler(paths, weights=(3, 1), phrase_share=0.0), np.random.default_rng(5)
    texts = [sampler.sample(generator) for _ in range(800)]
    assert 0.68 < np.mean(["al" in text.lower() for text in texts]) < 0.82


def test_an_alphabet_maps_or_drops_and_counts(prose: Path) -> None:
    sampler, generator = TextSampler([prose], plain_share=0.0, alphabet=ASCII), np.random.default_rng(6)
    texts = [sampler.sample(generator) for _ in range(1500)]
    assert all(set(text) <= set(ASCII) | {" "} for text in texts)
    assert any("It's" in text for text in texts)
    assert any("1/2 moon" in text for text in texts)
    assert sampler.dropped["£"] > 0
    assert sampler.dropped["€"] > 0
    assert not sampler.dropped.keys() & set(ASCII)


def test_typographic_signs_stay_where_they_are_wanted(prose: Path) -> None:
    def signs(plain_share: float) -> int:
        sampler, generator = TextSampler([prose], plain_share=plain_share, phrase_share=0.0), np.random.default_rng(7)
        return sum(bool(set("“”’—…") & set(sampler.sample(generator))) for _ in range(300))

    assert signs(1.0) == 0
    assert signs(0.0) > 100


def test_an_alphabet_that_no_text_fits_is_an_error(prose: Path) -> None:
    with pytest.raises(InputError, match="none can be written with the alphabet"):
        TextSampler([prose], phrase_share=0.0, alphabet="zq").sample(np.random.default_rng(0))


@pytest.mark.parametrize(
    "options",
    [{"weights": (1.0,)}, {"weights": (0.0, 0.0)}, {"weights": (-1.0, 2.0)}, {"phrase_share": 1.5}, {"languages": ()},
     {"languages": ("latin",)}],
)  # fmt: skip
def test_options_without_sense_are_refused(prose: Path, options: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        TextSampler([prose, prose], **options)  # type: ignore[arg-type]
