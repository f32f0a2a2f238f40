"""From log-probabilities to labels: the best path, or a beam search with language models and a lexicon.

The settings of the search are tuned for each model (`hwr lm tune`) and stored in the model file, so that nobody needs
to know them. By default, a model with settings is read by the beam search.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from hwr.decode.beam import BeamSettings, Bonus, Hypothesis, Scorer, Weight, Width
from hwr.decode.lattice import LabelSpan, alignments, best_path
from hwr.decode.lexicon import UNKNOWN_COST, Lexicon, LexiconScorer, load_lexicon
from hwr.errors import ModelError, UsageError
from hwr.lm.model import Model
from hwr.lm.ngrams import UNKNOWN
from hwr.lm.scorer import NgramScorer
from hwr.lm.tokens import label_kinds, token_rules
from hwr.recognize.languages import (
    MIN_NUMBER_SHARE,
    FoundText,
    Language,
    Languages,
    number_share,
    settings_for_numbers,
)
from hwr.recognize.models import find_language_model, language_model_names
from hwr.settings import Range, Settings, from_dict
from hwr.text import Alphabet

GREEDY: Literal["greedy"] = "greedy"
BEAM: Literal["beam"] = "beam"
LINES_TOGETHER = 16
"""Number of lines to search together; more are not faster."""
MIN_KNOWN = 0.25
"""Minimum share of a model's letters that a language model must know."""
AUTO = "auto"
SHIPPED = "shipped"

log = logging.getLogger(__name__)

LogProbs = NDArray[np.floating]
Spans = tuple[LabelSpan, ...]


def find_beam_settings(settings: Mapping[str, Any], where: object) -> BeamSettings | None:
    """Return the settings of the beam search among the decoder settings of a model, or None if there are none.

    Raises:
        ModelError: the entry is not a valid beam-search configuration; `where` names the model.
    """
    entry = settings.get(BEAM)
    if entry is None:
        return None
    return from_dict(BeamSettings, entry, f"{where}: beam search (`hwr lm tune` makes new settings)", ModelError)


@dataclass(frozen=True)
class DecoderOptions(Settings):
    """Options of the decoder. None means the value in the model file.

    Attributes:
        decoder: "greedy" or "beam"; None: beam if the model has settings for it, otherwise greedy.
        language_models: names or files, or "shipped" for all that ship; empty: none.
        lexicon: a file with one word per line.
        unknown_cost: of a word that is not in the lexicon, as a natural logarithm; needs a lexicon.
        weight, insertion_bonus, width: see `BeamSettings`.
        language: code of the text's language, whose language model is used; "auto": the best for each document, if any.
        careful: read each line in three views; see `hwr.recognize.views`.

    Raises:
        UsageError: an unknown decoder, a number outside its range, or a setting of the beam search for the greedy
            decoder.
    """

    decoder: Literal["greedy", "beam"] | None = None
    language_models: tuple[str, ...] | None = None
    lexicon: Path | None = None
    unknown_cost: Annotated[float, Range(0, infinite=True)] | None = None
    weight: Weight | None = None
    insertion_bonus: Bonus | None = None
    width: Width | None = None
    language: str = AUTO
    careful: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        given = [name for name in BEAM_OPTIONS if getattr(self, name) not in (None, AUTO)]
        if self.decoder == GREEDY and given:
            option = "beam width" if given[0] == "width" else given[0].replace("_", " ")
            raise UsageError(f"the greedy decoder has no {option}; use the decoder beam")
        if self.unknown_cost is not None and self.lexicon is None:
            raise UsageError("an unknown-word cost needs a lexicon")

    def settings(self, own: BeamSettings | None) -> BeamSettings:
        """Return the settings of the search: those given here, and the others from `own`, the model's."""
        names = ("language_models", "weight", "insertion_bonus", "width")
        changes = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return replace(own or BeamSettings(), **changes)

    def chosen(self, own: BeamSettings | None) -> str:
        """Return the name of the decoder that results from these options and the model's settings."""
        if self.decoder is not None:
            return self.decoder
        asked = any(getattr(self, name) not in (None, AUTO) for name in BEAM_OPTIONS)
        return BEAM if own is not None or asked else GREEDY


BEAM_OPTIONS = ("language", "language_models", "lexicon", "unknown_cost", "weight", "insertion_bonus", "width")


