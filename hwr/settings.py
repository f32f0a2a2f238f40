"""Settings: plain values from TOML, JSON or code become checked, frozen dataclasses, and plain values again.

A class of settings is a frozen dataclass derived from `Settings`; its annotations are the rules:

    @dataclass(frozen=True)
    class Optimisation(Settings):
        optimiser: Literal["muon", "adamw"] = "muon"
        momentum: Annotated[float, Range(0, below=1)] = 0.95
        width_jitter: Pair = (-0.25, 0.2)

Values are checked whenever an instance is made, in code too. Whole numbers pass as floats, lists as tuples and strings
as paths; a bool is never a number. A class checks what depends on several fields in its own `__post_init__`.
"""

import math
import re
import types
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import MISSING, dataclass, fields, is_dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from hwr.errors import HwrError, InputError, UsageError
from hwr.files.texts import decode_text
from hwr.files.tree import read_file

MAX_TOML_BYTES = 2**20
_DEEP_KEY = re.compile(r"(?:[\w\"'-]{1,64}+[ \t]{0,8}+\.[ \t]{0,8}+){50}", re.ASCII)
"""A key of more parts than any settings have: the time that Python takes for one grows with the square of its parts."""


@dataclass(frozen=True)
class Range:
    """Numbers that a field accepts; in a tuple, each number. NaN never passes, infinity only where it is allowed."""

    low: float = -math.inf
    high: float = math.inf
    above: float = -math.inf
    below: float = math.inf
    infinite: bool = False

    def __contains__(self, number: float) -> bool:
        if number == math.inf:
            return self.infinite
        return self.low <= number <= self.high and self.above < number < self.below

    def __str__(self) -> str:
        limits = {"at least": self.low, "above": self.above, "at most": self.high, "below": self.below}
        finite = [f"{word} {limit:.16g}" for word, limit in limits.items() if math.isfinite(limit)]
        return " and ".join(finite) or "finite"


class Ascending:
    """Marks a pair whose first value must not exceed the second."""


Share = Annotated[float, Range(0, 1)]
Pair = Annotated[tuple[float, float], Ascending]
"""The lowest and the highest value."""


class Settings:
    """Base of settings: converts and checks all fields.

    Raises:
        UsageError: a value of the wrong type or outside its range.
    """

    def __post_init__(self) -> None:
        kind: Any = type(self)
        for name, rule in _rules(kind).items():
            object.__setattr__(self, name, _convert(getattr(self, name), rule, name))


T = TypeVar("T")


def from_dict(cls: type[T], values: object, where: object, error: type[HwrError] = UsageError) -> T:
    """Build settings, or another dataclass, from a table of plain values; `where` begins the message of an error.

    Raises:
        UsageError (or `error`): an unknown or missing key, a value of the wrong type or outside its range.
    """
    try:
        made: T = _table(cls, values)
        return made
    except UsageError as problem:
        raise error(f"{where}: {problem}") from None


def load_toml(cls: type[T], path: Path) -> T:
    """Read settings from a TOML file.

    Raises:
        InputError: the file is missing, unreadable, or not TOML.
        UsageError: see `from_dict`.
    """
    import tomllib  # not needed for reading models

    try:
        text = decode_text(read_file(path, MAX_TOML_BYTES), str(path))
        if _DEEP_KEY.search(text):
            raise InputError(f"{path}: a key has more than 50 parts; not a file of settings")
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a TOML file ({error})") from None
    return from_dict(cls, values, path)


def to_dict(settings: Settings) -> dict[str, Any]:
    """Return settings as plain values that `from_dict` reads back; None is left out, since TOML has no null."""
    plain: dict[str, Any] = _plain(settings)
    return plain


def to_toml(settings: Settings) -> str:
    """Return settings as TOML that `load_toml` reads back to equal values."""
    import tomli_w

    return tomli_w.dumps(to_dict(settings))


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        entries = {item.name: getattr(value, item.name) for item in fields(value)}
        return {name: _plain(entry) for name, entry in entries.items() if entry is not None}
    if isinstance(value, Mapping):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return str(value) if isinstance(value, Path) else value


