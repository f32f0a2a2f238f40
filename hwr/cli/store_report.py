"""The report on a line store that was made, for `hwr prepare` and `hwr synth`."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hwr.cli.terminal import say
from hwr.text import counted, printable

if TYPE_CHECKING:
    from hwr.prepare.build import Prepared
    from hwr.prepare.samples import Skipped

LISTED = 10
"""Maximum skipped items per reason that are named on stderr; `skipped.tsv` has them all."""


def name_skipped(skipped: "Sequence[Skipped]", table: Path) -> None:
    """Name the items that were left out, by reason; `table` is the file with all of them."""
    from hwr.prepare.samples import Reason

    by_reason: dict[Reason, list[Skipped]] = defaultdict(list)
    for item in skipped:
        by_reason[item.reason].append(item)
    for reason, items in by_reason.items():
        say(f"left out, {reason}: {len(items):,}")
        if reason is Reason.NOT_IN_SOURCE:
            for detail, count in Counter(item.detail for item in items).items():
                click.echo(f"  {detail}: {count:,} ids", err=True)
        shown = items[:LISTED]
        for item in shown:
            click.echo("  " + printable(f"{item.where}: {item.detail}" if item.detail else item.where), err=True)
        if len(items) > len(shown):
            click.echo(f"  and {len(items) - len(shown):,} more: {table}", err=True)


def name_findings(prepared: "Prepared") -> None:
    """Print the decisions of readers, and surprising properties of the texts."""
    from hwr.prepare.checks import count_characters
    from hwr.text import invisible_characters

    for note, count in sorted(prepared.notes.items()):
        say(f"{note} ({count:,})")
    if prepared.outside_alphabet:
        say(f"outside the alphabet: {count_characters(prepared.outside_alphabet)}")
    characters: Counter[str] = sum((facts.characters for facts in prepared.splits.values()), Counter())
    invisible = invisible_characters(characters)
    if invisible:
        named = ", ".join(
            f"U+{ord(mark):04X} {unicodedata.name(mark, 'control character').lower()} {characters[mark]:,}"
            for mark in sorted(invisible)
        )
        say(f"the texts have invisible characters, which a model would have to learn: {named}")
    lines = sum(facts.right_to_left for facts in prepared.splits.values())
    if lines:
        say(f"right-to-left text, stored in logical order and trained in display order: {counted(lines, 'line')}")


def print_table(prepared: "Prepared", folder: Path) -> None:
    """Print the counts of each split and of the items that were left out, and whether the store was written."""
    rows: list[tuple[str, ...]] = [("split", "lines", "characters", "writers", "pages", "MiB")]
    for split, facts in prepared.splits.items():
        counts = (facts.lines, facts.characters.total(), len(facts.writers), len(facts.pages))
        rows.append((split, *(f"{count:,}" for count in counts), f"{facts.image_bytes / 2**20:.1f}"))
    print_rows(rows)
    reasons = Counter(str(item.reason) for item in prepared.skipped)
    if reasons:
        click.echo()
        print_rows([("left out", "items"), *((reason, f"{count:,}") for reason, count in reasons.most_common())])
    say(f"{folder}: unchanged, the same store is there already" if prepared.unchanged else f"{folder}: written")


def print_rows(rows: Sequence[Sequence[str]]) -> None:
    """Print a table on stdout: text to the left, numbers to the right."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    for row in rows:
        cells = [
            value.ljust(width) if k == 0 else value.rjust(width)
            for k, (value, width) in enumerate(zip(row, widths, strict=True))
        ]
        click.echo("  ".join(cells).rstrip())
