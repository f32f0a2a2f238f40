"""`hwr lm convert`: ARPA -> .lm, and .lm -> ARPA."""

from pathlib import Path

import click

from hwr.errors import OutputError


@click.command("convert")
@click.argument("source", metavar="LM", type=click.Path(path_type=Path))
@click.argument("target", metavar="OUTPUT", type=click.Path(path_type=Path))
@click.option(
    "--bits", type=click.Choice(["8", "16"]), default="16", show_default=True, help="Of a probability in a .lm file."
)
@click.option("--force", is_flag=True, help="Overwrite a file that exists.")
def command(source: Path, target: Path, bits: str, force: bool) -> None:
    """Turn an ARPA file of characters (from KenLM, SRILM or `hwr lm build`) into a .lm file, or the other way.

    The words of the ARPA file are single characters; the blank between words is written ▁ or <space>.
    """
    from hwr.lm.file import check_suffix, read_tables, write

    check_suffix(target)
    if target.exists() and not force:
        raise OutputError(f"{target}: exists already; --force overwrites it")
    tables, facts = read_tables(source)
    write(tables, target, int(bits), facts)
    click.echo(f"{target}: order {tables.order}, {target.stat().st_size / 1e6:.2f} MB", err=True)
