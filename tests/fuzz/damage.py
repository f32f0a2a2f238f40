"""Seeded damage: to bytes, to numbers in text, to values of JSON."""

import random
import re
from typing import Any

INSERTED = (
    b'"',
    b"<",
    b"\0",
    b"NaN",
    b"1e309",
    b"9" * 30,
    b"\xff\xfe",
    b"{",
    b"}",
    b"\n",
    b",",
    b"\xed\xa0\x80",
    b"\x1b[",
)
OVERWRITTEN = (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\xff\xff", b"\0\1")

NUMBERS = (
    *("NaN", "inf", "-inf", "1e400", "-1", "0", "1", "9" * 20, "9" * 5000, "1e7", "0.0000001", "", "x", "1_0"),
    *("１２", "0x10", "1,2,3", "٣", "²", " 5 ", "5;", "--3", "2147483648", "-9223372036854775808"),
)
"""Numbers as hostile or careless programs write them, and what is not a number."""

TEXTS = (
    *("", "a", "é", "\u202e\u0301", "=1+1", "\x1b[31mred", "x" * 20_000, "../../../../etc/passwd", "/etc/passwd"),
    *("/dev/zero", "a\x00b", "a.png", "A.PNG", "-", "~", "file:///etc/passwd", "a.png/", "d", '"', "a\rb", "\ufffe"),
)

VALUES: tuple[Any, ...] = (
    *("", "x", "\0", "\x1b[31m", -1, 0, 1, 10**30, float("inf"), float("nan"), None, True, [], {}, [1], {"a": 1}),
    *("a" * 10_000, "\ud800", 1.5, [float("nan")], [[[]]], "[1,48,0,1 O1c5]"),
)
"""Values of JSON in the place of others."""


def damaged(data: bytes, generator: random.Random) -> bytes:
    """Change, remove, repeat, insert or swap bytes at a few places; half of them are near the beginning."""
    result = bytearray(data)
    for _ in range(generator.choice((1, 1, 1, 2, 5, 20))):
        if not result:
            break
        end = len(result) if generator.random() < 0.5 else min(len(result), 200)
        place, other = generator.randrange(end), generator.randrange(len(result))
        length = generator.randrange(1, 40)
        match generator.randrange(8):
            case 0:
                result[place] ^= 1 << generator.randrange(8)
            case 1:
                result[place] = generator.randrange(256)
            case 2:
                del result[place : place + length]
            case 3:
                result[place:place] = result[other : other + length]
            case 4:
                result[place:place] = generator.choice(INSERTED)
            case 5:
                new = generator.choice(OVERWRITTEN)
                result[place : place + len(new)] = new
            case 6:
                result[place:place] = generator.randbytes(length)
            case 7 if generator.random() < 0.3:
                del result[place:]
    return bytes(result)


def with_other_numbers(text: str, pattern: str, generator: random.Random) -> str:
    """Replace a few of the values that group 1 of `pattern` finds, or one number in them, by hostile ones."""
    for _ in range(generator.choice((1, 1, 2, 4))):
        places = [found.span(1) for found in re.finditer(pattern, text)]
        if not places:
            return text
        start, end = generator.choice(places)
        parts = re.split(r"([ ,])", text[start:end])
        if generator.random() < 0.5:
            parts[generator.randrange(len(parts))] = generator.choice(NUMBERS)
        elif generator.random() < 0.5:
            parts = [f"{generator.randrange(-500, 900)},{generator.uniform(-9, 900):.2f} " for _ in range(len(parts))]
        else:
            parts = [generator.choice(NUMBERS)]
        text = text[:start] + "".join(parts) + text[end:]
    return text


def with_other_value(data: Any, generator: random.Random) -> Any:
    """Replace or remove one value somewhere in lists and dictionaries; return the whole."""
    if not isinstance(data, dict | list) or not data or generator.random() < 0.1:
        same = TEXTS if isinstance(data, str) else (0, -1, 1, 0.5, 300, 10**9, 1e300)
        return generator.choice(VALUES if generator.random() < 0.3 else same)
    key = generator.choice(list(data)) if isinstance(data, dict) else generator.randrange(len(data))
    if generator.random() < 0.1:
        del data[key]
    else:
        data[key] = with_other_value(data[key], generator)
    return data
