"""A small grammar of text: templates whose parts are drawn at random."""

import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

_PART = re.compile(r"\{([^{}]+)\}")
_RANGE = re.compile(r"(\d+)-(\d+)")
_WEIGHT = re.compile(r"(\d+)\* ")

_RULE = re.compile(r"(\w+) ?([:=]) (.*)")

Draw = Callable[[np.random.Generator], str]


@dataclass(frozen=True)
class _Template:
    """A template in parts: fixed text, or what draws a text."""

    parts: tuple[str | Draw, ...]


def read_rules(text: str) -> dict[str, tuple[str, ...]]:
    """Rules written one after the other: `name: template | template | ...`, or `name = word word ...`.

    Lines that begin with blanks go on with the rule above. In words `~` stands for a blank.

    Raises:
        ValueError: a line that is neither, or a rule that stands twice.
    """
    rules: dict[str, tuple[str, ...]] = {}
    for line in re.sub(r"\n\s+", " ", text.strip()).splitlines():
        match = _RULE.fullmatch(line)
        if match is None or match[1] in rules:
            raise ValueError(f"not a rule, or the second of its name: {line!r}")
        name, kind, body = match.groups()
        if kind == "=":
            rules[name] = tuple(word.replace("~", " ") for word in body.split())
        else:
            rules[name] = tuple(template.strip() for template in body.split(" | "))
    return rules


class Grammar:
    """Rules by name, each a list of templates of which one is drawn.

    A template is text with parts in braces:
    - `{name}` is a text by the rule `name`; `{^name}` begins it with a capital, `{^^name}` is all capitals
    - `{1-31}` is a whole number; `{01-31}` has leading zeros
    A template that begins with `3* ` is drawn three times as often.

    Raises:
        ValueError: a rule that a template names is missing.
    """

    def __init__(self, rules: Mapping[str, Sequence[str]]) -> None:
        self._rules: dict[str, tuple[_Template, ...]] = {}
        self._bounds: dict[str, tuple[float, ...]] = {}
        for name, templates in rules.items():
            weights = [int(match[1]) if (match := _WEIGHT.match(template)) else 1 for template in templates]
            self._bounds[name] = tuple((np.cumsum(weights) / sum(weights)).tolist())
            self._rules[name] = tuple(
                self._compile(_WEIGHT.sub("", template, count=1), rules) for template in templates
            )

    def expand(self, rule: str, generator: np.random.Generator) -> str:
        """A text by a rule."""
        templates = self._rules[rule]
        index = bisect_right(self._bounds[rule], generator.random())
        template = templates[min(index, len(templates) - 1)]
        return "".join(part if isinstance(part, str) else part(generator) for part in template.parts)

    def _compile(self, template: str, rules: Mapping[str, Sequence[str]]) -> _Template:
        pieces = _PART.split(template)  # text, name, text, name, ...
        parts: list[str | Draw] = []
        for index, piece in enumerate(pieces):
            if index % 2:
                parts.append(self._part(piece, rules))
            elif piece:
                parts.append(piece)
        return _Template(tuple(parts))

    def _part(self, name: str, rules: Mapping[str, Sequence[str]]) -> Draw:
        if match := _RANGE.fullmatch(name):
            low, high = match[1], match[2]
            digits = len(low) if low.startswith("0") else 1
            first, after = int(low), int(high) + 1
            return lambda generator: f"{generator.integers(first, after):0{digits}d}"
        rule = name.lstrip("^")
        if rule not in rules:
            raise ValueError(f"the grammar has no rule {rule!r}")
        if name.startswith("^^"):
            return lambda generator: self.expand(rule, generator).upper()
        if name.startswith("^"):
            return lambda generator: _capital(self.expand(rule, generator))
        return lambda generator: self.expand(rule, generator)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
