"""From log-probabilities to labels: the best path, or a beam search with language models and a lexicon.

The settings of the search are tuned for each model (`hwr lm tune`) and lie in the model file, so that nobody has to
know them. A model with settings is read by the beam search unless something else is asked for.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from hwr.decode.beam import BeamSettings, Count, Scorer, Weight, beam_search
from hwr.decode.lattice import LabelSpan, alignments, best_path
from hwr.decode.lexicon import UNKNOWN_COST, LexiconScorer, load_lexicon
from hwr.errors import ModelError, UsageError
from hwr.lm.model import Model
from hwr.lm.scorer import NgramScorer, line_log_probabilities
from hwr.lm.symbols import UNKNOWN
from hwr.lm.tokens import token_rules
from hwr.recognize.models import find_language_model
from hwr.settings import Range, Settings, from_dict
from hwr.text import Alphabet

GREEDY: Literal["greedy"] = "greedy"
BEAM: Literal["beam"] = "beam"
LINES_TOGETHER = 16
"""Lines that are searched side by side: more are no faster."""
LEAST_KNOWN = 0.25
"""Share of a model's letters that a language model must know."""

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
    """Options of the user. None means: as the model file says.

    Attributes:
        decoder: "greedy" or "beam"; None: beam if the model has settings for it, else greedy.
        language_models: names or files; empty: none.
        lexicon: a file with a word a line.
        unknown_cost: of a word that is not in the lexicon, in natural logarithms; needs a lexicon.
        weight, insertion_bonus, width: see `BeamSettings`.

    Raises:
        UsageError: an unknown decoder, a number outside its range, or a setting of the beam search for the greedy
            decoder.
    """

    decoder: Literal["greedy", "beam"] | None = None
    language_models: tuple[str, ...] | None = None
    lexicon: Path | None = None
    unknown_cost: Annotated[float, Range(0, infinite=True)] | None = None
    weight: Weight | None = None
    insertion_bonus: float | None = None
    width: Count | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        given = [name for name in BEAM_OPTIONS if getattr(self, name) is not None]
        if self.decoder == GREEDY and given:
            raise UsageError(f"the greedy decoder has no {given[0].replace('_', ' ')}; use the decoder beam")
        if self.unknown_cost is not None and self.lexicon is None:
            raise UsageError("a cost of unknown words needs a lexicon")

    def settings(self, own: BeamSettings | None) -> BeamSettings:
        """Return the settings of the search: those given here, the others from `own`, the model's."""
        names = ("language_models", "weight", "insertion_bonus", "width")
        changes = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return replace(own or BeamSettings(), **changes)

    def chosen(self, own: BeamSettings | None) -> str:
        """The decoder that this comes to."""
        if self.decoder is not None:
            return self.decoder
        asked = any(getattr(self, name) is not None for name in BEAM_OPTIONS)
        return BEAM if own is not None or asked else GREEDY


BEAM_OPTIONS = ("language_models", "lexicon", "unknown_cost", "weight", "insertion_bonus", "width")


class Decoder(Protocol):
    """Chooses the labels of lines."""

    @property
    def name(self) -> str:
        """ "greedy" or "beam"."""
        ...

    def decode(self, log_probs: Sequence[LogProbs], /) -> list[Spans]:
        """The labels of each line with their time steps; log_probs of shape (T, classes) each."""
        ...


class GreedyDecoder:
    """The best path of each line."""

    name = GREEDY

    def decode(self, log_probs: Sequence[LogProbs], /) -> list[Spans]:
        """See `Decoder.decode`."""
        return [best_path(line) for line in log_probs]


