"""Types of option values: numbers, rates, sizes, and names of files to write."""

from pathlib import Path
from typing import Any, get_type_hints

import click
import pytest

from hwr.cli import common, train
from hwr.cli.values import NEW, PICTURE, RESULT, TARGET, NewName, Number, Rate, parse_size
from hwr.decode.beam import BeamSettings
from hwr.settings import Range
from hwr.train.recipe import Recipe


@click.command()
@common.decoder_options
def reading(**values: Any) -> None:
    """Only to look at its options."""


@pytest.mark.parametrize(
    ("command", "settings", "names"),
    [
        (reading, BeamSettings, ("weight", "insertion_bonus", "width")),
        (train.command, Recipe, ("minutes", "lines", "hold_out", "patience", "threads")),
    ],
)
def test_an_option_has_the_range_of_its_setting_so_that_a_refusal_names_the_option(
    command: click.Command, settings: type, names: tuple[str, ...]
) -> None:
    rules = get_type_hints(settings, include_extras=True)
    kinds: dict[str | None, Any] = {param.name: param.type for param in command.params}
    for name in names:
        (rule,) = (mark for mark in rules[name].__metadata__ if isinstance(mark, Range))
        kind, infinite = kinds[name], float("inf")
        low = (-infinite, kind.min) if kind.min_open else (kind.min, -infinite)
        high = (infinite, kind.max) if kind.max_open else (infinite if kind.max is None else kind.max, infinite)
        assert ((rule.low, rule.above), (rule.high, rule.below)) == (low, high), name


def test_a_rate_below_1() -> None:
    assert Rate(max_open=True).convert("0.99", None, None) == 0.99
    with pytest.raises(click.BadParameter, match=r"'1' is not a number from 0 to 1, and below 1"):
        Rate(max_open=True).convert("1", None, None)


@pytest.mark.parametrize(("text", "rate"), [("0", 0.0), ("1", 1.0), ("0.05", 0.05), ("1e-3", 0.001)])
def test_rates(text: str, rate: float) -> None:
    assert Rate().convert(text, None, None) == rate


@pytest.mark.parametrize("text", ["5%", "5", "-0.1", "nan", "inf", "", "often"])
def test_the_message_about_a_wrong_rate_shows_a_right_one(text: str) -> None:
    with pytest.raises(click.BadParameter, match=r"is not a number from 0 to 1; 0\.05 is 5 %"):
        Rate().convert(text, None, None)


@pytest.mark.parametrize("kind", [Number(0, 50), Number(0, min_open=True), Number(0, 1, max_open=True)])
@pytest.mark.parametrize("text", ["nan", "inf", "-1", "x", ""])
def test_what_are_not_numbers_within_bounds(kind: Number, text: str) -> None:
    with pytest.raises(click.BadParameter):
        kind.convert(text, None, None)
    assert kind.convert("0.5", None, None) == 0.5


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e999"])
def test_numbers_are_finite(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a finite number"):
        Number().convert(text, None, None)
    assert Number(0, infinite=True).convert("inf", None, None) == float("inf")


@pytest.mark.parametrize(("text", "size"), [("8MB", 8_000_000), ("30 MiB", 30 * 2**20), ("1.5k", 1500), ("7", 7)])
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "MB", "-1MB", "1e9", "9" * 5000, "9" * 400 + "G", "0.0001"])
def test_what_are_not_sizes(text: str) -> None:
    with pytest.raises(click.BadParameter, match=r"is not a size|less than a byte"):
        parse_size(text)


@pytest.mark.parametrize(("kind", "way_out"), [(NEW, "name a file"), (RESULT, "leave out"), (TARGET, "leave out")])
def test_a_dash_is_not_written_as_a_file(kind: NewName, way_out: str) -> None:
    with pytest.raises(click.BadParameter, match=way_out):
        kind.convert("-", None, None)


@pytest.mark.parametrize("name", ["a.jpg", "png", "a.png/b"])
def test_a_picture_is_not_written_under_the_name_of_another_kind(name: str) -> None:
    with pytest.raises(click.BadParameter, match=r"does not end in \.png"):
        PICTURE.convert(name, None, None)


def test_names_to_write() -> None:
    assert PICTURE.convert("new/A.PNG", None, None) == Path("new/A.PNG")
    assert TARGET.convert("out.v2/", None, None) == "out.v2/"
    assert NEW.convert("ä b-", None, None) == Path("ä b-")
