"""Settings: what is accepted, what is refused in which words, and that TOML gives back what was written."""

import math
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from hwr.errors import InputError, ModelError, UsageError
from hwr.settings import Pair, Range, Settings, Share, from_dict, load_toml, to_dict, to_toml


@dataclass(frozen=True)
class Inner(Settings):
    path: Path
    weight: Annotated[float, Range(above=0)] = 1.0


@dataclass(frozen=True)
class Outer(Settings):
    mode: Literal["fast", "slow"] = "fast"
    steps: Annotated[int, Range(1, 100)] = 7
    momentum: Annotated[float, Range(0, below=1)] = 0.9
    cost: Annotated[float, Range(0, infinite=True)] | None = None
    jitter: Pair = (-0.25, 0.2)
    mix: Annotated[Pair, Range(0, 1)] = (0.2, 0.6)
    share: Share = 0.5
    on: bool = False
    name: str = ""
    words: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    inner: Inner | None = None
    sets: tuple[Inner, ...] = ()


FULL = Outer(
    "slow", 3, 0.5, math.inf, (-1, 2), (0, 1), 0, True, 'ä \x7f \\ "\n', ("a", "b"), {"x": 1}, Inner(Path("a"), 1e-7)
)


def test_toml_and_plain_values_give_back_what_was_written(tmp_path: Path) -> None:
    for settings in (Outer(), FULL, Outer(sets=(Inner(Path("a")), Inner(Path("b/c"), 2)))):
        (tmp_path / "x.toml").write_text(to_toml(settings), encoding="utf-8")
        assert load_toml(Outer, tmp_path / "x.toml") == settings
        assert from_dict(Outer, to_dict(settings), "x") == settings


def test_values_are_converted_to_their_types() -> None:
    made = from_dict(Outer, {"jitter": [0, 1], "share": 1, "inner": {"path": "a"}, "words": ["b"]}, "x")
    assert (made.jitter, made.share, made.words) == ((0.0, 1.0), 1.0, ("b",))
    assert type(made.share) is float and type(made.jitter[0]) is float
    assert made.inner == Inner(Path("a"))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"stepps": 1}, "here: unknown key 'stepps' (did you mean 'steps'?); known: mode, steps, "),
        ({"mode": "quick"}, "here: mode = 'quick': one of fast, slow is needed"),
        ({"steps": 0}, "here: steps = 0: a whole number, at least 1 and at most 100, is needed"),
        ({"steps": 2.0}, "here: steps = 2.0: a whole number, "),
        ({"steps": True}, "here: steps = True: a whole number, "),
        ({"momentum": 1}, "here: momentum = 1: a number, at least 0 and below 1, is needed"),
        ({"momentum": -1e300}, "here: momentum = -1e+300: a number, "),
        ({"momentum": math.nan}, "here: momentum = nan: a number, "),
        ({"cost": -math.inf}, "here: cost = -inf: a number, at least 0, is needed"),
        ({"cost": math.nan}, "here: cost = nan"),
        ({"jitter": [math.inf, math.inf]}, "here: jitter = inf: a number, finite, is needed"),
        ({"jitter": [10**400, 10**401]}, "here: jitter = 1000"),
        ({"jitter": [16**5000, 1]}, "here: jitter = a huge number: "),
        ({"jitter": [2, 1]}, "here: jitter = [2, 1]: the lowest value first, then the highest is needed"),
        ({"jitter": [2]}, "here: jitter = [2]: a list of 2 values is needed"),
        ({"jitter": 2.0}, "here: jitter = 2.0: a list is needed"),
        ({"mix": [0.5, 1.5]}, "here: mix = 1.5: a number, at least 0 and at most 1, is needed"),
        ({"on": 1}, "here: on = 1: true or false is needed"),
        ({"name": 1}, "here: name = 1: a text in quotes is needed"),
        ({"words": "ab"}, "here: words = 'ab': a list is needed"),
        ({"words": [1]}, "here: words = 1: a text in quotes is needed"),
        ({"facts": []}, "here: facts = []: a table is needed"),
        ({"inner": 3}, "here: inner: expected a table of settings, not 3"),
        ({"inner": {}}, "here: inner: the key 'path' is missing"),
        ({"inner": {"path": ""}}, "here: inner: path = '': "),
        ({"sets": [{"path": "a", "weight": 0}]}, "here: sets: weight = 0: a number, above 0, is needed"),
        ([], "here: expected a table of settings, not []"),
    ],
)
def test_a_mistake_is_one_line_with_place_key_value_and_what_is_allowed(values: Any, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        from_dict(Outer, values, "here")
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value) and len(str(caught.value)) < 250
    with pytest.raises(ModelError):
        from_dict(Outer, values, "here", ModelError)


def test_values_built_in_code_are_checked() -> None:
    with pytest.raises(UsageError, match=r"^momentum = 2: a number, at least 0 and below 1, is needed$"):
        Outer(momentum=2)


def test_broken_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing\.toml: cannot be read"):
        load_toml(Outer, tmp_path / "missing.toml")
    for deep in ("a" + ".a" * 20_000 + " = 1", "[" + "a . " * 20_000 + "a]", "x = {" + "'a'." * 20_000 + "a = 1}"):
        (tmp_path / "deep.toml").write_text(deep)
        with pytest.raises(InputError, match=r"deep\.toml: a key has more than 50 parts"):
            load_toml(Outer, tmp_path / "deep.toml")
    (tmp_path / "broken.toml").write_bytes(b"steps = 1 # \xff")
    with pytest.raises(InputError, match=r"broken\.toml: not UTF-8 text"):
        load_toml(Outer, tmp_path / "broken.toml")
    for content in (b"steps = ", b"x = " + b"[" * 100_000, b"steps = " + b"1" * 5000):
        (tmp_path / "broken.toml").write_bytes(content)
        with pytest.raises(InputError, match=r"broken\.toml: not a TOML file"):
            load_toml(Outer, tmp_path / "broken.toml")


def test_values_of_any_type_are_accepted_or_refused_in_one_line() -> None:
    generator = random.Random(5)
    odd: list[Any] = [
        None,
        True,
        0,
        -1,
        3,
        10**400,
        0.5,
        math.nan,
        math.inf,
        "",
        "fast",
        "a\nb",
        b"x",
        [],
        {},
        object(),
    ]
    odd += [[0, 1], [1, 0], [None, None], ["a", 1], {"path": "p"}, {"path": 1}, [{"path": "p", "weight": -1}], {1: 2}]
    names = [*Outer.__dataclass_fields__, "other"]
    refused = 0
    for _ in range(3000):
        values = {name: generator.choice(odd) for name in generator.sample(names, generator.randint(1, 3))}
        try:
            made = from_dict(Outer, values, "here")
        except UsageError as error:
            refused += 1
            assert str(error).startswith("here: ") and "\n" not in str(error)
        else:
            assert from_dict(Outer, to_dict(made), "again") == made
    assert 500 < refused < 2990
