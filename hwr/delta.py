"""A file as its difference from another one that lies beside it.

The ONNX file of a model holds the same weights as the model file, in another order. In the wheel it is kept as what
it has beyond them, which halves the wheel. In a checkout it is whole.

A delta is a line of JSON and the bytes that the other file lacks:

    {"format": 1, "pieces": [[start, length], ...], "sha256": "...", "size": n}

`start` counts in the other file's bytes; -1 stands for the next `length` bytes that follow the JSON.
"""

import hashlib
import json

from hwr.errors import ModelError

DELTA_SUFFIX = ".delta"
FORMAT = 1
NEW = -1

PROBE = 64
"""Bytes that are looked for: so many agree by chance only where they are all alike, which does no harm."""
STEP = 1024
"""Bytes that are skipped where the probe is nowhere."""
LEAST = 256
"""Shorter pieces are not worth their place in the list."""

Match = tuple[int, int, int]
"""Place in the target, place in the base, length."""


def make_delta(target: bytes, base: bytes) -> bytes:
    """What `restore` needs beside `base` to get `target`."""
    pieces: list[tuple[int, int]] = []
    rest: list[bytes] = []
    done = 0
    for place, start, length in [*_matches(target, base), (len(target), 0, 0)]:
        overlap = max(0, done - place)
        if length and length - overlap < LEAST:
            continue
        if place > done:
            pieces.append((NEW, place - done))
            rest.append(target[done:place])
        if length:
            pieces.append((start + overlap, length - overlap))
        done = max(done, place + length)
    head = {"format": FORMAT, "pieces": pieces, "sha256": hashlib.sha256(target).hexdigest(), "size": len(target)}
    return b"\n".join([json.dumps(head).encode(), b"".join(rest)])


def restore(delta: bytes, base: bytes, where: object) -> bytes:
    """The file that the delta was made of.

    Raises:
        ModelError: it is no delta, is truncated, or was made with another base.
    """
    head, _, rest = delta.partition(b"\n")
    try:
        stated = json.loads(head)
        if stated["format"] != FORMAT:
            raise ModelError(f"{where}: format {stated['format']!r} of a delta is unknown; format {FORMAT} is expected")
        parts, used = [], 0
        for start, length in stated["pieces"]:
            if start == NEW:
                parts.append(rest[used : used + length])
                used += length
            else:
                parts.append(base[start : start + length])
        target = b"".join(parts)
        if hashlib.sha256(target).hexdigest() != stated["sha256"]:
            raise ModelError(f"{where}: stale or truncated, does not fit the weights beside it; install hwr again")
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ModelError(f"{where}: not a delta of a model, or truncated") from None
    return target


def _matches(target: bytes, base: bytes) -> list[Match]:
    """Pieces of the base that occur in the target, in the order of the target."""
    found = []
    at = 0
    while at + PROBE <= len(base):
        place = target.find(base[at : at + PROBE])
        length = _common(target, place, base, at) if place >= 0 else 0
        if length >= LEAST:
            found.append((place, at, length))
        at += max(length, STEP if length < LEAST else 0)
    return sorted(found)


def _common(one: bytes, i: int, other: bytes, j: int) -> int:
    """Number of bytes that agree from `i` in one and `j` in the other on."""
    most = min(len(one) - i, len(other) - j)
    low, size = 0, 1 << 16
    while low < most and one[i + low : i + min(most, low + size)] == other[j + low : j + min(most, low + size)]:
        low = min(most, low + size)
    high = min(most, low + size)
    while high - low > 1:  # the first `low` bytes agree, the first `high` do not
        middle = (low + high) // 2
        if one[i + low : i + middle] == other[j + low : j + middle]:
            low = middle
        else:
            high = middle
    return low
