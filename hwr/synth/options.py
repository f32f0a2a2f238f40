"""Every choice of synthesis: what lines are made of, and how often papers and degradations of each kind occur."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from hwr.errors import UsageError

Range = tuple[float, float]

SOURCES = ("fonts", "strokes", "words")


def _check_numbers(options: object, what: str) -> None:
    """Refuse what cannot be meant in a dataclass of numbers and ranges."""
    for item in fields(options):  # type: ignore[arg-type]
        value = getattr(options, item.name)
        numbers = value if isinstance(value, tuple) else (value,)
        if not all(isinstance(number, int | float) and math.isfinite(number) for number in numbers):
            raise UsageError(f"{what} {item.name}: a number is needed, not {value!r}")
        if isinstance(value, tuple) != isinstance(item.default, tuple):
            wanted = "two numbers are needed" if isinstance(item.default, tuple) else "one number is needed"
            raise UsageError(f"{what} {item.name}: {wanted}, not {value!r}")
        if isinstance(value, tuple) and (len(value) != 2 or value[0] > value[1]):
            raise UsageError(f"{what} {item.name}: {value}: give the lowest and the highest")
        if numbers[0] < 0:
            raise UsageError(f"{what} {item.name}: {numbers[0]} is below 0")
        if item.name.endswith("_probability") and numbers[-1] > 1:
            raise UsageError(f"{what} {item.name}: {numbers[-1]} is above 1")


@dataclass(frozen=True)
class PaperOptions:
    """Probability and strength of everything that happens to ink on its way to the image of a line.

    `*_probability` is the share of lines that get a kind, each drawn for itself. Lengths called `*_size` are shares of
    the line height, which is taken from the spread of the ink over the rows; strengths are shares of the range from
    black to white.

    Raises:
        UsageError: a probability is outside 0..1, a range is upside down, something is below 0.
    """

    # The image as it was cut: paper kept around the ink, shares of the height of the ink.
    margin_rows: Range = (0.02, 0.22)
    margin_columns: Range = (0.05, 0.5)
    neighbours_probability: float = 0.2
    neighbours_rows: Range = (0.1, 0.3)

    # The pen. Darkness: how much light the ink takes away.
    darkness: Range = (0.55, 0.97)
    faint_probability: float = 0.15
    faint_darkness: Range = (0.3, 0.52)
    fading_probability: float = 0.2
    fading_depth: Range = (0.2, 0.6)
    dry_probability: float = 0.15  # pencil, dry ball pen: the grain of the paper shows in the stroke
    dry_depth: Range = (0.25, 0.7)
    spreading_probability: float = 0.12  # ink that runs in the paper
    spreading_gain: Range = (0.15, 0.5)

    # The paper. White paper is what has none of these.
    ruled_probability: float = 0.2
    squared_probability: float = 0.1
    rule_darkness: Range = (0.08, 0.45)
    dotted_probability: float = 0.06  # a dotted line to write on, as in forms
    yellowed_probability: float = 0.25
    yellowed_brightness: Range = (0.55, 0.88)
    fibre_probability: float = 0.25
    fibre_gain: Range = (0.02, 0.09)
    stain_probability: float = 0.1
    stain_depth: Range = (0.1, 0.4)
    bleed_through_probability: float = 0.12
    bleed_through_gain: Range = (0.08, 0.3)

    # Light and camera.
    light_probability: float = 0.25
    light_depth: Range = (0.1, 0.45)
    shadow_probability: float = 0.1
    shadow_depth: Range = (0.1, 0.45)
    rotation_probability: float = 0.3
    rotation_degrees: float = 1.5
    rotation_rise: float = 0.35  # at most, over the whole line, as a share of the line height
    blur_probability: float = 0.3
    blur_sigma: Range = (0.4, 1.3)
    noise_probability: float = 0.35
    noise_sigma: Range = (0.01, 0.06)
    low_resolution_probability: float = 0.15
    low_resolution_rows: Range = (26.0, 44.0)  # pixels of the line height that are left
    jpeg_probability: float = 0.35
    jpeg_quality: Range = (20.0, 90.0)

    # Two colours. A line is a fax, else perhaps a binarised scan.
    fax_probability: float = 0.04
    fax_rows: Range = (32.0, 60.0)  # scan rows of the line height: 8 mm of paper at 3.85 or 7.7 rows a millimetre
    binarised_probability: float = 0.15
    binarised_threshold: Range = (0.35, 0.65)  # between the ink and the paper

    def __post_init__(self) -> None:
        _check_numbers(self, "paper option")
        if not 1 <= self.jpeg_quality[0] <= self.jpeg_quality[1] <= 100:
            raise UsageError(f"paper option jpeg_quality: {self.jpeg_quality}: must lie between 1 and 100")
        for name in ("darkness", "faint_darkness"):
            low, high = getattr(self, name)
            if low <= 0 or high > 1:
                raise UsageError(f"paper option {name}: {low} to {high}: must lie above 0 and not above 1")
        for name in ("low_resolution_rows", "fax_rows"):
            if getattr(self, name)[0] < 16:
                raise UsageError(f"paper option {name}: nobody reads a line of fewer than 16 rows")

    @classmethod
    def kinds(cls) -> tuple[str, ...]:
        """The names of all kinds that have a probability."""
        end = "_probability"
        return tuple(item.name.removesuffix(end) for item in fields(cls) if item.name.endswith(end))

    def with_probabilities(self, probabilities: Mapping[str, float]) -> "PaperOptions":
        """These options with other probabilities of some kinds.

        Raises:
            UsageError: no such kind, or outside 0..1.
        """
        for kind in probabilities:
            if kind not in self.kinds():
                raise UsageError(f"unknown kind of paper {kind!r}; known: {', '.join(self.kinds())}")
        changes: dict[str, Any] = {f"{kind}_probability": value for kind, value in probabilities.items()}
        return replace(self, **changes)

    def only(self, *kinds: str) -> "PaperOptions":
        """These options with some kinds for every line and without all others.

        Raises:
            UsageError: no such kind.
        """
        none = dict.fromkeys(self.kinds(), 0.0)
        return self.with_probabilities(none | dict.fromkeys(kinds, 1.0))


@dataclass(frozen=True)
class Shares:
    """How the lines divide over the sources. Only the ratios count; a source that is not given gets none.

    Raises:
        UsageError: below 0, or not a number.
    """

    fonts: float = 0.5
    strokes: float = 0.3
    words: float = 0.2

    def __post_init__(self) -> None:
        _check_numbers(self, "share")


@dataclass(frozen=True)
class SynthOptions:
    """What lines are made of.

    Attributes:
        texts: files of text for the fonts, a paragraph a line; `.txt`, or compressed `.txt.xz`.
        fonts: font files, or folders of them. Fonts need texts.
        strokes: pen movements (.npz). words: word images (Parquet).
        shares: how the lines divide over the sources that are given.
        paper_share: share of the lines that get paper and degradations; the others are clean ink on white.
        papers: the kinds of paper and degradation.

    Raises:
        UsageError: no source is given, fonts without texts or texts without fonts, a share that does not fit.
    """

    texts: tuple[Path, ...] = ()
    fonts: tuple[Path, ...] = ()
    strokes: Path | None = None
    words: Path | None = None
    shares: Shares = field(default_factory=Shares)
    paper_share: float = 0.9
    papers: PaperOptions = field(default_factory=PaperOptions)

    def __post_init__(self) -> None:
        if not (self.fonts or self.texts or self.strokes or self.words):
            raise UsageError("nothing to make lines of: give texts and fonts (--text, --fonts), --strokes or --words")
        if self.fonts and not self.texts:
            raise UsageError("fonts need something to write: give --text FILE too")
        if self.texts and not self.fonts:
            raise UsageError("texts need fonts to be written in: give --fonts FOLDER too (none ship with hwr)")
        if not (isinstance(self.paper_share, int | float) and 0 <= self.paper_share <= 1):
            raise UsageError(f"paper_share {self.paper_share}: must lie between 0 and 1")
        if not any(self.source_shares().values()):
            raise UsageError("the sources that are given all have share 0")

    def source_shares(self) -> dict[str, float]:
        """Share of each source that is given; they add up to 1, or are all 0."""
        given = {"fonts": bool(self.fonts), "strokes": self.strokes is not None, "words": self.words is not None}
        shares = {name: float(getattr(self.shares, name)) if given[name] else 0.0 for name in SOURCES}
        total = sum(shares.values())
        return {name: share / total for name, share in shares.items()} if total else shares

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "SynthOptions":
        """Make options from a table of a recipe or a manifest; paths as strings, `shares` and `papers` as tables.

        Raises:
            UsageError: an unknown name, or a value that does not fit.
        """
        found = _known(cls, values, "synthesis")
        for name in ("texts", "fonts"):
            if name in found:
                paths = found[name]
                found[name] = tuple(Path(path) for path in ([paths] if isinstance(paths, str | Path) else paths))
        for name in ("strokes", "words"):
            found[name] = Path(found[name]) if found.get(name) else None
        if "shares" in found:
            found["shares"] = Shares(**_known(Shares, found["shares"], "shares"))
        if "papers" in found:
            papers: dict[str, Any] = _known(PaperOptions, found["papers"], "papers")
            papers = {name: tuple(value) if isinstance(value, list) else value for name, value in papers.items()}
            found["papers"] = PaperOptions(**papers)
        return cls(**found)

    def to_json(self) -> dict[str, Any]:
        """As a table of plain values, which `from_mapping` takes back."""
        values = asdict(self)
        for name in ("texts", "fonts"):
            values[name] = [str(path) for path in values[name]]
        for name in ("strokes", "words"):
            values[name] = None if values[name] is None else str(values[name])
        values["papers"] = {k: list(v) if isinstance(v, tuple) else v for k, v in values["papers"].items()}
        return values


def _known(cls: type[Any], values: Any, what: str) -> dict[str, Any]:
    """`values` as keyword arguments of the dataclass `cls`."""
    if not isinstance(values, Mapping):
        raise UsageError(f"{what}: a table is needed, not {values!r}")
    names = [item.name for item in fields(cls)]
    for name in values:
        if name not in names:
            raise UsageError(f"{what}: unknown option {name!r}; known: {', '.join(names)}")
    return dict(values)
