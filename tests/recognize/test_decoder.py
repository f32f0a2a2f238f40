"""Decoders from the options of a user and the settings of a model file, and the labels that they choose."""

import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers.lm_texts import sentences, text
from hwr.decode.beam import BeamSettings, Scorer
from hwr.decode.lattice import LabelSpan, alignments, best_path
from hwr.decode.search import beam_search
from hwr.errors import InputError, ModelError, UsageError
from hwr.lm.build import BuildOptions, build
from hwr.lm.corpus import Text
from hwr.lm.file import write
from hwr.lm.model import Model
from hwr.lm.ngrams import Tables
from hwr.lm.scorer import NgramScorer, text_log_probabilities
from hwr.lm.tokens import token_rules
from hwr.recognize.decoder import (
    LINES_TOGETHER,
    BeamDecoder,
    Decoder,
    DecoderOptions,
    GreedyDecoder,
    chosen_language_models,
    find_beam_settings,
    make_decoder,
)
from hwr.recognize.models import find_language_model
from hwr.settings import to_dict
from hwr.text import Alphabet

SENTENCES = sentences(300)
BACKWARDS = tuple(line[::-1] for line in SENTENCES)
ALPHABET = Alphabet.of([*SENTENCES, "x"])


def log_probs_of(line: str, doubts: dict[int, str] | None = None, seed: int = 0) -> NDArray[np.float64]:
    """A step of the character and one of the blank for each; in `doubts` are the labels that it prefers instead."""
    probabilities = np.random.default_rng(seed).uniform(0.001, 0.003, (2 * len(line), ALPHABET.classes))
    probabilities[1::2, 0] = 0.9
    for index, label in enumerate(ALPHABET.encode(line)):
        probabilities[2 * index, label] = 0.9
    for index, other in (doubts or {}).items():
        probabilities[2 * index, ALPHABET.encode(line[index])] = 0.4
        probabilities[2 * index, ALPHABET.encode(other)] = 0.5
    return np.log(probabilities / probabilities.sum(axis=1, keepdims=True))


def make_scorer(model: Model) -> NgramScorer:
    return NgramScorer(model, token_rules(model.symbols, ALPHABET), weight=0.5, insertion_bonus=1.0)


def texts_of(spans: list[tuple[LabelSpan, ...]]) -> list[str]:
    return [ALPHABET.decode([span.label for span in line]) for line in spans]


def tables(source: Text) -> Tables:
    return build([source], BuildOptions(order=5, max_bytes=None))


@pytest.fixture(scope="module")
def english(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lm") / "english.lm"
    write(tables(text(300)), path, 16, {})
    return path


@pytest.fixture(scope="module")
def backwards(english: Path) -> Path:
    path = english.with_name("backwards.lm")
    write(tables(Text("backwards", BACKWARDS)), path, 16, {})
    return path


def beam_with(*models: Path, **options: Any) -> BeamDecoder:
    asked = DecoderOptions("beam", tuple(map(str, models)), **options)
    decoder = make_decoder(asked, {}, ALPHABET, "tiny")
    assert isinstance(decoder, BeamDecoder)
    return decoder


def spans(decoder: Decoder, lines: list[NDArray[np.float64]]) -> list[tuple[LabelSpan, ...]]:
    return [line.spans for line in decoder.decode(lines)]


def searched(line: NDArray[np.float64], decoder: BeamDecoder, scorer: Scorer | None) -> tuple[LabelSpan, ...]:
    labels = beam_search([line], decoder.settings, scorer)[0][0].labels
    return alignments([line], [labels])[0]


# ---- what the model file says


def test_settings_go_through_the_model_file_unchanged() -> None:
    settings = BeamSettings(("en", "de"), 0.65, 1.5, 32, 0.99, 0.002, 0.9)
    assert find_beam_settings({"beam": to_dict(settings)}, "tiny") == settings
    assert find_beam_settings({"beam": {}}, "tiny") == BeamSettings()
    assert find_beam_settings({"calibration": {}}, "tiny") is None


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"wieght": 0.5}, "unknown key 'wieght' (did you mean 'weight'?); known: language_models, weight"),
        ({"weight": "much"}, "weight = 'much': a number, at least 0 and at most 100, is needed"),
        ({"weight": -0.5}, "weight = -0.5: "),
        ({"weight": math.nan}, "weight = nan: "),
        ({"insertion_bonus": math.inf}, "insertion_bonus = inf: a number, at least -100 and at most 100, is needed"),
        ({"insertion_bonus": None}, "insertion_bonus = None: "),
        ({"width": 0}, "width = 0: a whole number, at least 1 and at most 4096, is needed"),
        ({"width": 4.5}, "width = 4.5: "),
        ({"width": "16"}, "width = '16': "),
        ({"blank_scale": 0}, "blank_scale = 0: "),
        ({"language_models": "en"}, "language_models = 'en': a list is needed"),
        ({"language_models": [1]}, "language_models = 1: a text in quotes is needed"),
        ([], "expected a table of settings, not []"),
        (7, "expected a table of settings, not 7"),
    ],
)
def test_settings_that_cannot_be_used_name_the_model(entry: object, says: str) -> None:
    with pytest.raises(ModelError, match="hwr lm tune") as error:
        find_beam_settings({"beam": entry}, "models/tiny.onnx")
    message = str(error.value)
    assert message.startswith("models/tiny.onnx: ") and says in message and "\n" not in message


