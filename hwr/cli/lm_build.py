"""`hwr lm build`: texts -> a language model."""

import re
from pathlib import Path

import click

from hwr.errors import OutputError, UsageError

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}


def size(text: str | int) -> int:
    """Bytes: 8000000, 8M or 8MB; 0 means no bound.

    Raises:
        UsageError: it is none of these.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]?)B?", str(text).strip().upper())
    if not found:
        raise UsageError(f"--max-size {text}: a size such as 8MB is needed")
    value = float(found[1]) * UNITS[found[2]]
    if 0 < value < 1:  # not to be taken for 0, which means no bound
        raise UsageError(f"--max-size {text}: less than a byte")
    return int(value)


def counts(text: str | tuple[int, ...]) -> tuple[int, ...]:
    """Whole numbers with commas between them.

    Raises:
        UsageError: it is no such list.
    """
    if isinstance(text, tuple):
        return text
    if not re.fullmatch(r"\d+(,\d+)*", text):
        raise UsageError(f"--min-counts {text}: numbers such as 1,1,2 are needed")
    return tuple(int(part) for part in text.split(","))


@click.command("build")
@click.argument("texts", nargs=-1, metavar="TEXT...", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="NAME.lm, or NAME.arpa[.gz|.xz].")
@click.option(
    "--often",
    "heavy",
    multiple=True,
    nargs=2,
    type=(click.Path(path_type=Path), click.IntRange(1)),
    metavar="TEXT N",
    help="A text each of whose lines counts N times; may be given again.",
)
@click.option("--order", type=click.IntRange(2, 8), default=6, show_default=True, help="Length of the longest n-grams.")
@click.option(
    "--min-counts",
    type=counts,
    default="1",
    show_default=True,
    metavar="N,N,...",
    help="Leave out n-grams of order 1, 2, ... that are rarer; the last number holds for higher orders.",
)
@click.option(
    "--max-size",
    type=size,
    default="8MB",
    show_default=True,
    help="Leave out what says least until the .lm file is no larger; 0: keep all.",
)
@click.option(
    "--bits", type=click.Choice(["8", "16"]), default="8", show_default=True, help="Of a probability in a .lm file."
)
@click.option(
    "--wrap",
    type=click.IntRange(0),
    default=60,
    show_default=True,
    help="Break paragraphs into lines of so many characters, as writers do; 0: do not.",
)
@click.option(
    "--plain/--as-printed", default=True, help="Quotes and dashes of the keyboard, or those of print.  [default: plain]"
)
@click.option(
    "--hold-out",
    type=click.FloatRange(0, 50),
    default=0.0,
    show_default=True,
    metavar="PERCENT",
    help="Leave out the end of each text file, to test the model on.",
)
@click.option("--licence", default="", help="Written into the .lm file.")
@click.option("--force", is_flag=True, help="Overwrite a file that exists.")
def command(
    texts: tuple[Path, ...],
    output: Path,
    heavy: tuple[tuple[Path, int], ...],
    order: int,
    min_counts: tuple[int, ...],
    max_size: int,
    bits: str,
    wrap: int,
    plain: bool,
    hold_out: float,
    licence: str,
    force: bool,
) -> None:
    """Build a character n-gram model with modified Kneser-Ney smoothing.

    TEXT is a text file (UTF-8, may be packed as .xz or .gz), or a line store, of which the training transcripts are
    taken and nothing else.
    """
    from hwr.lm.build import BuildOptions, build
    from hwr.lm.corpus import load_text
    from hwr.lm.file import check_suffix, write

    if not texts and not heavy:
        raise UsageError("no text is named: give text files or line stores")
    options = BuildOptions(order, min_counts, max_size or None, int(bits))
    check_suffix(output)
    if output.exists() and not force:
        raise OutputError(f"{output}: exists already; --force overwrites it")
    named = [(path, 1) for path in texts] + list(heavy)
    sources = [
        load_text(path, weight=weight, wrap=wrap, plain=plain, hold_out=hold_out / 100) for path, weight in named
    ]
    tables = build(sources, options, lambda text: click.echo(text, err=True))
    facts: dict[str, object] = {
        "licence": licence,
        "min_counts": list(min_counts),
        "texts": [{"name": s.name, "characters": s.characters, "weight": s.weight} for s in sources],
    }
    write(tables, output, options.bits, facts)
    click.echo(f"{output}: order {tables.order}, {output.stat().st_size / 1e6:.2f} MB", err=True)
