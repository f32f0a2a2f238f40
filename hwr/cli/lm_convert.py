"""`hwr lm convert`: between ARPA files and .lm files."""

from pathlib import Path

import click

from hwr.cli.base import Command, given_options, refuse
from hwr.cli.common import bits_option, force_option
from hwr.cli.terminal import say, size_text
from hwr.cli.values import NEW
from hwr.files.atomic import check_free


@click.command(
    "convert",
    cls=Command,
    sections={"Result": ("bits", "force")},
    examples=[
        ("hwr lm convert kenlm.arpa.gz my.lm", "Read a character model that KenLM made."),
        ("hwr lm convert fr fr.arpa", "Write an installed model as ARPA, for other programs."),
    ],
)
@click.argument("source", metavar="LM")
@click.argument("target", metavar="OUTPUT", type=NEW)
@bits_option("16")
@force_option
@click.pass_context
def command(context: click.Context, /, source: str, target: Path, bits: str, force: bool) -> None:
    """Convert an ARPA file of characters (from KenLM, SRILM or `hwr lm build`) to a .lm file, or the reverse.

    The words of the ARPA file are single characters; the space between words is written ▁ or <space>.
    """
    from hwr.lm.file import check_suffix, is_arpa, read_tables, write
    from hwr.recognize.models import language_model_file

    check_suffix(target)
    if is_arpa(target):
        refuse(given_options(context), ("bits",), "applies to .lm files; an ARPA file has no place for it")
    path = language_model_file(source)
    check_free(target, force, [path])
    tables, facts = read_tables(path)
    write(tables, target, int(bits), facts)
    say(f"{target}: order {tables.order}, {size_text(target.stat().st_size)}")
