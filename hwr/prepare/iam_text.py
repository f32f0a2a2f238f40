"""Natural text from the tokens of IAM.

IAM stores a line as tokens, `He|said|,|"|No|.|"`, without spaces. The rules for spaces, in this order:

1.  A token does not change, and keeps its inner spaces (`M Ps`, `B B C`). Codes of the LOB corpus in a token stay
    (`0M Ps`, `2ole`, `1tho'`, `Ko"then`, `neglige*?`): they were on the forms that people copied.
2.  Between two tokens is a space, except as follows.
3.  No space before `, . ; : ! ? ) ...` and before the ends of contractions `'s 'd 'll 'm 're 've`.
4.  No space after `(`.
5.  `"` and `'` on their own are quotation marks: no space after an opening one, none before a closing one. Opening and
    closing marks are distinguished for a whole form at once, by the sequence with the lowest cost (see below): marks
    mostly alternate, also across lines; a mark that begins a sentence opens, and one that ends it closes
    (`ascii/sentences.txt`, if it exists); a mark at the end of a line or before a comma closes.
6.  `-`, `&`, `/`, `*` and `#` have spaces on both sides, as words do.

The costs were chosen on the training and validation lines for which the text of the form is known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

NO_SPACE_BEFORE = frozenset({",", ".", ";", ":", "!", "?", ")", "..."})
CONTRACTIONS = frozenset({"'s", "'d", "'ll", "'m", "'re", "'ve"})
NO_SPACE_AFTER = frozenset({"("})
QUOTES = ('"', "'")
CROSSED_OUT = "#"
"""IAM's mark for a word that is crossed out and cannot be read."""

# Costs of a reading of a quotation mark, in arbitrary units.
IMPOSSIBLE = 5  # an opening mark before a comma or at a line's or sentence's end; a closing one after a bracket
UNLIKELY = 3  # a closing mark after a colon or at a line's beginning
STARTS_INSIDE = 2  # the form begins within a quotation
NOT_ALTERNATING = 3  # two opening marks, or two closing marks, in succession
DOUBTFUL = 1  # an opening mark after an exclamation or question mark


@dataclass(frozen=True)
class FormLine:
    """Tokens of one line, and those that begin a sentence; `len(tokens)` is one of them if the next line begins one."""

    tokens: tuple[str, ...]
    sentence_starts: frozenset[int] = frozenset()


def mark_sentences(lines: Sequence[Sequence[str]], sentences: Sequence[Sequence[str]]) -> list[FormLine]:
    """Return the lines of a form with the positions where its sentences begin.

    Args:
        lines: tokens of each line.
        sentences: tokens of each sentence; if they do not join to the same tokens as the lines, none is marked.
    """
    flat = [token for line in lines for token in line]
    starts: set[int] = set()
    if [token for sentence in sentences for token in sentence] == flat:
        position = 0
        for sentence in sentences:
            starts.add(position)
            position += len(sentence)
    marked: list[FormLine] = []
    first = 0
    for line in lines:
        stop = first + len(line)
        marked.append(FormLine(tuple(line), frozenset(start - first for start in starts if first <= start <= stop)))
        first = stop
    return marked


def natural_text(lines: Sequence[FormLine]) -> list[str]:
    """Return the text of each line of a form, with spaces where people write them."""
    opening: dict[tuple[int, int], bool] = {}
    for quote in QUOTES:
        opening |= _find_opening(lines, quote)
    return [
        _join(line.tokens, [opening.get((row, k)) for k in range(len(line.tokens))]) for row, line in enumerate(lines)
    ]


def _join(tokens: Sequence[str], opening: Sequence[bool | None]) -> str:
    """Join tokens; `opening` is None for tokens that are not quotation marks."""
    text = tokens[0] if tokens else ""
    for (before, before_opens), (token, opens) in pairwise(zip(tokens, opening, strict=True)):
        glued = token in NO_SPACE_BEFORE or token in CONTRACTIONS or opens is False
        glued = glued or before in NO_SPACE_AFTER or before_opens is True
        text += token if glued else " " + token
    return text


def _find_opening(lines: Sequence[FormLine], quote: str) -> dict[tuple[int, int], bool]:
    """Map (line, token) of each `quote` of a form to whether it opens: the sequence with the lowest cost (Viterbi)."""
    quotes = [(row, k) for row, line in enumerate(lines) for k, token in enumerate(line.tokens) if token == quote]
    # State of the last mark (True: it opened) -> cost and states so far. Before the first mark: closed.
    best: dict[bool, tuple[int, tuple[bool, ...]]] = {False: (0, ()), True: (STARTS_INSIDE, ())}
    for row, k in quotes:
        against = _against(lines[row], k)
        best = {
            opens: min(
                (cost + against[opens] + NOT_ALTERNATING * (opens == before), (*path, opens))
                for before, (cost, path) in best.items()
            )
            for opens in (False, True)
        }
    return dict(zip(quotes, min(best.values())[1], strict=True))


def _against(line: FormLine, k: int) -> dict[bool, int]:
    """Return the cost of token `k` as an opening (True) or a closing (False) quotation mark."""
    before = line.tokens[k - 1] if k else None
    after = line.tokens[k + 1] if k + 1 < len(line.tokens) else None
    opens = closes = 0
    if after is None or after in NO_SPACE_BEFORE or after in CONTRACTIONS:
        opens += IMPOSSIBLE
    if k + 1 in line.sentence_starts:
        opens += IMPOSSIBLE
    if before in ("!", "?"):
        opens += DOUBTFUL
    if k in line.sentence_starts:
        closes += IMPOSSIBLE
    if before in NO_SPACE_AFTER:
        closes += IMPOSSIBLE
    if before is None or before == ":":
        closes += UNLIKELY
    return {True: opens, False: closes}