@cache
def _rules(cls: type[Any]) -> dict[str, Any]:
    hints = get_type_hints(cls, include_extras=True)
    return {item.name: hints[item.name] for item in fields(cls)}


def _table(cls: Any, values: object) -> Any:
    if not isinstance(values, Mapping):
        raise UsageError(f"expected a table of settings, not {_shown(values)}")
    rules = _rules(cls)
    for name in values:
        if name not in rules:
            raise UsageError(f"unknown key {name!r}{_suggestion(name, rules)}; known: {', '.join(rules)}")
    for item in fields(cls):
        if item.name not in values and item.default is MISSING and item.default_factory is MISSING:
            raise UsageError(f"the key {item.name!r} is missing")
    if issubclass(cls, Settings):  # which converts its own values
        return cls(**values)
    return cls(**{name: _convert(value, rules[name], name) for name, value in values.items()})


def _suggestion(name: object, known: Iterable[str]) -> str:
    near = get_close_matches(str(name)[:100], known, 1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _convert(value: Any, rule: Any, name: str, marks: tuple[Any, ...] = ()) -> Any:
    """Convert `value` to the annotation `rule`, or raise a UsageError that names the field."""
    kind, parts = get_origin(rule), get_args(rule)
    if kind is Annotated:
        return _convert(value, parts[0], name, (*rule.__metadata__, *marks))
    if kind in (Union, types.UnionType):
        inner = next(part for part in parts if part is not types.NoneType)
        return None if value is None else _convert(value, inner, name, marks)
    if kind is Literal:
        if not any(value == part and type(value) is type(part) for part in parts):
            raise _refusal(name, value, f"one of {', '.join(map(str, parts))}")
        return value
    if kind is tuple:
        return _sequence(value, parts, name, marks)
    if kind is dict:
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            raise _refusal(name, value, "a table")
        return {key: _convert(entry, parts[1], f"{name}.{key}") for key, entry in value.items()}
    return value if rule is Any else _single(value, rule, name, marks)


def _sequence(value: Any, parts: tuple[Any, ...], name: str, marks: tuple[Any, ...]) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise _refusal(name, value, f"a list{f' ([[{name}]])' if isinstance(value, Mapping) else ''}")
    if parts[-1] is not Ellipsis and len(value) != len(parts):
        raise _refusal(name, value, f"a list of {len(parts)} values")
    rules = (parts[0],) * len(value) if parts[-1] is Ellipsis else parts
    found = tuple(_convert(entry, rule, name, marks) for entry, rule in zip(value, rules, strict=True))
    if Ascending in marks and found[0] > found[1]:
        raise _refusal(name, value, "the lowest value first, then the highest")
    return found


def _single(value: Any, rule: Any, name: str, marks: tuple[Any, ...]) -> Any:
    if isinstance(rule, type) and is_dataclass(rule):
        if isinstance(value, rule):
            return value
        try:
            return _table(rule, value)
        except UsageError as error:
            raise UsageError(f"{name}: {error}") from None
    if rule in (int, float):
        return _number(value, rule, name, next((mark for mark in marks if isinstance(mark, Range)), Range()))
    if rule is Path and isinstance(value, str) and value:
        return Path(value)
    if not isinstance(value, rule):
        raise _refusal(name, value, {str: "a text in quotes", bool: "true or false"}.get(rule, f"a {rule.__name__}"))
    return value


def _number(value: Any, rule: type[Any], name: str, limits: Range) -> Any:
    if not isinstance(value, bool) and isinstance(value, int | rule) and value in limits:
        with suppress(OverflowError):
            return rule(value)
    raise _refusal(name, value, f"{'a number' if rule is float else 'a whole number'}, {limits},")


def _refusal(name: str, value: object, needed: str) -> UsageError:
    return UsageError(f"{name} = {_shown(value)}: {needed} is needed")


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except ValueError:  # Python does not print integers of more than 4,300 digits
        text = "a huge number"
    return text if len(text) <= 80 else f"{text[:77]}..."
