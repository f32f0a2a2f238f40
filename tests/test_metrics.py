"""Edit distance and error rates against jiwer, rapidfuzz and a textbook matrix."""

import functools
import random
import subprocess
import sys
import unicodedata
from collections.abc import Sequence

import jiwer
import pytest
from rapidfuzz.distance import Levenshtein

from hwr import metrics
from hwr.metrics import ErrorCounts, character_errors, edit_distance, right_words, word_errors
from hwr.text import normalise_text

ALPHABETS = ("ab", "abcdefghij .,'", "éèêàçœŒß«»—’ aeiou", "的一是不了人我在", "👍🏽👩‍👩‍👧́̀a e", "אבגד שלום")

REAL_LINES = (
    ("He rose from his breakfast-nook bench", "He rose from his breakfast - nook bench"),
    ("A MOVE to stop Mr. Gaitskell from", "A MOYE to stop Mr Gaitskell fron"),
    ("nominating any more Labour life Peers", "nominatingany more Labour life Peers"),
    ("L’an mil sept cent quatre-vingt-neuf, à midi", "L'an mil sept cent quatre vingt neuf a midi"),
    ("Œuvres complètes — tome Ⅳ", "OEuvres completes - tome IV"),
    ("\t two  blanks\u00a0and a tab ", "two blanks and a tab"),
    ("e\u0301te\u0301", "été"),
    ("word", ""),
    ("a", "a much longer reading than the reference has"),
)


def matrix_distance(a: Sequence[object], b: Sequence[object]) -> int:
    """The textbook matrix: the slow twin."""
    rows = [[i + j if i == 0 or j == 0 else 0 for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            rows[i][j] = min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]))
    return rows[-1][-1]


def random_text(generator: random.Random, alphabet: str, longest: int) -> str:
    return "".join(generator.choices(alphabet, k=generator.randint(0, longest)))


def random_pairs(seed: int, count: int, longest: int) -> list[tuple[str, str]]:
    """Unrelated texts, and texts with a few edits, over several scripts."""
    generator = random.Random(seed)
    pairs = []
    for _ in range(count):
        alphabet = generator.choice(ALPHABETS)
        a = random_text(generator, alphabet, longest)
        if generator.random() < 0.5:
            b = random_text(generator, alphabet, longest)
        else:
            b = "".join(
                generator.choice(("", c, c + generator.choice(alphabet), generator.choice(alphabet)))
                if generator.random() < 0.15
                else c
                for c in a
            )
        pairs.append((a, b))
    return pairs


