"""The compiled search against the one in NumPy, and what happens without its library."""

import logging
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers.children import child_environment
from helpers.lm_texts import sentences
from hwr.decode import compiled, numpy_search
from hwr.decode.beam import BeamSettings, Scorer
from hwr.decode.build_search import SOURCE, library_name
from hwr.decode.lexicon import LexiconScorer, make_lexicon
from hwr.decode.search import beam_search
from hwr.lm.build import BuildOptions, build
from hwr.lm.corpus import Text
from hwr.lm.file import write_model
from hwr.lm.model import Model, make_model
from hwr.lm.scorer import NgramScorer, label_scores
from hwr.lm.tokens import token_rules
from hwr.recognize.models import find_language_model
from hwr.text import Alphabet

ALPHABET = Alphabet.of([*sentences(50), "ABCDEFGHIJKLMNOPQRSTUVWXYZ abcdefghijklmnopqrstuvwxyz 0123456789%£/-'"])
WORDS = ["the", "mill", "river", "old", "boat", "Mary", "has", "seen", "don't", "lamp-oil"]
SETTINGS, RESULTS = BeamSettings(width=12, blank_scale=0.9), 5

needs_compiler = pytest.mark.skipif(compiled.load_library() is None, reason="no C compiler")


@pytest.fixture(scope="module", params=[(5, 8), (6, 16), (2, 8)], ids=str)
def model(request: pytest.FixtureRequest) -> Model:
    order, bits = request.param
    return make_model(build([Text("", tuple(sentences(200)))], BuildOptions(order=order, max_bytes=12_000)), bits)


def doubtful_lines(count: int, seed: int = 0) -> Iterator[NDArray[np.float32]]:
    """Log-probabilities as of sentences with numbers and capitals: a few labels compete at each step."""
    random = np.random.default_rng(seed)
    for number, line in enumerate(sentences(count, seed=seed)):
        text = [line, line.upper(), f"12/{number} {line[:9]} A{number}", "", line.title()][number % 5]
        scores = random.normal(0, 1.5, (3 * len(text) + 2, ALPHABET.classes)).astype(np.float32)
        scores[:, 0] += 4
        for place, label in enumerate(ALPHABET.encode(text)):
            scores[3 * place + 1, label] += 6
        scores[::7, 0] += 20
        yield scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)


def scorers(model: Model) -> Iterator[Scorer | None]:
    lexicon = make_lexicon(WORDS, ALPHABET)
    rules = token_rules(model.symbols, ALPHABET)
    yield None
    yield NgramScorer(model, rules, weight=0.6, insertion_bonus=1.2)
    yield LexiconScorer(lexicon, ALPHABET, None, 3.0)
    yield LexiconScorer(lexicon, ALPHABET, NgramScorer(model, rules, weight=0.6, insertion_bonus=1.2), np.inf)


@needs_compiler
def test_both_searches_find_the_same_texts_with_the_same_scores(model: Model) -> None:
    lines = list(doubtful_lines(25))
    for scorer in scorers(model):
        expected = numpy_search.search(lines, SETTINGS, scorer, RESULTS)
        fast = compiled.compiled_scorer(scorer)
        assert fast is not None
        found = [compiled.search(line, SETTINGS, fast, RESULTS) for line in lines]
        assert [[one.labels for one in line] for line in found] == [[one.labels for one in line] for line in expected]
        assert max(map(len, found)) == RESULTS
        for line, other in zip(found, expected, strict=True):
            for one, same in zip(line, other, strict=True):
                assert (one.log_probability, one.score) == pytest.approx((same.log_probability, same.score))


@needs_compiler
def test_both_give_the_labels_of_lines_the_same_scores(model: Model) -> None:
    lines = [ALPHABET.encode(line) for line in (*sentences(20, seed=3), "THE OLD 12 boats", "", "zzz qqq")]
    scorer = NgramScorer(model, token_rules(model.symbols, ALPHABET), weight=1.0)
    fast = compiled.compiled_scorer(scorer)
    assert fast is not None
    for line, expected in zip(lines, label_scores(scorer, lines), strict=True):
        assert fast.label_scores(line) == pytest.approx(expected)


