"""Reading with a list of words, against regular expressions and a set of words."""

import itertools
import lzma
import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hwr.decode.beam import BeamSettings, Scorer
from hwr.decode.lattice import text_log_probability
from hwr.decode.lexicon import Lexicon, LexiconScorer, load_lexicon, make_lexicon
from hwr.decode.search import beam_search
from hwr.errors import InputError
from hwr.text import Alphabet

pytestmark = pytest.mark.usefixtures("engine")

ALPHABET = Alphabet(" '-.1ABCDabcd")
LETTERS = "A-Za-zé"


def forms(word: str) -> set[str]:
    """How a word may be written."""
    if word != word.lower():
        return {word, word.upper()}
    title = "-".join(part[:1].upper() + part[1:] for part in word.split("-"))
    return {word, word[0].upper() + word[1:], title, word.upper()}


def unknown_words(text: str, words: set[str]) -> int:
    """The fewest unknown words in a text, if its words may be taken one by one or together as one of the list."""
    known = set().union(*map(forms, words))
    text = re.sub(rf"\d[\d{LETTERS}]*", lambda found: "1" * len(found[0]), text)  # numbers and 12th
    spans = [found.span() for found in re.finditer(f"[{LETTERS}]+", text)]
    fewest = [0] + [len(spans)] * len(spans)
    for first, (start, stop) in enumerate(spans):
        fewest[first + 1] = min(fewest[first + 1], fewest[first] + (text[start:stop] not in known))
        for last in range(first, len(spans)):
            if text[start : spans[last][1]] in known:
                fewest[last + 1] = min(fewest[last + 1], fewest[first])
    return fewest[-1]


def charged(lexicon: Lexicon, text: str, alphabet: Alphabet = ALPHABET, inner: Scorer | None = None) -> float:
    """The score of a text, added letter by letter; asserts that it is equal if all letters are requested at once."""
    scorer = LexiconScorer(lexicon, alphabet, inner, unknown_cost=1.0)
    every = np.arange(1, alphabet.classes)[None]
    state, total = np.array([scorer.start]), 0.0
    for character in text:
        label = np.array([alphabet.characters.index(character) + 1])
        score = scorer.scores(state, label[None])[0, 0]
        assert score == scorer.scores(state, every)[0, label[0] - 1]
        total += score
        state = scorer.advance(state, label)
    return float(total + scorer.finish(state)[0])


