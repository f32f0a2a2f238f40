"""Phrases that do not occur in prose: dates, sums, addresses, lists, labels, drawn from the rules in `languages/*.txt`.

A line of such a file is a rule, `name: template | template | ...` or `name = word word ...`; an indented line continues
the one above, `#` begins a comment. In words, `~` is a space. A template is text with parts in braces:

- `{name}` is a text by the rule `name`; `{^name}` begins with a capital, `{^^name}` is in capitals
- `{1-31}` is a whole number, `{01-31}` one with leading zeros

A template that begins with `3* ` is drawn three times as often. The rules of a language replace those of `common.txt`
that have the same names. The rule `phrase` mixes all kinds, `figures` those with numbers and labels.
"""

import re
from bisect import bisect_right
from collections import Counter
from functools import cache
from itertools import accumulate
from pathlib import Path

import numpy as np

from hwr.errors import UsageError
from hwr.text import normalise_text

_FOLDER = Path(__file__).parent / "languages"
_COMMON = "common"

LANGUAGES = tuple(sorted(path.stem for path in _FOLDER.glob("*.txt") if path.stem != _COMMON))
"""Codes of the languages whose phrases are known."""

_RULE = re.compile(r"(\w+) ?([:=]) (.*)")
_WEIGHT = re.compile(r"(\d+)\* ")
_PART = re.compile(r"\{(?P<capitals>\^{0,2})(?:(?P<low>\d+)-(?P<high>\d+)|(?P<rule>\w+))\}")

MIN_FREQUENT = 0.1
"""Minimum share of a text's words that are frequent words of its language."""


def read_rules(text: str) -> dict[str, tuple[str, ...]]:
    """Read rules: name -> templates.

    Raises:
        ValueError: a line that is not a rule, or a name used twice.
    """
    rules: dict[str, tuple[str, ...]] = {}
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    for line in re.sub(r"\n\s+", " ", "\n".join(lines).strip()).splitlines():
        match = _RULE.fullmatch(line)
        if match is None or match[1] in rules:
            raise ValueError(f"not a rule, or its name is used twice: {line!r}")
        name, kind, body = match.groups()
        words = [word.replace("~", " ") for word in body.split()]
        rules[name] = tuple(words if kind == "=" else (template.strip() for template in body.split(" | ")))
    return rules


class Grammar:
    """Rules by name, each a list of templates of which one is drawn.

    Raises:
        ValueError: a template names a rule that is missing.
    """

    def __init__(self, rules: dict[str, tuple[str, ...]]) -> None:
        self.rules = tuple(rules)
        self._templates: dict[str, tuple[str, ...]] = {}
        self._bounds: dict[str, tuple[float, ...]] = {}
        for name, templates in rules.items():
            weights = [int(match[1]) if (match := _WEIGHT.match(template)) else 1 for template in templates]
            self._bounds[name] = tuple(total / sum(weights) for total in accumulate(weights))
            self._templates[name] = tuple(_WEIGHT.sub("", template, count=1) for template in templates)
            missing = {match["rule"] for template in templates for match in _PART.finditer(template)} - {None, *rules}
            if missing:
                raise ValueError(f"the rule {name} names rules that are missing: {', '.join(sorted(missing))}")

    def expand(self, rule: str, generator: np.random.Generator) -> str:
        """Return a text by a rule."""
        index = bisect_right(self._bounds[rule], generator.random())
        template = self._templates[rule][min(index, len(self._templates[rule]) - 1)]
        return _PART.sub(lambda match: self._part(match, generator), template)

    def _part(self, match: re.Match[str], generator: np.random.Generator) -> str:
        if match["low"]:
            number = int(generator.integers(int(match["low"]), int(match["high"]) + 1))
            return str(number).zfill(len(match["low"]) if match["low"].startswith("0") else 1)
        text = self.expand(match["rule"], generator)
        return {"": text, "^": text[:1].upper() + text[1:], "^^": text.upper()}[match["capitals"]]


@cache
def grammar(language: str) -> Grammar:
    """Return the grammar of a language, one of LANGUAGES.

    Raises:
        UsageError: an unknown language.
    """
    if language not in LANGUAGES:
        raise UsageError(f"no phrases for the language {language!r}; available: {', '.join(LANGUAGES)}")
    return Grammar(_rules(_COMMON) | _rules(language))


def phrase(generator: np.random.Generator, language: str, kind: str = "phrase") -> str:
    """Return a phrase of a kind, which is any rule of the language's grammar.

    Raises:
        UsageError: an unknown language or kind.
    """
    known = grammar(language)
    if kind not in known.rules:
        raise UsageError(f"no phrases of the kind {kind!r} in {language}; available: {', '.join(known.rules)}")
    return normalise_text(known.expand(kind, generator))


def find_language(text: str) -> str | None:
    """Return the language, of LANGUAGES, whose frequent words are the largest share of a text; None if none fits."""
    words = Counter(text.lower().split())
    shares = {name: sum(words[word] for word in set(_rules(name)["frequent"])) for name in LANGUAGES}
    best = max(shares, key=lambda name: shares[name])
    return best if shares[best] >= MIN_FREQUENT * words.total() > 0 else None


@cache
def _rules(name: str) -> dict[str, tuple[str, ...]]:
    return read_rules((_FOLDER / f"{name}.txt").read_text(encoding="utf-8"))