@pytest.fixture(params=["editdistance", "rapidfuzz"])
def method(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a test with each of the libraries that is installed."""
    if request.param == "editdistance":
        monkeypatch.setattr(metrics, "_distance", pytest.importorskip("editdistance").eval)
    else:
        monkeypatch.setattr(metrics, "_distance", Levenshtein.distance)
    return str(request.param)


def test_edit_distance_equals_rapidfuzz(method: str) -> None:
    for a, b in random_pairs(seed=1, count=600, longest=70):
        assert edit_distance(a, b) == Levenshtein.distance(a, b), (a, b)


def test_edit_distance_of_long_texts_equals_rapidfuzz(method: str) -> None:
    # Bit-parallel code switches its method at multiples of 64 items.
    for a, b in random_pairs(seed=2, count=30, longest=900):
        assert edit_distance(a, b) == Levenshtein.distance(a, b)


def test_edit_distance_equals_the_textbook_matrix_on_any_items(method: str) -> None:
    generator = random.Random(3)
    items = [-2, -1, 0, 2**64, "word", ("a", 1), None, 1.5]
    for _ in range(300):
        a = generator.choices(items, k=generator.randint(0, 12))
        b = tuple(generator.choices(items, k=generator.randint(0, 12)))
        assert edit_distance(a, b) == matrix_distance(a, b), (a, b)


def test_pooled_rates_equal_jiwer(method: str) -> None:
    pairs = [*REAL_LINES, *((a, b) for a, b in random_pairs(seed=4, count=300, longest=60) if normalise_text(a))]
    truths = [normalise_text(a) for a, _ in pairs]
    readings = [normalise_text(b) for _, b in pairs]
    characters = sum((character_errors(a, b) for a, b in pairs), ErrorCounts())
    words = sum((word_errors(a, b) for a, b in pairs), ErrorCounts())
    assert characters.rate == pytest.approx(jiwer.cer(truths, readings), abs=1e-12)
    assert words.rate == pytest.approx(jiwer.wer(truths, readings), abs=1e-12)


@pytest.mark.parametrize(("truth", "reading"), REAL_LINES)
def test_one_line_equals_jiwer(truth: str, reading: str) -> None:
    expected = jiwer.process_characters(normalise_text(truth), normalise_text(reading))
    counts = character_errors(truth, reading)
    assert counts.edits == expected.substitutions + expected.deletions + expected.insertions
    assert counts.reference_length == len(normalise_text(truth))
    assert word_errors(truth, reading).rate == pytest.approx(jiwer.wer(normalise_text(truth), normalise_text(reading)))


def test_the_text_rules_apply_to_both_sides() -> None:
    composed, decomposed = "é à", unicodedata.normalize("NFD", "  é \n à ")
    assert character_errors(composed, decomposed) == character_errors(decomposed, composed) == ErrorCounts(0, 3)


def test_case_and_punctuation_count() -> None:
    assert character_errors("Peers.", "peers").edits == 2
    assert word_errors("Life Peers.", "Life peers").edits == 1


def test_rates_are_pooled_not_averaged() -> None:
    pooled = character_errors("a" * 99, "a" * 99) + character_errors("b", "c")
    assert pooled == ErrorCounts(1, 100)
    assert pooled.rate == 0.01


def test_empty_reference() -> None:
    assert character_errors(" ", "").rate == 0.0
    assert character_errors("", "ab").rate == float("inf")
    assert word_errors("", "ab cd") == ErrorCounts(2, 0)
    assert (character_errors("", "ab") + character_errors("abcd", "abcd")).rate == 0.5


def test_rapidfuzz_takes_the_place_of_editdistance() -> None:
    program = (
        "import sys\n"
        "sys.modules['editdistance'] = sys.modules['torch'] = sys.modules['pyarrow'] = None\n"
        "from hwr.metrics import _distance, character_errors\n"
        "print(character_errors('kitten', 'sitting').edits, _distance.__module__.partition('.')[0])\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "3 rapidfuzz\n"


def most_right_words(words: tuple[str, ...], read: tuple[str, ...]) -> tuple[int, int]:
    """Fewest edits, and the most right words of all alignments with so few: by trying every first step."""

    @functools.cache
    def best(i: int, j: int) -> tuple[int, int]:
        if i == len(words) or j == len(read):
            return len(words) - i + len(read) - j, 0
        equal = int(words[i] == read[j])
        steps = [(best(i + 1, j + 1), 1 - equal, equal), (best(i + 1, j), 1, 0), (best(i, j + 1), 1, 0)]
        edits, wrong = min((edits + cost, -(right + hit)) for (edits, right), cost, hit in steps)
        return edits, -wrong

    return best(0, 0)


class TestRightWords:
    def test_examples(self) -> None:
        assert right_words("the old mill", "the old mill") == (True, True, True)
        assert right_words("the old mill", "tho  old mill, ") == (False, True, False)
        assert right_words("the old mill", "old mill") == (True, True)
        assert right_words("the old mill", "the o ld mill") == (True, False, False, True)
        assert right_words("e\u0301te\u0301", "\u00e9t\u00e9") == (True,)
        assert right_words("", "ghost") == (False,)
        assert right_words("unread", "") == ()

    def test_as_many_as_in_the_best_of_all_alignments(self) -> None:
        generator = random.Random(5)
        for _ in range(400):
            words = tuple(generator.choices("abc", k=generator.randint(0, 7)))
            read = tuple(generator.choices("abcd", k=generator.randint(0, 7)))
            found = right_words(" ".join(words), " ".join(read))
            edits, right = most_right_words(words, read)
            assert len(found) == len(read) and sum(found) == right
            assert edits == word_errors(" ".join(words), " ".join(read)).edits

    def test_right_words_are_in_the_reference_in_this_order(self) -> None:
        generator = random.Random(6)
        for _ in range(200):
            words = generator.choices("abcd", k=8)
            read = generator.choices("abcd", k=8)
            marks = right_words(" ".join(words), " ".join(read))
            right = [word for word, is_right in zip(read, marks, strict=True) if is_right]
            rest = iter(words)
            assert all(word in rest for word in right), "a subsequence of the reference"