@dataclass(frozen=True)
class DecodedLine:
    """The labels that a decoder chose for a line.

    Attributes:
        spans: the labels with their time steps.
        language: code of the language in which the line was searched; "" for none.
        texts: the best texts as labels with their log-scores, the chosen one first.
        predictions: natural logarithms of the language model's probabilities of each label and of the end of the line;
            empty if the network alone chose the labels.
    """

    spans: Spans
    language: str = ""
    texts: tuple[Hypothesis, ...] = ()
    predictions: tuple[float, ...] = ()


class GreedyDecoder:
    """The best path of each line."""

    name = GREEDY

    def decode(self, log_probs: Sequence[LogProbs], results: int = 1, /) -> list[DecodedLine]:
        """Decode the lines of one document, such as a page; log_probs of shape (T, classes) each.

        Args:
            results: number of texts to return for each line, at most the width of the search; a best path has one.
        """
        return [DecodedLine(best_path(line)) for line in log_probs]

    def score(self, line: DecodedLine, labels: Sequence[int], /) -> float:
        """Return the decoder's score for a text of the line, given as labels, in addition to the log-probability."""
        return 0.0

    def predict(self, language: str, labels: Sequence[int], /) -> tuple[float, ...]:
        """Return the `predictions` of a line of labels in a language; see `DecodedLine`."""
        return ()


class BeamDecoder:
    """A beam search in the language of the document.

    Attributes:
        settings: of the search.
        languages: competing languages.
        for_numbers: the same with less weight, for documents of numbers.
    """

    name = BEAM

    def __init__(
        self, settings: BeamSettings, alphabet: Alphabet, languages: Languages, for_numbers: Languages
    ) -> None:
        self.settings, self.languages, self.for_numbers = settings, languages, for_numbers
        self._kinds = label_kinds(alphabet)

    def decode(self, log_probs: Sequence[LogProbs], results: int = 1, /) -> list[DecodedLine]:
        """See `GreedyDecoder.decode`."""
        numbers = number_share(log_probs, self._kinds) >= MIN_NUMBER_SHARE
        found = (self.for_numbers if numbers else self.languages).read(log_probs, results)
        decoded: list[DecodedLine] = []
        for start in range(0, len(log_probs), LINES_TOGETHER):
            # Aligned in chunks: the lattices of all lines at once would take gigabytes.
            lines, texts = log_probs[start : start + LINES_TOGETHER], found[start : start + LINES_TOGETHER]
            spans = alignments(lines, [text.hypotheses[0].labels for text in texts])
            decoded += [self._decoded(tuple(line_spans), text) for line_spans, text in zip(spans, texts, strict=True)]
        return decoded

    def _decoded(self, spans: Spans, text: FoundText) -> DecodedLine:
        code, best = text.language.code, text.hypotheses[0]
        return DecodedLine(spans, code, text.hypotheses, self.predict(code, best.labels))

    def score(self, line: DecodedLine, labels: Sequence[int], /) -> float:
        """See `GreedyDecoder.score`."""
        return float(self.languages.scores(line.language, labels).sum())

    def predict(self, language: str, labels: Sequence[int], /) -> tuple[float, ...]:
        """See `GreedyDecoder.predict`."""
        if not language or not self.settings.weight:
            return ()
        scores = self.languages.scores(language, labels)
        scores[:-1] -= self.settings.insertion_bonus
        return tuple((scores / self.settings.weight).tolist())


Decoder = GreedyDecoder | BeamDecoder


