"""`hwr align`: where each word of a known text stands on the image of its line."""

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from hwr.cli.recognize_display import progress_bar
from hwr.errors import EXIT_OK, EXIT_PARTIAL, DataError, InputError, UsageError
from hwr.files.atomic import atomic_write

if TYPE_CHECKING:
    from hwr.store.columns import Columns

PARQUET = ".parquet"
OF_DATA = {"split": "--split", "limit": "--limit", "backend": "--backend"}
"""Options that only data sets have."""


@click.command("align")
@click.argument("source", metavar="IMAGE|DATA", type=click.Path(path_type=Path))
@click.option("--text", help="What the line on IMAGE says.")
@click.option("--text-file", type=click.Path(path_type=Path), metavar="FILE", help="A file with that one line of text.")
@click.option("-m", "--model", metavar="NAME|FILE", help="A shipped model or a model file.  [default: small]")
@click.option("--format", "form", type=click.Choice(["json"]), default="json", show_default=True)
@click.option("--overlay", type=click.Path(path_type=Path), metavar="FILE.png", help="Draw the boxes over IMAGE.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write here, not on stdout.")
@click.option("--force", is_flag=True, help="Overwrite files that exist.")
@click.option("--split", default="val", show_default=True, help="The part of a folder: FOLDER/SPLIT.parquet.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Align the first N lines of DATA only.")
@click.option(
    "--backend",
    type=click.Choice(["auto", "onnx", "torch"]),
    default="auto",
    show_default=True,
    help="What runs the network over DATA; auto: torch where there is a CUDA card.",
)
@click.option("--image-column", default="image", show_default=True, metavar="NAME", help="Parquet column of the image.")
@click.option("--text-column", default="text", show_default=True, metavar="NAME", help="Parquet column of the text.")
@click.option("--id-column", default="id", show_default=True, metavar="NAME", help="Parquet column of the id.")
@click.pass_context
def command(
    context: click.Context,
    /,
    source: Path,
    text: str | None,
    text_file: Path | None,
    model: str | None,
    form: str,
    overlay: Path | None,
    output: Path | None,
    force: bool,
    split: str,
    limit: int | None,
    backend: str,
    image_column: str,
    text_column: str,
    id_column: str,
) -> None:
    """Find the words and characters of a known text on the image of a line.

    IMAGE is one line of writing; its text is given with --text or --text-file. DATA is a folder with SPLIT.parquet, or
    a single .parquet file: each line is aligned with its own text. The result is JSON, one object a line.
    """
    from hwr.store.columns import Columns

    warnings.filterwarnings("ignore", module=r"PIL\.")
    for target in (output, overlay):
        check_target(target, force)
    if source.is_dir() or source.suffix == PARQUET:
        given = {"--text": text, "--text-file": text_file, "--overlay": overlay}
        for option, value in given.items():
            if value is not None:
                raise UsageError(f"{option} belongs to a single image; the lines of {source} have texts of their own")
        columns = Columns(image=image_column, text=text_column, id=id_column)
        failed = align_data(source, model, split, columns, limit, backend, output)
        context.exit(EXIT_PARTIAL if failed else EXIT_OK)
    for name, option in OF_DATA.items():
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise UsageError(f"{option} belongs to a data set; {source} is a single image")
    if overlay is not None and overlay == output:
        raise UsageError(f"{overlay}: both -o and --overlay would write it")
    align_image(source, known_text(text, text_file), model, output, overlay)


def check_target(target: Path | None, force: bool) -> None:
    """Refuse to overwrite a file, before any work is done.

    Raises:
        OutputError: it exists and `force` is not set.
    """
    from hwr.recognize.outputs import check_free

    if target is not None:
        check_free(target, force)


def known_text(text: str | None, text_file: Path | None) -> str:
    """The text that was given, in the one way or the other.

    Raises:
        UsageError: none, or both.
        InputError: the file cannot be used, or has more than one line.
    """
    from hwr.files.texts import read_text

    if text is not None and text_file is not None:
        raise UsageError("--text and --text-file exclude each other")
    if text is not None:
        return text
    if text_file is None:
        raise UsageError("the text of the line is missing: give --text or --text-file")
    lines = [line for line in read_text(text_file).decode("utf-8-sig").splitlines() if line.strip()]
    if len(lines) != 1:
        raise InputError(f"{text_file}: {len(lines)} lines of text; a line image has one")
    return lines[0]


def align_image(source: Path, text: str, model: str | None, output: Path | None, overlay: Path | None) -> None:
    """Align one image and write what was asked for."""
    from hwr.files.documents import to_grey
    from hwr.formats.aligned import draw_alignment, write_alignment
    from hwr.recognize.alignment import Aligner
    from hwr.recognize.models import DEFAULT_MODEL

    line = Aligner(model or DEFAULT_MODEL).align_line(source, text)
    if overlay is not None:
        with atomic_write(overlay) as temporary:
            temporary.write_bytes(draw_alignment(to_grey(source), line))
    with line_writer(output) as write:
        write(write_alignment(line))


def align_data(
    source: Path,
    model: str | None,
    split: str,
    columns: "Columns",
    limit: int | None,
    backend: str,
    output: Path | None,
) -> int:
    """Align all lines of a set; returns how many could not be, each of which is named.

    Raises:
        DataError: the set cannot be used, or none of its lines could be aligned.
    """
    from hwr.formats.aligned import write_alignment
    from hwr.recognize.alignment import Aligner, FailedLine, align_set
    from hwr.recognize.models import DEFAULT_MODEL
    from hwr.store.lines import LineStore

    count = LineStore(source, split, columns).count
    count = min(count, limit or count)
    aligner = Aligner(model or DEFAULT_MODEL, backend=backend)
    failed = 0
    with (
        line_writer(output) as write,
        progress_bar(count, on=output is not None or not sys.stdout.isatty()) as advance,
    ):
        for result in align_set(source, aligner, columns, limit, split):
            if isinstance(result, FailedLine):
                failed += 1
                click.echo(f"hwr: error: {result.error}", err=True)
            else:
                write(write_alignment(result))
            advance()
        if failed == count:
            raise DataError(f"{source}: none of its {count} lines could be aligned")
    if failed:
        click.echo(f"hwr: {failed} of {count} lines failed", err=True)
    return failed


@contextmanager
def line_writer(output: Path | None) -> Iterator[Callable[[str], None]]:
    """What writes lines to the file, which is kept if the block ends well, or to the standard output."""
    if output is None:
        yield lambda text: click.echo(text, nl=False)
        return
    with atomic_write(output) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:

        def write(text: str) -> None:
            file.write(text)

        yield write