class BeamDecoder:
    """A beam search with one of several language models for each line, or with none.

    Attributes:
        settings: of the search.
        scorers: one for each language model, or a single one (which may be none) for all lines.
    """

    name = BEAM

    def __init__(self, settings: BeamSettings, scorers: Sequence[Scorer | None], languages: "Languages | None") -> None:
        self.settings, self.scorers, self.languages = settings, tuple(scorers), languages

    def decode(self, log_probs: Sequence[LogProbs], /) -> list[Spans]:
        """See `Decoder.decode`."""
        spans: list[Spans] = [()] * len(log_probs)
        for scorer, members in self._by_scorer(log_probs):
            members = sorted(members, key=lambda index: len(log_probs[index]))
            for start in range(0, len(members), LINES_TOGETHER):
                chunk = members[start : start + LINES_TOGETHER]
                lines = [log_probs[index] for index in chunk]
                found = beam_search(lines, self.settings, scorer)
                # Aligned chunk by chunk: the lattices of all lines at once would take gigabytes.
                aligned = alignments(lines, [hypotheses[0].labels for hypotheses in found])
                for index, line_spans in zip(chunk, aligned, strict=True):
                    spans[index] = tuple(line_spans)
        return spans

    def _by_scorer(self, log_probs: Sequence[LogProbs]) -> list[tuple[Scorer | None, list[int]]]:
        if self.languages is None:
            return [(self.scorers[0], list(range(len(log_probs))))]
        chosen = self.languages.choose([[span.label for span in best_path(line)] for line in log_probs])
        return [
            (scorer, [index for index, choice in enumerate(chosen) if choice == number])
            for number, scorer in enumerate(self.scorers)
        ]


class Languages:
    """Tells which of several language models a line is written in: the one in which its reading is likeliest."""

    def __init__(self, scorers: Sequence[NgramScorer]) -> None:
        self.scorers = tuple(scorers)

    def choose(self, lines: Sequence[Sequence[int]]) -> list[int]:
        """The number of the language model for each line of labels; the first where they are equal."""
        if not lines:
            return []
        totals = np.array([line_log_probabilities(scorer, lines) for scorer in self.scorers])
        return [int(number) for number in totals.argmax(axis=0)]


def make_decoder(options: DecoderOptions, settings: Mapping[str, Any], alphabet: Alphabet, model: str) -> Decoder:
    """The decoder that a user asks for, or that the model file names.

    Args:
        settings: the decoder settings of the model file.
        model: how messages call the model.

    Raises:
        ModelError: a language model is missing, broken, or of another script; settings that cannot be used.
        InputError: the lexicon is missing or has no usable word.
        UsageError: see `DecoderOptions`.
    """
    own = find_beam_settings(settings, model)
    if options.chosen(own) == GREEDY:
        return GreedyDecoder()
    beam = options.settings(own)
    models = [_checked(name, alphabet, model) for name in beam.language_models]
    scorers = [
        NgramScorer(
            found, token_rules(found.symbols, alphabet), weight=beam.weight, insertion_bonus=beam.insertion_bonus
        )
        for found in models
    ]
    languages = Languages(scorers) if len(scorers) > 1 else None
    plain: list[Scorer | None] = []
    plain.extend(scorers)
    return BeamDecoder(beam, with_lexicon(plain or [None], options, alphabet), languages)


def _checked(name: str, alphabet: Alphabet, model: str) -> Model:
    """A language model that knows the letters of the alphabet.

    Raises:
        ModelError: it knows less than a quarter of them.
    """
    found = find_language_model(name)
    letters = [character for character in alphabet.characters if character.isalpha()]
    known = sum(found.symbols.symbol(letter) != UNKNOWN for letter in letters)
    if known < LEAST_KNOWN * len(letters):
        raise ModelError(
            f"{name}: knows {known} of the {len(letters)} letters that {model} writes; "
            "a language model of the same script is needed"
        )
    return found


def with_lexicon(
    scorers: Sequence[Scorer | None], options: DecoderOptions, alphabet: Alphabet
) -> Sequence[Scorer | None]:
    """The scorers, each inside that of the lexicon if one is asked for.

    Raises:
        InputError: see `hwr.decode.lexicon.load_lexicon`.
    """
    if options.lexicon is None:
        return scorers
    lexicon = load_lexicon(options.lexicon, alphabet)
    if lexicon.skipped:
        examples = ", ".join(lexicon.examples)
        log.warning(
            "%s: %d words have characters that the model cannot write and are left out: %s",
            options.lexicon,
            lexicon.skipped,
            examples,
        )
    cost = UNKNOWN_COST if options.unknown_cost is None else options.unknown_cost
    return [LexiconScorer(lexicon, alphabet, scorer, cost) for scorer in scorers]