def make_decoder(
    options: DecoderOptions, settings: Mapping[str, Any], alphabet: Alphabet, model: str, folder: Path | None = None
) -> Decoder:
    """Return the decoder that a user requests, or that the model file names.

    Args:
        settings: the decoder settings of the model file.
        model: name of the model in messages.
        folder: that of the model file, where language models are searched too that are not at their stored path.

    Raises:
        ModelError: a language model is missing, broken, or of another script; settings that cannot be used.
        InputError: the lexicon is missing or has no usable word.
        UsageError: see `DecoderOptions`; or the language, the weight or the bonus lacks its language model.
    """
    own = find_beam_settings(settings, model)
    if options.chosen(own) == GREEDY:
        return GreedyDecoder()
    beam = options.settings(own)
    if options.language_models is None:
        found = tuple(_stored_language_model(name, folder, model) for name in beam.language_models)
        beam = replace(beam, language_models=found)
    _check_scoring(options, beam)
    lexicon = None if options.lexicon is None else load_words(options.lexicon, alphabet)
    cost = UNKNOWN_COST if options.unknown_cost is None else options.unknown_cost

    def language(code: str, scorer: Scorer | None) -> Language:
        return Language(code, scorer if lexicon is None else LexiconScorer(lexicon, alphabet, scorer, cost))

    chosen = chosen_language_models(beam.language_models, options.language)
    models = {code: _checked(name, alphabet, model) for code, name in chosen.items()}
    rules = {code: token_rules(found.symbols, alphabet) for code, found in models.items()}

    def competing(beam: BeamSettings) -> Languages:
        # Here the language models enter the beam, as the scorers of the search.
        weight, bonus = beam.weight, beam.insertion_bonus
        scorers = {
            code: NgramScorer(found, rules[code], weight=weight, insertion_bonus=bonus)
            for code, found in models.items()
        }
        languages = [language(code, scorer) for code, scorer in scorers.items()]
        return Languages(beam, languages, language("", None) if options.language == AUTO else None)

    return BeamDecoder(beam, alphabet, competing(beam), competing(settings_for_numbers(beam)))


def _stored_language_model(name: str, folder: Path | None, model: str) -> str:
    """Return a language model of a model file: the file may have moved next to the model.

    Raises:
        ModelError: the file is gone.
    """
    path = Path(name)
    if folder is None or not path.is_absolute() or path.exists():
        return name
    if (folder / path.name).is_file():
        return str(folder / path.name)
    raise ModelError(
        f"{model}: its language model {name} is missing; put {path.name} next to the model file, "
        "or choose others (--lm NAME, or --lm none)"
    )


def _check_scoring(options: DecoderOptions, beam: BeamSettings) -> None:
    """Refuse settings that only the score of a language model uses, if there is none."""
    given = [name for name in ("weight", "insertion_bonus") if getattr(options, name) is not None]
    if given and not beam.language_models:
        raise UsageError(f"the {given[0].replace('_', ' ')} needs a language model, and none is used")


def chosen_language_models(names: Sequence[str], language: str) -> dict[str, str]:
    """Return language models by language code.

    Args:
        names: of shipped ones or files; "shipped" means all that ship.
        language: the code of one of them, in upper or lower case; "auto": all of them.

    Raises:
        UsageError: no language model has this code, or there are none; or two have the same code.
    """
    models: dict[str, str] = {}
    for name in names:
        for one in language_model_names() if name == SHIPPED else (name,):
            code = Path(one).name.split(".")[0]
            if Path(models.setdefault(code, one)) != Path(one):
                raise UsageError(f"two language models for {code!r}: {models[code]} and {one}; rename one of the files")
    if language == AUTO:
        return models
    chosen = next((code for code in models if code.casefold() == language.casefold()), None)
    if chosen is None and not models:
        raise UsageError(f"the language {language!r} needs a language model, and none is used")
    if chosen is None:
        there = ", ".join(sorted(models))
        advice = "add --lm FILE.lm, or leave out --language"
        raise UsageError(f"no language model for the language {language!r}; available: {there}; {advice}")
    return {chosen: models[chosen]}


def _checked(name: str, alphabet: Alphabet, model: str) -> Model:
    """Return a language model that knows the letters of the alphabet."""
    found = find_language_model(name)
    letters = [character for character in alphabet.characters if character.isalpha()]
    known = sum(found.symbols.symbol(letter) != UNKNOWN for letter in letters)
    if known < MIN_KNOWN * len(letters):
        raise ModelError(
            f"{name}: knows {known} of the {len(letters)} letters that {model} writes; "
            "a language model of the same script is needed"
        )
    return found


def load_words(path: Path, alphabet: Alphabet) -> Lexicon:
    """Load a lexicon and log the words that are left out.

    Raises:
        InputError: see `hwr.decode.lexicon.load_lexicon`.
    """
    lexicon = load_lexicon(path, alphabet)
    if lexicon.skipped:
        examples = ", ".join(lexicon.examples)
        log.warning(
            "%s: %d words have characters that the model cannot write and are left out: %s",
            path,
            lexicon.skipped,
            examples,
        )
    return lexicon
