"""Types of values on the command line: names of files, numbers, rates and sizes."""

import math
import re
from pathlib import Path
from typing import Any

import click


class FileName(click.Path):
    """The name of a file or a folder. An empty one is refused: it would be the working folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("the name is empty.", param, ctx)
        return super().convert(value, param, ctx)


class NewName(FileName):
    """The name of a file or a folder to write. "-", which would be a file of that name, is refused."""

    def __init__(self, path_type: type[Path] | None = Path, ending: str = "", prints: bool = False) -> None:
        """Make a type of names.

        Args:
            ending: the ending that the name must have, such as `.png`.
            prints: without the option, the result goes to stdout.
        """
        super().__init__(path_type=path_type)
        self.ending, self.prints = ending, prints

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "-":
            way_out = "leave out this option to print" if self.prints else "name a file or folder"
            self.fail(f"'-' would be a file of this name; {way_out}.", param, ctx)
        if not str(value).lower().endswith(self.ending):
            self.fail(f"{str(value)!r} does not end in {self.ending}.", param, ctx)
        return super().convert(value, param, ctx)


FILE = FileName(path_type=Path)
"""A file or folder to read."""
NEW = NewName()
PICTURE = NewName(ending=".png")
RESULT = NewName(prints=True)
TARGET = NewName(path_type=None, prints=True)
"""A file or a folder; a slash at the end makes it a folder, which a `Path` would not keep."""


class Number(click.FloatRange):
    """A number; "nan", which is neither above nor below a bound, is refused, and "inf" unless it is allowed."""

    name = "number"

    def __init__(
        self,
        min: float | None = None,
        max: float | None = None,
        *,
        min_open: bool = False,
        max_open: bool = False,
        infinite: bool = False,
    ) -> None:
        super().__init__(min, max, min_open, max_open)
        self.infinite = infinite

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if math.isnan(number) or (math.isinf(number) and not self.infinite):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number

    def _describe_range(self) -> str:
        bounded = self.min is not None or self.max is not None
        return super()._describe_range() if bounded else ""  # click writes "x<=None" without bounds


class Rate(click.FloatRange):
    """A number from 0 to 1. "nan", which is neither above nor below a bound, is refused."""

    name = "rate"

    def __init__(self, *, max_open: bool = False) -> None:
        super().__init__(0, 1, max_open=max_open)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            rate = float(value)
        except ValueError:
            rate = float("nan")
        if not 0 <= rate <= 1 or (rate == 1 and self.max_open):
            below = ", and below 1" if self.max_open else ""
            self.fail(f"{value!r} is not a number from 0 to 1{below}; 0.05 is 5 %.", param, ctx)
        return rate


def parse_size(text: str) -> int:
    """Parse a size such as 8MB, 30MiB or 500000 into bytes.

    Raises:
        BadParameter: it is not one.
    """
    found = re.fullmatch(r"(\d{1,15}(?:\.\d{1,15})?)\s*(?:([KMG])(I?))?B?", str(text).strip().upper())
    if not found:
        raise click.BadParameter(f"{text!r} is not a size; write it like 8MB or 30MiB.")
    size = float(found[1]) * (1024 if found[3] else 1000) ** ("KMG".find(found[2] or "?") + 1)
    if 0 < size < 1:
        raise click.BadParameter(f"{text!r} is less than a byte.")
    return int(size)