# ---- what a user asks for


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("language_models", ("en",)),
        ("language_models", ()),
        ("lexicon", Path("words")),
        ("weight", 0.0),
        ("insertion_bonus", 0.0),
        ("width", 4),
    ],
)
def test_beam_options(name: str, value: object) -> None:
    """Each alone asks for the beam search, and does not go with the greedy decoder; 0 and () are asked for too."""
    options: dict[str, Any] = {name: value}
    assert DecoderOptions(**options).chosen(None) == "beam"
    with pytest.raises(UsageError, match=f"greedy decoder has no .*{name.replace('_', ' ')}"):
        DecoderOptions("greedy", **options)
    if name != "lexicon":
        assert getattr(DecoderOptions(**options).settings(BeamSettings(("de",), 0.3, 0.3, 3)), name) == value


def test_the_decoder_that_is_chosen() -> None:
    own = BeamSettings()
    assert [DecoderOptions().chosen(None), DecoderOptions().chosen(own)] == ["greedy", "beam"]
    assert [DecoderOptions(name).chosen(own) for name in ("greedy", "beam")] == ["greedy", "beam"]
    assert DecoderOptions("beam").chosen(None) == "beam"


def test_settings_that_are_not_given_are_those_of_the_model() -> None:
    own = BeamSettings(("de",), 0.3, 0.4, 5, 0.9, 0.01, 0.8)
    assert DecoderOptions().settings(own) == own
    assert DecoderOptions(width=7).settings(own) == BeamSettings(("de",), 0.3, 0.4, 7, 0.9, 0.01, 0.8)
    assert DecoderOptions(width=7).settings(None) == BeamSettings(width=7)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"decoder": "best"}, "decoder = 'best': one of greedy, beam is needed"),
        ({"unknown_cost": 3.0}, "needs a lexicon"),
        ({"unknown_cost": math.nan, "lexicon": Path("words")}, "unknown_cost = .*: a number, at least 0, is needed"),
        ({"unknown_cost": -1.0, "lexicon": Path("words")}, "unknown_cost = .*: a number, at least 0, is needed"),
    ],
)
def test_options_that_do_not_fit(options: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        DecoderOptions(**options)


@pytest.mark.parametrize(
    "changes", [{"weight": -1.0}, {"weight": math.nan}, {"width": 0}, {"insertion_bonus": math.inf}]
)
def test_numbers_outside_their_range(changes: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"^{next(iter(changes))} = "):
        make_decoder(DecoderOptions(**changes), {}, ALPHABET, "tiny")


# ---- what comes of it


def test_without_settings_the_best_path_is_read() -> None:
    decoder = make_decoder(DecoderOptions(), {}, ALPHABET, "tiny")
    line = log_probs_of("a river", {3: "x"})
    assert isinstance(decoder, GreedyDecoder) and decoder.name == "greedy"
    assert spans(decoder, [line]) == [best_path(line)] and texts_of(spans(decoder, [line])) == ["a rxver"]


def test_the_language_model_reads_what_the_network_doubts(english: Path) -> None:
    line = log_probs_of("the mill has seen a river.", {1: "x", 10: "o", 22: "t"})
    assert texts_of([best_path(line)]) == ["txe mill hos seen a riter."]
    decoder = beam_with(english)
    found = spans(decoder, [line])
    assert texts_of(found) == ["the mill has seen a river."]
    scorer = make_scorer(find_language_model(english))
    assert found == [searched(line, decoder, scorer)]
    assert decoder.name == "beam"


def test_the_model_files_settings_are_used_by_default(english: Path) -> None:
    settings = {"beam": to_dict(BeamSettings((str(english),), 0.8, 0.5, 4))}
    decoder = make_decoder(DecoderOptions(), settings, ALPHABET, "tiny")
    assert isinstance(decoder, BeamDecoder) and decoder.settings == BeamSettings((str(english),), 0.8, 0.5, 4)
    line = log_probs_of("a river", {3: "x"})
    assert texts_of(spans(decoder, [line])) == ["a river"]
    greedy = make_decoder(DecoderOptions("greedy"), settings, ALPHABET, "tiny")
    assert texts_of(spans(greedy, [line])) == ["a rxver"]
    bare = make_decoder(DecoderOptions(language_models=()), settings, ALPHABET, "tiny")
    assert texts_of(spans(bare, [line])) == ["a rxver"]


def test_without_a_language_model_it_is_a_plain_beam_search() -> None:
    decoder = beam_with()
    lines = [log_probs_of("a river", {3: "x"}, seed) for seed in range(3)]
    assert spans(decoder, lines) == [searched(line, decoder, None) for line in lines]


def doubtful_lines(count: int) -> list[NDArray[np.float64]]:
    """Lines forwards and backwards, of different lengths, each with doubts."""
    random = np.random.default_rng(5)
    lines = []
    for number, line in enumerate(sentences(count, seed=9)):
        line = line if number % 3 else line[::-1]
        doubts = {int(place): "x" for place in random.choice(len(line), 2, replace=False)}
        lines.append(log_probs_of(line, doubts, seed=number))
    return lines


def test_a_document_is_read_in_its_language_and_lines_of_another_in_theirs(english: Path, backwards: Path) -> None:
    models = [find_language_model(path) for path in (english, backwards)]
    lines = doubtful_lines(12)
    decoder = beam_with(english, backwards)
    likelihoods = np.array([text_log_probabilities(m, texts_of([best_path(line) for line in lines])) for m in models])
    chosen = likelihoods.argmax(axis=0).tolist()
    assert chosen == [0 if number % 3 else 1 for number in range(12)]
    found = decoder.decode(lines)
    assert [line.language for line in found] == [("english", "backwards")[number] for number in chosen]
    scorers = [make_scorer(model) for model in models]
    expected = [searched(line, decoder, scorers[number]) for line, number in zip(lines, chosen, strict=True)]
    assert [line.spans for line in found] == expected
    # the other model would read some of them otherwise, or the choice would not matter
    assert spans(beam_with(backwards), lines) != expected


def test_an_unclear_line_is_read_in_the_language_of_the_document(english: Path, backwards: Path) -> None:
    unclear = log_probs_of("a a", {0: "x"})
    decoder = beam_with(english, backwards)
    for clear, language in (("the mill has seen a river.", "english"), (".revir a nees sah llim eht", "backwards")):
        found = decoder.decode([unclear, *[log_probs_of(clear, {5: "x"}, seed) for seed in range(4)]])
        assert [line.language for line in found] == [language] * 5


def test_what_is_in_no_language_is_read_without(english: Path, backwards: Path) -> None:
    noise = np.random.default_rng(0)
    letters = [letter for letter in ALPHABET.characters if letter.isalpha()]
    texts = ["".join(noise.choice(letters, 12)) for _ in range(4)]
    lines = [log_probs_of(text, seed=seed) for seed, text in enumerate(texts)]
    decoder = beam_with(english, backwards)
    for found in (decoder.decode(lines), [decoder.decode([line])[0] for line in lines]):
        assert texts_of([line.spans for line in found]) == texts
        assert {line.language for line in found} == {""}
    mixed = decoder.decode([*lines, log_probs_of("the mill has seen a river.", {5: "x"})])
    assert mixed[-1].language == "english"


def test_lines_come_with_what_their_language_model_predicts(english: Path) -> None:
    model = find_language_model(english)
    lines = [log_probs_of("the mill has seen a river.", {1: "x"}), log_probs_of("a river", {3: "x"})]
    for decoder in (beam_with(english), beam_with(english, weight=0.8, insertion_bonus=2.0)):
        for line in decoder.decode(lines):
            (text,) = texts_of([line.spans])
            assert len(line.predictions) == len(text) + 1
            expected = text_log_probabilities(model, [text])[0]
            assert sum(line.predictions) == pytest.approx(expected, abs=1e-3)
    unknown = log_probs_of("xxxxxxxxxxxx")
    for decoder, line in ((beam_with(english), unknown), (beam_with(), lines[0]), (GreedyDecoder(), lines[0])):
        assert [found.predictions for found in decoder.decode([line])] == [()]
    assert beam_with(english, weight=0.0, language="english").decode(lines)[0].predictions == ()


def test_no_language_wins_by_the_length_of_its_text(english: Path) -> None:
    """Letters between which the network sees a blank rather than one of six: with a bonus, a search writes there."""
    noise = np.random.default_rng(0)
    letters = ALPHABET.encode("".join(letter for letter in ALPHABET.characters if letter.isalpha()))
    lines = []
    for seed in range(4):
        gaps = np.full((40, ALPHABET.classes), 0.001)
        gaps[1::2, 0] = 0.9
        for step in range(0, 40, 2):
            gaps[step, 0] = 0.4
            gaps[step, noise.choice(letters, 6, replace=False)] = 0.1
        lines.append(np.concatenate([log_probs_of("xdkx", seed=seed), np.log(gaps / gaps.sum(axis=1, keepdims=True))]))
    assert [len(best_path(line)) for line in lines] == [4] * 4
    written = beam_with(english, insertion_bonus=4.0, language="english").decode(lines)
    assert min(len(line.spans) for line in written) > 12
    for bonus in (0.0, 2.0, 4.0):
        found = beam_with(english, insertion_bonus=bonus).decode(lines)
        assert {line.language for line in found} == {""}, bonus


def test_a_language_that_was_asked_for_is_used_for_all_lines(english: Path, backwards: Path) -> None:
    lines = doubtful_lines(6)
    decoder = beam_with(english, backwards, language="backwards")
    assert {line.language for line in decoder.decode(lines)} == {"backwards"}
    scorer = make_scorer(find_language_model(backwards))
    assert spans(decoder, lines) == [searched(line, decoder, scorer) for line in lines]
    with pytest.raises(UsageError, match="no language model for the language 'nl'; available: backwards, english"):
        beam_with(english, backwards, language="nl")
    with pytest.raises(UsageError, match="the language 'nl' needs a language model, and none is used"):
        chosen_language_models((), "nl")
    with pytest.raises(UsageError, match="the greedy decoder has no language"):
        DecoderOptions("greedy", language="en")


def test_shipped_means_all_language_models_that_ship(english: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hwr.recognize.decoder.language_model_names", lambda: ["de", "en"])
    assert chosen_language_models(("shipped", str(english)), "auto") == {
        "de": "de",
        "en": "en",
        "english": str(english),
    }
    assert chosen_language_models(("shipped",), "de") == chosen_language_models(("shipped",), "DE") == {"de": "de"}


def test_the_order_of_lines_does_not_matter(english: Path, backwards: Path) -> None:
    lines = doubtful_lines(LINES_TOGETHER + 5)
    decoder = beam_with(english, backwards)
    together = decoder.decode(lines)
    order = np.random.default_rng(1).permutation(len(lines))
    assert decoder.decode([lines[place] for place in order]) == [together[place] for place in order]


def test_no_lines_and_lines_without_time(english: Path, backwards: Path) -> None:
    nothing = np.zeros((0, ALPHABET.classes))
    for decoder in (GreedyDecoder(), beam_with(), beam_with(english), beam_with(english, backwards)):
        assert decoder.decode([]) == []
        line = log_probs_of("a river")
        assert texts_of(spans(decoder, [nothing, line])) == ["", "a river"]


# ---- what cannot be used


def test_a_language_model_of_another_script(tmp_path: Path) -> None:
    path = tmp_path / "russian.lm"
    write(tables(Text("russian", ("и вот река",) * 30)), path, 16, {})
    with pytest.raises(ModelError, match="same script") as error:
        beam_with(path)
    letters = sum(character.isalpha() for character in ALPHABET.characters)
    assert str(error.value).startswith(f"{path}: knows 0 of the {letters} letters that tiny writes")
    assert "\n" not in str(error.value)


# ---- a list of words


def word_list(folder: Path, *words: str) -> Path:
    path = folder / "words.txt"
    path.write_text("\n".join(words) + "\n", encoding="utf-8")
    return path


def test_a_lexicon_reads_its_words(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = word_list(tmp_path, "a", "river", "has", "Ωmega", "ΩΩ")
    line = log_probs_of("a river", {3: "x"})
    with caplog.at_level(logging.WARNING):
        decoder = beam_with(lexicon=path)
    assert texts_of(spans(decoder, [line])) == ["a river"]
    (record,) = caplog.records
    assert str(path) in record.getMessage() and "2 words" in record.getMessage() and "Ωmega" in record.getMessage()
    assert texts_of(spans(beam_with(lexicon=path, unknown_cost=0.0), [line])) == ["a rxver"]


def test_a_lexicon_with_language_models(
    tmp_path: Path, english: Path, backwards: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A word that the language model does not know and the lexicon does."""
    line = log_probs_of("the tax has seen a river.", {5: "h"})
    assert texts_of(spans(beam_with(english, backwards), [line])) == ["the thx has seen a river."]
    path = word_list(tmp_path, "the", "tax", "has", "seen", "a", "river")
    with caplog.at_level(logging.WARNING):
        decoder = beam_with(english, backwards, lexicon=path, unknown_cost=20.0)
    assert not caplog.records
    assert texts_of(spans(decoder, [line])) == ["the tax has seen a river."]


def test_a_lexicon_without_words(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none of its words"):
        beam_with(lexicon=word_list(tmp_path, "ΩΩ"))


def test_a_language_model_reads_the_same_in_either_format(tmp_path: Path, english: Path) -> None:
    write(tables(text(300)), tmp_path / "english.arpa", 16, {})
    lines = doubtful_lines(4)
    assert spans(beam_with(tmp_path / "english.arpa"), lines) == spans(beam_with(english), lines)


def test_two_language_models_of_one_language_are_refused() -> None:
    assert chosen_language_models(("a/de.lm", "a/./de.lm", "it.lm"), "auto") == {"de": "a/de.lm", "it": "it.lm"}
    for names in (("a/de.lm", "b/de.lm"), ("shipped", "my/de.lm"), ("de", "de.lm")):
        with pytest.raises(UsageError, match=r"two language models for 'de': .* and .*de\.lm; rename one of the files"):
            chosen_language_models(names, "auto")
