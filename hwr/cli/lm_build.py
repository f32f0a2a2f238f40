"""`hwr lm build`: texts -> a language model."""

import re
from pathlib import Path
from typing import Any

import click

from hwr.cli.base import Command, given_options, refuse
from hwr.cli.common import bits_option, force_option, load_each, text_options
from hwr.cli.terminal import say, size_text
from hwr.cli.values import FILE, NEW, Number, parse_size
from hwr.errors import Outcome, UsageError
from hwr.files.atomic import check_free


def parse_counts(text: str | tuple[int, ...]) -> tuple[int, ...]:
    """Parse whole numbers that are separated by commas.

    Raises:
        UsageError: it is not such a list.
    """
    if isinstance(text, tuple):
        return text
    if not re.fullmatch(r"\d{1,9}(,\d{1,9})*", text):
        raise UsageError(f"--min-counts {text}: write numbers like 1,1,2")
    return tuple(int(part) for part in text.split(","))


@click.command(
    "build",
    cls=Command,
    sections={
        "Texts": ("heavy", "wrap", "plain", "hold_out"),
        "Model": ("order", "min_counts", "max_size", "bits"),
        "Result": ("output", "licence", "force"),
    },
    examples=[
        ("hwr lm build novels.txt.xz -o fr.lm", "Build a model of at most 8 MB from a compressed text."),
        ("hwr lm build novels.txt --often letters.txt 5 -o my.lm", "Count each line of the letters five times."),
    ],
)
@click.argument("texts", nargs=-1, metavar="TEXT...", type=FILE)
@click.option("-o", "--output", required=True, type=NEW, metavar="FILE", help="NAME.lm, or NAME.arpa[.gz|.xz].")
@click.option(
    "--often",
    "heavy",
    multiple=True,
    nargs=2,
    type=(FILE, click.IntRange(1, 1_000_000)),
    metavar="TEXT N",
    help="Count each line of TEXT N times. May be repeated.",
)
@click.option("--order", type=click.IntRange(2, 8), default=6, show_default=True, help="Length of the longest n-grams.")
@click.option(
    "--min-counts",
    type=parse_counts,
    default="1",
    show_default=True,
    metavar="N,N,...",
    help="Leave out n-grams of order 1, 2, ... with lower counts; the last number applies to all higher orders.",
)
@click.option(
    "--max-size",
    type=parse_size,
    default="8MB",
    show_default=True,
    metavar="SIZE",
    help="Remove the least important n-grams until the .lm file is this small; 0 keeps all.",
)
@bits_option("8")
@text_options
@click.option(
    "--hold-out",
    type=Number(0, 50),
    default=0,
    show_default=True,
    metavar="PERCENT",
    help="Leave out the end of each text file, to test the model on.",
)
@click.option("--licence", default="", metavar="NAME", help="Licence to state in the .lm file.")
@force_option
@click.pass_context
def command(
    context: click.Context,
    /,
    texts: tuple[Path, ...],
    output: Path,
    heavy: tuple[tuple[Path, int], ...],
    force: bool,
    **values: Any,
) -> Outcome:
    """Build a character n-gram model with modified Kneser-Ney smoothing.

    TEXT is a text file (UTF-8, may be compressed as .xz or .gz) or a line store, of which only the training transcripts
    are used.
    """
    from hwr.lm.build import BuildOptions, build
    from hwr.lm.corpus import load_text
    from hwr.lm.file import check_suffix, is_arpa, write

    if not texts and not heavy:
        raise UsageError("there is no text: name text files or line stores")
    options = BuildOptions(values["order"], values["min_counts"], values["max_size"] or None, int(values["bits"]))
    check_suffix(output)
    if is_arpa(output):
        refuse(given_options(context), ("bits", "licence"), "applies to .lm files; an ARPA file has no place for it")
    check_free(output, force, [*texts, *(path for path, _ in heavy)])
    reading = {"wrap": values["wrap"], "plain": values["plain"], "hold_out": values["hold_out"] / 100}
    weighted = [(path, 1) for path in texts] + list(heavy)
    sources, failed = load_each(weighted, lambda item: load_text(item[0], weight=item[1], **reading))
    tables = build(sources, options, say)
    facts: dict[str, object] = {
        "licence": values["licence"],
        "min_counts": list(options.min_counts),
        "texts": [{"name": s.name, "characters": s.characters, "weight": s.weight} for s in sources],
    }
    write(tables, output, options.bits, facts)
    say(f"{output}: order {tables.order}, {size_text(output.stat().st_size)}")
    return Outcome(len(sources), failed)
