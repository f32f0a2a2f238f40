"""Lines of writing -> running text: hyphens at the ends of lines are undone.

Most of them divide a word. Some belong to a compound that is divided at its own hyphen: "to-day", "quatre-vingt". The
words of the page decide: a form that occurs elsewhere on it is kept. Otherwise a short list of compounds does.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

HYPHENS = "-=\u2010\u00ac\u2e17\u00ad"
"""Signs that writers and transcribers put where a word is divided. Some writers repeat the sign on the next line."""
DIVIDES_ONLY = "\u00ac\u00ad"
"""Signs that never belong to a word."""

_DIVIDED = re.compile(rf"[^\W\d_](?!=)[{HYPHENS}]$|[^\W\d_]{{2}}=$")
_CONTINUED = re.compile(rf"[{HYPHENS}]?[^\W\d_]")
_WORD = re.compile(r"[^\W\d_]+(?:[-'\u2019][^\W\d_]+)*")

_TENS = "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
_COMPOUNDS = re.compile(
    "|".join(
        (
            "to-(day|night|morrow)",
            f"({_TENS})-(one|two|three|four|five|six|seven|eight|nine|first|second|third|fourth|fifth|sixth|seventh"
            "|eighth|ninth)",
            r"\w+-in-(law|chief|hand)",
            "(mother|father|brother|sister|son|daughter|commander)s?-in",
            r"(self|half|vice)-(?!ish|ness|less|pence|penny|ten|tra)\w{4,}",
            r"well-\w+(ed|en|wn|ng)",
            "(vingt|trente|quarante|cinquante|soixante|quatre|quatre-vingts?)-(un|deux|trois|quatre|cinq|six|sept|huit"
            r"|neuf|dix|onze|douze|treize|quatorze|quinze|seize|vingts?)(-\w+)?",
            "(grands?|beaux?|belles?|petits?|petites?)-(père|mère|frère|soeur|sœur|fils|fille|parent|enfant|oncle|tante)s?",
            "(au|par|ci|là)-(dessus|dessous|devant|delà|dedans|dehors|après|contre|joint|inclus)e?s?",
            r"(celui|celle|ceux|celles)-(ci|là)|\w+-mêmes?|peut-être|c'est-à(-dire)?|(avant|après)-(hier|midi|demain)",
            r"(saint|st)e?-\w{4,}|\w+[td]-(ils?|elles?)|\w+-t-(ils?|elles?|on)|\w+z-(vous|moi|nous|lui|leur)|\w+s-nous|\w+-toi",
        )
    ),
    re.IGNORECASE,
)
"""Compounds that are written with a hyphen, in English and French."""


class Piece(NamedTuple):
    """A word, and whether it is uncertain."""

    text: str
    uncertain: bool = False


def known_words(texts: Iterable[str]) -> frozenset[str]:
    """Return the words of texts in small letters, compounds with their hyphens, without those at the ends of lines."""
    return frozenset(word.casefold() for text in texts for word in _WORD.findall(_without_ends(text)))


def join_lines(lines: Iterable[Sequence[Piece]], known: frozenset[str] = frozenset()) -> list[Piece]:
    """Return the words of consecutive lines as those of one text.

    Args:
        lines: the words of each line.
        known: from `known_words`, of the page or document.
    """
    joined: list[Piece] = []
    for line in lines:
        pieces = list(line)
        if joined and pieces and is_divided(joined[-1].text, pieces[0].text):
            first, second = joined.pop(), pieces.pop(0)
            joined.append(Piece(_undivided(first.text, second.text, known), first.uncertain or second.uncertain))
        joined += pieces
    return joined


def is_divided(text: str, following: str) -> bool:
    """Return whether a word that is divided at the end of a text continues at the start of the following one."""
    last, first = ("".join(text.split()[-1:]), "".join(following.split()[:1]))
    if last[:1] in HYPHENS or not (_DIVIDED.search(last) and _CONTINUED.match(first)):  # "-do-" means ditto
        return False
    letter = first.lstrip(HYPHENS)[0]
    return not letter.isupper() or last[-2].isupper()


def _undivided(first: str, second: str, known: frozenset[str]) -> str:
    start, sign, rest = first[:-1], first[-1], second.lstrip(HYPHENS)
    left = (_WORD.findall(start) or [""])[-1].casefold()
    right = (_WORD.findall(rest) or [""])[0].casefold()
    keep = sign not in DIVIDES_ONLY and _is_compound(left, right, known)
    return f"{start}-{rest}" if keep else start + rest


def _is_compound(left: str, right: str, known: frozenset[str]) -> bool:
    with_hyphen, without = f"{left}-{right}", left + right
    if without in known:
        return False
    return with_hyphen in known or _COMPOUNDS.fullmatch(with_hyphen) is not None


def _without_ends(text: str) -> str:
    """Return a line without the parts of words at its ends that may be divided."""
    words = text.split()
    if words and _DIVIDED.search(words[-1]):
        words = words[:-1]
    if words and words[0][0] in HYPHENS:
        words = words[1:]
    return " ".join(words)