def test_without_a_compiler_numpy_searches_and_the_log_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    monkeypatch.setattr(compiled, "__file__", str(tmp_path / "compiled.py"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(compiled, "load_library", compiled.load_library.__wrapped__)
    lines = list(doubtful_lines(3))
    with caplog.at_level(logging.INFO):
        found = beam_search(lines, BeamSettings())
    assert "the beam search runs in NumPy, which is slower: no C compiler found (no-such-compiler)" in caplog.text
    assert found == numpy_search.search(lines, BeamSettings(), None, 1)


def test_a_library_that_does_not_load_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(compiled, "__file__", str(tmp_path / "compiled.py"))
    (tmp_path / library_name()).write_bytes(b"not a library")
    with caplog.at_level(logging.INFO):
        assert compiled.load_library.__wrapped__() is None
    assert "runs in NumPy" in caplog.text


@needs_compiler
def test_the_library_goes_into_the_cache_where_the_package_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(compiled, "__file__", str(tmp_path / "file" / "compiled.py"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert compiled.open_library() is not None
    assert [path.name for path in (tmp_path / "cache" / "hwr").iterdir()] == [library_name()]


HOSTILE = """
import sys
from pathlib import Path
import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
sys.path[:0] = sys.argv[1:3]
from hwr.decode import compiled
compiled._find_library = lambda: Path(sys.argv[3])
from test_compiled import ALPHABET, RESULTS, SETTINGS, doubtful_lines
from hwr.errors import ModelError
from hwr.lm.file import read_model
from hwr.lm.scorer import NgramScorer
from hwr.lm.tokens import token_rules
good, path = Path(sys.argv[4]), Path(sys.argv[4]).with_name("hostile.lm")
lines, random, read = list(doubtful_lines(4)), np.random.default_rng(int(sys.argv[5])), 0
with safe_open(good, "numpy") as file:
    metadata = file.metadata()
for trial in range(100):
    if trial % 2:  # any bytes
        data = bytearray(good.read_bytes())
        for place in random.integers(8, len(data), random.integers(1, 60)):
            data[place] = random.integers(256)
        path.write_bytes(data)
    else:  # counts fit as before, but nothing else does
        arrays = load_file(good)
        for name in ("labels", "log_probs", "backoffs"):
            arrays[name] = random.integers(0, int(arrays[name].max()) + 1, len(arrays[name])).astype(arrays[name].dtype)
        random.shuffle(arrays["continuations"])
        random.shuffle(arrays["followed"][:-1])
        save_file(arrays, path, metadata)
    try:
        model = read_model(path)
    except ModelError:
        continue
    read += 1
    scorer = NgramScorer(model, token_rules(model.symbols, ALPHABET), weight=0.7, insertion_bonus=1.0)
    for line in lines:
        compiled.search(line, SETTINGS, compiled.compiled_scorer(scorer), RESULTS)
print(read)
"""


@needs_compiler
@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux") or not shutil.which("gcc"), reason="needs gcc's sanitisers")
@pytest.mark.parametrize("seed", range(3))
def test_hostile_models_are_harmless(tmp_path: Path, model: Model, seed: int) -> None:
    """Every model that the loader lets pass is searched with the address and undefined-behaviour sanitisers on."""
    library, file = tmp_path / "search.so", tmp_path / "good.lm"
    flags = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1", "-fPIC", "-shared"]
    subprocess.run(["gcc", *flags, str(SOURCE), "-o", str(library), "-lm"], check=True)
    runtime = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    write_model(model, file)
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", HOSTILE, str(root / "tests"), str(Path(__file__).parent), library, file, str(seed)],
        env=child_environment(LD_PRELOAD=runtime.stdout.strip(), ASAN_OPTIONS="detect_leaks=0", PYTHONPATH=root),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) >= 50


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("iam-lines", "en"),
        ("iam-ondb", "en"),
        ("hooker", "en"),
        ("copiste-fr", "fr"),
        ("french-archives", "fr"),
        ("italian-15-16", "it"),
    ],
)
def test_validation_lines_read_the_same_in_both(shared: Path, name: str, language: str) -> None:
    from hwr.evaluate.sets import find_sets
    from hwr.evaluate.tuning import read_network_lines
    from hwr.recognize.decoder import DecoderOptions
    from hwr.recognize.recognizer import Recognizer

    recognizer = Recognizer("small", decoder=DecoderOptions("greedy"))
    (source,), _ = find_sets([shared / name], "val")
    model, settings = find_language_model(language), replace(SETTINGS, width=32)
    rules = token_rules(model.symbols, recognizer.alphabet)
    scorer = NgramScorer(model, rules, weight=0.65, insertion_bonus=1.5)
    fast = compiled.compiled_scorer(scorer)
    assert fast is not None
    for line in read_network_lines(source, recognizer):
        (expected,) = numpy_search.search([line.log_probs], settings, scorer, 3)
        assert [one.labels for one in compiled.search(line.log_probs, settings, fast, 3)] == [
            one.labels for one in expected
        ]
