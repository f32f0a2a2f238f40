"""Options of synthesis: texts, fonts, kinds of paper and damage, and how often each occurs."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any

from hwr.errors import UsageError
from hwr.settings import Pair, Range, Settings, Share

Positive = Annotated[float, Range(0)]
Span = Annotated[Pair, Range(0)]
ShareSpan = Annotated[Pair, Range(0, 1)]
Darkness = Annotated[Pair, Range(above=0, high=1)]
Rows = Annotated[Pair, Range(16)]
"""Minimum line height: nobody reads a line of fewer than 16 rows."""


@dataclass(frozen=True)
class PaperOptions(Settings):
    """Probability and strength of every change between the ink and the image of a line.

    `*_probability` is the share of lines that get a kind; kinds are drawn independently. Lengths called `*_size` are
    shares of the line height, which is derived from the spread of the ink over the rows; strengths are shares of the
    range from black to white.

    Raises:
        UsageError: a probability is outside 0..1, the ends of a range are reversed, a value is below 0.
    """

    # The image as it was cut: paper kept around the ink, shares of the height of the ink.
    margin_rows: Span = (0.02, 0.22)
    margin_columns: Span = (0.05, 0.5)

    # The pen. Darkness: share of the light that the ink absorbs.
    darkness: Darkness = (0.55, 0.97)
    faint_probability: Share = 0.15
    faint_darkness: Darkness = (0.3, 0.52)

    # The paper. White paper has none of these.
    ruled_probability: Share = 0.2
    squared_probability: Share = 0.1
    tabular_probability: Share = 0.07  # rows and columns of tables and forms
    rule_darkness: ShareSpan = (0.08, 0.45)
    yellowed_probability: Share = 0.25
    yellowed_brightness: ShareSpan = (0.55, 0.88)

    # Light and camera.
    light_probability: Share = 0.25
    light_depth: ShareSpan = (0.1, 0.45)
    shadow_probability: Share = 0.1
    shadow_depth: ShareSpan = (0.1, 0.45)
    rotation_probability: Share = 0.3
    rotation_degrees: Positive = 1.5
    rotation_rise: Positive = 0.35  # at most, over the whole line, as a share of the line height
    blur_probability: Share = 0.3
    blur_sigma: Span = (0.4, 1.3)
    noise_probability: Share = 0.35
    noise_sigma: Span = (0.01, 0.06)
    low_resolution_probability: Share = 0.15
    low_resolution_rows: Rows = (26.0, 44.0)  # pixels of the line height that are left
    jpeg_probability: Share = 0.35
    jpeg_quality: Annotated[Pair, Range(1, 100)] = (20.0, 90.0)

    binarised_probability: Share = 0.15
    binarised_threshold: ShareSpan = (0.35, 0.65)  # between the ink and the paper

    @classmethod
    def kinds(cls) -> tuple[str, ...]:
        """Return the names of all kinds that have a probability."""
        end = "_probability"
        return tuple(item.name.removesuffix(end) for item in fields(cls) if item.name.endswith(end))

    def with_probabilities(self, probabilities: Mapping[str, float]) -> "PaperOptions":
        """Return these options with other probabilities of some kinds.

        Raises:
            UsageError: no such kind, or outside 0..1.
        """
        for kind in probabilities:
            if kind not in self.kinds():
                raise UsageError(f"unknown kind of paper {kind!r}; known: {', '.join(self.kinds())}")
        changes: dict[str, Any] = {f"{kind}_probability": value for kind, value in probabilities.items()}
        return replace(self, **changes)


@dataclass(frozen=True)
class SynthOptions(Settings):
    """Texts, fonts, phrases and papers.

    Attributes:
        texts: files of text for the fonts, a paragraph a line; `.txt`, `.txt.xz` or `.txt.gz`.
        fonts: font files, or folders of them.
        languages: of the phrases (`hwr.synth.phrases.LANGUAGES`); empty: that of each text.
        phrases: kinds of phrases, such as `date` or `figures`; empty: all.
        phrase_share: share of texts that are a phrase or have one in them; without texts, all are.
        paper_share: share of the lines that get paper and degradations; the others are clean ink on white.
        papers: the kinds of paper and degradation.

    Raises:
        UsageError: no fonts, neither texts nor languages, a share that does not fit.
    """

    texts: tuple[Path, ...] = ()
    fonts: tuple[Path, ...] = ()
    paper_share: Share = 0.9
    papers: PaperOptions = field(default_factory=PaperOptions)
    languages: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    phrase_share: Share = 0.25

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.fonts:
            raise UsageError("lines need fonts to be written in: give --fonts FOLDER (none ship with hwr)")
        if not (self.texts or self.languages):
            raise UsageError("fonts need something to write: give --text FILE, or --language CODE for phrases alone")
