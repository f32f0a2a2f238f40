"""The table `[synthesis]` of a recipe: what synthetic lines are made of, and how many of them a run sees when."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from hwr.errors import UsageError
from hwr.synth.options import SynthOptions

LARGEST_WORKERS = 64


@dataclass(frozen=True)
class Synthesis:
    """Synthetic lines made while a run goes on, mixed into every pool.

    Attributes:
        lines: what the lines are made of; in a recipe its settings stand in the same table.
        share_start, share_end: share of synthetic lines among all lines seen, before and after it changes. Between
            `change_start` and `change_end`, parts of the run from 0 to 1, it goes linearly from one to the other.
        share_decay: the share in the part of the run in which the learning rate falls.
        characters: characters that synthetic lines may have beside those of the training sets. Without training sets
            and without this, all that the sources have.
        licence: of texts, fonts, strokes and words; stated in the model.
        workers: processes that make the lines; 0: the trainer makes them itself. The lines are the same.

    Raises:
        UsageError: a share or a part of the run outside 0..1, the change ends before it starts, too few workers.
    """

    lines: SynthOptions
    share_start: float = 0.5
    share_end: float = 0.25
    change_start: float = 0.0
    change_end: float = 0.5
    share_decay: float = 0.0
    characters: str = ""
    licence: str = ""
    workers: int = 1

    def __post_init__(self) -> None:
        for name in ("share_start", "share_end", "change_start", "change_end", "share_decay"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} = {getattr(self, name)}: must lie between 0 and 1")
        if self.change_start > self.change_end:
            raise UsageError(f"change_start = {self.change_start} lies after change_end = {self.change_end}")
        if not 0 <= self.workers <= LARGEST_WORKERS:
            raise UsageError(f"workers = {self.workers}: 0 (made by the trainer) to {LARGEST_WORKERS}")

    def share(self, progress: float, decaying: bool) -> float:
        """Share of synthetic lines at `progress` through the run, 0 to 1."""
        if decaying:
            return self.share_decay
        length = self.change_end - self.change_start
        over = (progress - self.change_start) / length if length else float(progress >= self.change_start)
        return self.share_start + min(1.0, max(0.0, over)) * (self.share_end - self.share_start)


def synthesis_from_dict(values: Any, where: str) -> Synthesis:
    """Build it from plain values, as TOML and the resume file hold them.

    Raises:
        UsageError: an unknown key, a value of another type, settings that do not fit together.
    """
    if not isinstance(values, Mapping):
        raise UsageError(f"{where}: a table of settings is expected, not {values!r}")
    own = {item.name: item for item in fields(Synthesis) if item.name != "lines"}
    known = [*own, *(item.name for item in fields(SynthOptions))]
    if unknown := sorted(set(values) - set(known)):
        raise UsageError(f"{where}: unknown key {unknown[0]!r}; known are: {', '.join(known)}")
    given = {name: _checked(name, value, own[name].default, where) for name, value in values.items() if name in own}
    try:
        lines = SynthOptions.from_mapping({name: value for name, value in values.items() if name not in own})
        return Synthesis(lines, **given)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None
    except (TypeError, ValueError) as error:
        raise UsageError(f"{where}: a value of the wrong kind ({error})") from None


def synthesis_to_dict(synthesis: Synthesis) -> dict[str, Any]:
    """Plain values that `synthesis_from_dict` takes back; what is not given is left out, as TOML knows no null."""
    own = {item.name: getattr(synthesis, item.name) for item in fields(Synthesis) if item.name != "lines"}
    return own | {name: value for name, value in synthesis.lines.to_json().items() if value is not None}


def _checked(name: str, value: Any, default: Any, where: str) -> Any:
    """`value` if it is of the kind of `default`; whole numbers pass as floats."""
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not type(default):
        raise UsageError(f"{where}: {name} = {value!r}: expected a {type(default).__name__}")
    return value