def random_words(random: np.random.Generator, letters: str, count: int) -> set[str]:
    words = {"".join(random.choice(list(letters), random.integers(1, 4))) for _ in range(count)}
    pairs = random.choice(sorted(words | {"dd"}), (count // 2, 2))
    extra = {"".join(random.choice(list(letters), random.integers(1, 3))) for _ in range(count // 2)}
    return words | {one + random.choice(["'", "-"]) + other for one, other in pairs} | {f"{one}-a" for one in extra}


@pytest.mark.parametrize("seed", range(4))
def test_charges_the_unknown_words_of_random_texts(seed: int) -> None:
    random = np.random.default_rng(seed)
    words = random_words(random, "abcABC", 10)
    lexicon = make_lexicon(words, ALPHABET)
    assert lexicon.words == len(words)
    for _ in range(100):
        text = "".join(random.choice(list(ALPHABET.characters), random.integers(0, 14)))
        assert charged(lexicon, text) == -unknown_words(text, words), (text, words)
    for _ in range(100):
        parts = [random.choice([*sorted(words), "dd", "1", "1a"]) for _ in range(4)]
        text = "".join(part + random.choice([" ", "'", "-", ".", ""]) for part in parts)
        assert charged(lexicon, text) == -unknown_words(text, words), (text, words)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("cost", [0.0, 2.0, np.inf])
def test_the_search_finds_the_best_of_all_texts(seed: int, cost: float) -> None:
    """Every text of five time steps, scored by the network's probability and the unknown words in it."""
    alphabet = Alphabet("- ab")
    words = {"ab", "ba-a", "a"}
    scores = np.random.default_rng(seed).normal(0, 2, (5, alphabet.classes))
    log_probs = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
    expected = {}
    for length in range(6):
        for labels in itertools.product(range(1, alphabet.classes), repeat=length):
            count = unknown_words(alphabet.decode(labels), words)
            score = text_log_probability(log_probs, labels) - (cost * count if count else 0.0)
            if score > -np.inf:
                expected[labels] = score
    scorer = LexiconScorer(make_lexicon(words, alphabet), alphabet, unknown_cost=cost)
    options = BeamSettings(width=2000, certain_blank=2.0, min_probability=0.0, max_labels=1000)
    (found,) = beam_search([log_probs], options, scorer, results=2000)
    assert {one.labels: one.score for one in found} == pytest.approx(expected)


ENGLISH = Alphabet("".join(sorted(" !\"'’‑,-.0123456789:é£ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")))


@pytest.mark.parametrize(
    ("words", "text", "unknown"),
    [
        (["don't"], "Don't don’t DON'T don'T", 2),
        (["don", "t"], "don't don don'T", 0),
        (["don’t"], "don't don’t", 0),
        (["don't"], "don't. \"don't\", (don't don", 1),
        (["l'eau", "de"], "L'eau de l'eau de l'", 1),
        (["l", "l'", "eau"], "l'eau L'EAU l'", 0),
        (["eau"], "l'eau", 1),
        (["well-known", "well-being", "well"], "well-known well-being well-kept Well-Known Well-kNown", 2),
        (["well", "known", "well-being"], "well-known well-knowing well‑known", 1),
        (["mother-in-law", "x", "mother"], "mother-in-law x-mother-in-law mother-x", 0),
        (["rose-red", "don't"], "Rose-Red ROSE-RED Rose-red rose-Red Don'T", 4),
        (["McDonald", "Paris", "rose"], "McDonald MCDONALD Paris PARIS Rose ROSE rose", 0),
        (["McDonald", "Paris", "rose"], "mcdonald Mcdonald paris PAris rosE", 5),
        (["on"], "on 1921, 12th, 1,000. 3rd £5m A4 on2go", 1),
        (["b2b", "b"], "b2b B2B b2x b b-b 2b", 0),
        (["St. Ives", "Ives"], "St. Ives Ives St. Iv", 2),
        (["été"], "été Été ete", 2),
        (["'tis", "so"], "'tis so 'Tis so 'so' so-'tis", 0),
        (["etc."], "etc. etc", 1),
        (["word"], "", 0),
        (["word"], " -'. !", 0),
    ],
)
def test_what_people_write(words: list[str], text: str, unknown: int) -> None:
    text = "".join(character for character in text if character in ENGLISH.characters)
    assert charged(make_lexicon(words, ENGLISH), text, ENGLISH) == -unknown


class LastLabel:
    """A scorer whose state is large: the last label, counted down from 2^32."""

    start = 2**32 - 1

    def scores(self, states: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
        assert states.min() > 2**31 and states.max() < 2**32
        return np.asarray(-(((self.start - states[:, None]) - labels) ** 2) / 100.0)

    def advance(self, states: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.int64]:
        return self.start - labels

    def finish(self, states: NDArray[np.int64]) -> NDArray[np.float64]:
        return (self.start - states) / 7.0


def test_adds_to_another_scorer() -> None:
    lexicon, text = make_lexicon(["ab", "cd"], ALPHABET), "ab cc-ab."
    labels = [0, *ALPHABET.encode(text)]
    other = sum(-((a - b) ** 2) / 100 for a, b in itertools.pairwise(labels)) + labels[-1] / 7
    assert charged(lexicon, text, inner=LastLabel()) == pytest.approx(other - 1)


def test_a_list_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes("\ufeffab\r\n  cd  \n\nab\nzebra\nxa\nzebra\n".encode())
    lexicon = load_lexicon(path, ALPHABET)
    assert (lexicon.words, lexicon.skipped, lexicon.examples) == (2, 2, ("zebra", "xa"))
    assert charged(lexicon, "Ab CD ab cd dd") == -1
    packed = tmp_path / "words.txt.xz"
    packed.write_bytes(lzma.compress(path.read_bytes()))
    assert load_lexicon(packed, ALPHABET).words == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such text file"),
        (b"", "no text"),
        (b"\n \n", "no text"),
        (b"\xffa", "not UTF-8"),
        (b"zebra\nyak\n", "none of its words.*'zebra'"),
    ],
)
def test_lists_that_cannot_be_used(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "words.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        load_lexicon(path, ALPHABET)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_settings_that_do_not_fit() -> None:
    lexicon = make_lexicon(["ab"], ALPHABET)
    with pytest.raises(ValueError, match="unknown_cost"):
        LexiconScorer(lexicon, ALPHABET, unknown_cost=-1.0)
    with pytest.raises(ValueError, match="another alphabet"):
        LexiconScorer(lexicon, ENGLISH)


def test_capitals_that_the_model_lacks_do_not_matter() -> None:
    small = Alphabet("abß")
    lexicon = make_lexicon(["aß", "ba"], small)
    assert (lexicon.words, lexicon.skipped) == (2, 0)
    assert charged(lexicon, "aß", small) == charged(lexicon, "ba", small) == 0
