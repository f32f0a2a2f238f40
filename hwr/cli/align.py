"""`hwr align`: find each word of a known text in the image of its line."""

import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hwr.cli.base import Command, Rule, given_options, refuse
from hwr.cli.common import column_options, force_option, make_columns, model_option, set_options, text_file
from hwr.cli.terminal import complain, progress_bar, say, show
from hwr.cli.values import FILE, PICTURE, RESULT
from hwr.errors import DataError, HwrError, InputError, Outcome, UsageError
from hwr.files.atomic import check_free

if TYPE_CHECKING:
    from hwr.store.columns import Columns

PARQUET = ".parquet"
COLUMNS = ("image", "text", "id")
OF_IMAGES = ("text", "text_file", "overlay")
OF_DATA = ("split", "limit", *(f"{name}_column" for name in COLUMNS))


@click.command(
    "align",
    cls=Command,
    sections={
        "One image": OF_IMAGES,
        "A data set": OF_DATA,
        "Model": ("model",),
        "Result": ("output", "force"),
    },
    examples=[
        ('hwr align line.png --text "Dear Sir," --overlay boxes.png', "Print the words' boxes and draw them."),
        ("hwr align data/iam --split val -o words.jsonl", "Align each line of a store with its own text."),
    ],
    rules=[
        Rule("text", excludes=("text_file",), reason="a line has one text"),
        Rule("force", needs=("output", "overlay")),
    ],
)
@click.argument("source", metavar="IMAGE|DATA", type=FILE)
@click.option("--text", help="Text of the line in IMAGE.")
@click.option("--text-file", type=FILE, metavar="FILE", help="File with that line of text.")
@model_option
@click.option("--overlay", type=PICTURE, metavar="FILE.png", help="Draw the boxes on IMAGE.")
@click.option("-o", "--output", type=RESULT, metavar="FILE", help="Write to this file instead of stdout.")
@force_option
@set_options("Align")
@column_options(*COLUMNS)
@click.pass_context
def command(
    context: click.Context,
    /,
    source: Path,
    text: str | None,
    text_file: Path | None,
    model: str,
    overlay: Path | None,
    output: Path | None,
    force: bool,
    **values: Any,
) -> Outcome:
    """Find the words and characters of a known text in the image of a line.

    IMAGE is one line of writing; give its text with --text or --text-file. DATA is a folder with SPLIT.parquet, or a
    single .parquet file: each line is aligned with its own text. The result is JSON, one object per line.
    """
    warnings.filterwarnings("ignore", module=r"PIL\.")
    for target in (output, overlay):
        if target is not None:
            check_free(target, force, [source, *source.glob(f"*{PARQUET}"), *([text_file] if text_file else [])])
    given = given_options(context)
    if source.is_dir() or source.suffix == PARQUET:
        refuse(given, OF_IMAGES, f"applies to a single image; the lines of {source} have their own texts")
        if not source.is_dir():
            refuse(given, ("split",), f"applies to folders; {source} is a single file")
        return align_data(source, model, values["split"], make_columns(values), values["limit"], output)
    refuse(given, OF_DATA, f"applies to a data set; {source} is a single image")
    if overlay is not None and overlay == output:
        raise UsageError(f"{overlay}: -o and --overlay name the same file")
    align_image(source, known_text(text, text_file), model, output, overlay)
    return Outcome()


def known_text(text: str | None, text_file: Path | None) -> str:
    """Return the given text.

    Raises:
        UsageError: there is none.
        InputError: the file cannot be used, or has more than one line.
    """
    from hwr.files.texts import read_text

    if text is not None:
        return text
    if text_file is None:
        raise UsageError("the text of the line is missing: give --text or --text-file")
    lines = [line for line in read_text(text_file).decode("utf-8").splitlines() if line.strip()]
    if len(lines) != 1:
        raise InputError(f"{text_file}: {len(lines)} lines of text; one is expected, that of the line in the image")
    return lines[0]


def align_image(source: Path, text: str, model: str, output: Path | None, overlay: Path | None) -> None:
    """Align one image, and write the words and the requested drawing."""
    from hwr.files.atomic import write_file
    from hwr.files.documents import to_grey
    from hwr.formats.aligned import draw_alignment, write_alignment
    from hwr.recognize.alignment import Aligner

    line = Aligner(model).align_line(source, text)
    if overlay is not None:
        write_file(overlay, draw_alignment(to_grey(source), line))
    with text_file(output, _show_line) as write:
        write(write_alignment(line))


def align_data(
    source: Path, model: str, split: str, columns: "Columns", limit: int | None, output: Path | None
) -> Outcome:
    """Align all lines of a set; name each one that cannot be aligned.

    Raises:
        DataError: the set cannot be used, or none of its lines could be aligned.
    """
    from hwr.formats.aligned import write_alignment
    from hwr.recognize.alignment import Aligner, align_set
    from hwr.store.lines import LineStore

    count = LineStore(source, split, columns).count
    count = min(count, limit or count)
    aligner = Aligner(model)
    failed = 0
    with (
        text_file(output, _show_line) as write,
        progress_bar("aligning", count, on=output is not None or not sys.stdout.isatty()) as advance,
    ):
        for result in align_set(source, aligner, columns, limit, split):
            if isinstance(result, HwrError):
                failed += 1
                complain(result)
            else:
                write(write_alignment(result))
            advance(1)
        if failed == count:
            raise DataError(f"{source}: none of its {count} lines could be aligned")
    if failed:
        say(f"{failed} of {count} lines failed")
    return Outcome(count - failed, failed)


def _show_line(text: str) -> None:
    show(text.removesuffix("\n"))
