"""`hwr recognize`: read pages or lines of handwriting."""

import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from hwr.cli.decoder_options import decoder_options, make_options
from hwr.cli.eval import Rate
from hwr.errors import EXIT_ERROR, EXIT_OK, EXIT_PARTIAL, UsageError
from hwr.formats import FORMATS, Format, find_format

if TYPE_CHECKING:
    from hwr.recognize.given_lines import GivenLines
    from hwr.recognize.inputs import Inputs
    from hwr.recognize.job import Counts
    from hwr.recognize.outputs import Output


@click.command("recognize")
@click.argument("sources", metavar="INPUT...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--line", "as_lines", is_flag=True, help="Each image is one line, not a page.")
@click.option(
    "--lines",
    "lines_path",
    type=click.Path(path_type=Path),
    metavar="FILE.xml|DIR",
    help="Read just the lines of this ALTO or PAGE XML; DIR: for each image the file of its name.",
)
@click.option(
    "--order",
    type=click.Choice(["columns", "rows"]),
    help="Column by column, or row by row across the columns of a table, with tabs in text.  [default: columns]",
)
@click.option("--only", type=click.Choice(["handwritten", "printed"]), help="Read these lines only.")
@click.option("--pages", "page_numbers", metavar="LIST", help="Of documents, read these pages only, such as 1-3,7.")
@click.option("--password", metavar="TEXT", help="Of encrypted PDFs.")
@click.option("-m", "--model", metavar="NAME|FILE", help="A shipped model or a model file.  [default: small]")
@click.option("--format", "format_name", type=click.Choice(list(FORMATS)), default="text", show_default=True)
@click.option("-o", "--output", metavar="FILE|DIR", help="Write here instead of on the standard output.")
@click.option("--force", is_flag=True, help="Overwrite files that exist.")
@click.option("--skip-existing", is_flag=True, help="Leave out pages and documents whose result exists.")
@click.option(
    "--min-confidence",
    type=Rate(0, 1),
    metavar="P",
    help="Mark words that are right with a lower probability: [word?] in text.",
)
@decoder_options
@click.pass_context
def command(
    context: click.Context,
    /,
    sources: tuple[Path, ...],
    as_lines: bool,
    lines_path: Path | None,
    order: str | None,
    only: Literal["handwritten", "printed"] | None,
    page_numbers: str | None,
    password: str | None,
    model: str | None,
    format_name: str,
    output: str | None,
    force: bool,
    skip_existing: bool,
    min_confidence: float | None,
    decoding: dict[str, Any],
) -> None:
    """Read the handwriting on images and PDFs: files, folders, patterns such as 'scans/*.jpg', or - for the standard
    input.

    Several pages on the standard output: a header stands before each page's text; JSON is one object a line. Other
    formats need -o then, and what is no text is not written to a terminal.
    With -o, one input goes to a file, several go to a folder at the same relative paths. A document of several pages
    (PDF, TIFF) becomes one file; as alto, page and overlay, a file for each page.
    """
    from hwr.cli.recognize_display import Display
    from hwr.files.documents import parse_pages
    from hwr.recognize.inputs import find_inputs
    from hwr.recognize.job import Run, RunOptions
    from hwr.recognize.models import DEFAULT_MODEL
    from hwr.recognize.recognizer import PageOptions, Recognizer

    # Pillow warns of odd tags in images that it reads well
    warnings.filterwarnings("ignore", module=r"PIL\.")
    form = find_format(format_name)
    decoder = make_options(decoding)
    if min_confidence is not None and not form.marks:
        able = ", ".join(name for name, entry in FORMATS.items() if entry.marks)
        raise UsageError(f"--min-confidence: {format_name} has no mark for uncertain words; these have: {able}")
    if as_lines and lines_path is not None:
        raise UsageError("--line and --lines exclude each other: an image is one line, or a page with lines")
    if (order or only) and (as_lines or lines_path):
        option = "--order" if order else "--only"
        raise UsageError(f"{option} is for lines that are found, and goes neither with --line nor with --lines")
    if skip_existing and (force or output is None):
        raise UsageError("--skip-existing goes with -o and without --force")
    pages = parse_pages(page_numbers) if page_numbers is not None else ()
    inputs = find_inputs(sources)
    if not inputs.several and inputs.failed:
        raise inputs.failed[0]
    target = find_output(form, inputs, output, force)
    given = find_given(lines_path, inputs.several)
    options = RunOptions(
        as_lines,
        form.needs_pixels,
        pages,
        password,
        skip_existing,
        min_confidence,
        given,
        PageOptions(order == "rows", only),
    )
    bar = output is not None or not sys.stdout.isatty()
    verbose = bool(context.obj and context.obj["verbose"])
    with Display(len(inputs.files), bar and (len(inputs.files) > 1 or output is not None), verbose) as display:
        for error in inputs.failed:
            display.failed(error)
        run = Run(lambda: Recognizer(model or DEFAULT_MODEL, decoder=decoder), target, options, display)
        run.counts.failed += len(inputs.failed)
        counts = run.read(inputs.files)
    context.exit(exit_code(counts, len(inputs.files) + len(inputs.failed)))


def find_output(form: Format, inputs: "Inputs", output: str | None, force: bool) -> "Output":
    """Where the results go.

    Raises:
        UsageError: they do not fit there.
    """
    from hwr.recognize.outputs import FileOutput, StreamOutput, find_targets

    if output is not None:
        targets = find_targets(inputs, output, form.suffix)
        return FileOutput(form, dict(zip(inputs.files, targets, strict=True)), force)
    if inputs.several and not (form.headed or form.streams):
        raise UsageError(f"several inputs as {form.name} do not fit on the standard output; give a folder with -o")
    if form.binary and sys.stdout.isatty():
        raise UsageError(f"{form.name} is not for a terminal; give a file with -o")
    return StreamOutput(form, sys.stdout.buffer, inputs.several)


def find_given(path: Path | None, several: bool) -> "GivenLines | None":
    """The lines that --lines names."""
    from hwr.recognize.given_lines import GivenLines

    if path is None:
        return None
    given = GivenLines(path)
    given.check(several)
    return given


def exit_code(counts: "Counts", inputs: int) -> int:
    """The exit code; how many pages were skipped and how many failed goes to stderr."""
    kind = "inputs" if counts.total == inputs else "pages"
    if counts.skipped:
        click.echo(f"hwr: {counts.skipped} of {counts.total} {kind} skipped: their results exist", err=True)
    if not counts.failed:
        return EXIT_OK
    if counts.total > 1:
        click.echo(f"hwr: {counts.failed} of {counts.total} {kind} failed", err=True)
    return EXIT_ERROR if counts.failed == counts.total else EXIT_PARTIAL
