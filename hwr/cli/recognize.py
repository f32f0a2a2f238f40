"""`hwr recognize`: read pages or lines of handwriting."""

import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hwr.cli.base import Command, Rule
from hwr.cli.common import (
    DECODER,
    FILE,
    Rate,
    decoder_options,
    force_option,
    make_decoder_options,
    model_option,
)
from hwr.cli.terminal import say
from hwr.errors import Outcome, UsageError
from hwr.formats import FORMATS, Format, find_format

if TYPE_CHECKING:
    from hwr.recognize.given_lines import GivenLines
    from hwr.recognize.inputs import Inputs
    from hwr.recognize.job import Counts, RunOptions
    from hwr.recognize.outputs import Output

FOUND = "it applies to lines that are found on a page"


@click.command(
    "recognize",
    cls=Command,
    sections={
        "Input": ("as_lines", "lines_path", "page_numbers", "password"),
        "Lines of a page": ("order", "only"),
        "Model": ("model", *DECODER),
        "Output": ("format_name", "output", "force", "skip_existing", "min_confidence"),
    },
    examples=[
        ("hwr recognize page.png", "Print the text of a page."),
        ("hwr recognize scans/ --format pdf -o out/", "Make a searchable PDF of each image in a folder."),
    ],
    rules=[
        Rule("as_lines", excludes=("lines_path",), reason="an image is one line, or a page with lines"),
        Rule("order", excludes=("as_lines", "lines_path"), reason=FOUND),
        Rule("only", excludes=("as_lines", "lines_path"), reason=FOUND),
        Rule("skip_existing", excludes=("force",), needs=("output",)),
    ],
)
@click.argument("sources", metavar="INPUT...", nargs=-1, required=True, type=FILE)
@click.option("--line", "as_lines", is_flag=True, help="Each image is one line, not a page.")
@click.option(
    "--lines",
    "lines_path",
    type=FILE,
    metavar="FILE.xml|DIR",
    help="Read only the lines in this ALTO or PAGE XML file; in DIR, the file named after each image.",
)
@click.option(
    "--order",
    type=click.Choice(["columns", "rows"]),
    help="Read column by column, or row by row as in a table (tabs in text).  [default: columns]",
)
@click.option("--only", type=click.Choice(["handwritten", "printed"]), help="Read only these lines.")
@click.option("--pages", "page_numbers", metavar="LIST", help="Pages of each document to read, such as 1-3,7.")
@click.option("--password", metavar="TEXT", help="Password for encrypted PDFs.")
@model_option
@click.option("--format", "format_name", type=click.Choice(list(FORMATS)), default="text", show_default=True)
@click.option("-o", "--output", metavar="FILE|DIR", help="Write here instead of to stdout.")
@force_option
@click.option("--skip-existing", is_flag=True, help="Skip pages and documents whose result exists.")
@click.option(
    "--min-confidence",
    type=Rate(),
    metavar="P",
    help="Mark words with a lower confidence; in text as [word?].",
)
@decoder_options
@click.pass_context
def command(
    context: click.Context,
    /,
    sources: tuple[Path, ...],
    model: str | None,
    format_name: str,
    output: str | None,
    force: bool,
    decoding: dict[str, Any],
    **values: Any,
) -> Outcome:
    """Read the handwriting in images and PDFs: files, folders, patterns such as 'scans/*.jpg', or - for stdin.

    Several pages on stdout: each page's text has a header line; JSON is one object per line. Other formats require -o;
    binary output is never written to a terminal.

    With -o, one input goes to a file and several go to a folder, at the same relative paths. A document with many pages
    (PDF, TIFF) becomes one file; as alto, page and overlay, one file per page.
    """
    from hwr.cli.recognize_display import Display
    from hwr.recognize.inputs import find_inputs
    from hwr.recognize.job import Run
    from hwr.recognize.models import DEFAULT_MODEL
    from hwr.recognize.recognizer import Recognizer

    warnings.filterwarnings("ignore", module=r"PIL\.")  # Pillow warns about odd tags in images that it reads well
    form, decoder = find_format(format_name), make_decoder_options(decoding)
    inputs = find_inputs(sources)
    if not inputs.several and inputs.failed:
        raise inputs.failed[0]
    options = run_options(form, inputs.several, values)
    target = find_output(form, inputs, output, force)
    bar = output is not None or not sys.stdout.isatty()
    with Display(
        len(inputs.files), bar and (len(inputs.files) > 1 or output is not None), context.obj["verbose"]
    ) as display:
        for error in inputs.failed:
            display.failed(error)
        run = Run(lambda: Recognizer(model or DEFAULT_MODEL, decoder=decoder), target, options, display)
        run.counts.failed += len(inputs.failed)
        counts = run.read(inputs.files)
    return close(counts, len(inputs.files) + len(inputs.failed))


def run_options(form: Format, several: bool, values: dict[str, Any]) -> "RunOptions":
    """Return how documents are read.

    Raises:
        UsageError: an option that has no effect on the format; numbers of pages that cannot be understood.
        InputError: the file or folder of --lines does not exist.
    """
    from hwr.files.documents import parse_pages
    from hwr.recognize.job import RunOptions
    from hwr.recognize.recognizer import PageOptions

    if values["min_confidence"] is not None and not form.marks:
        able = ", ".join(name for name, entry in FORMATS.items() if entry.marks)
        raise UsageError(f"--min-confidence: {form.name} cannot mark uncertain words; these formats can: {able}")
    return RunOptions(
        values["as_lines"],
        form.needs_pixels,
        parse_pages(values["page_numbers"]) if values["page_numbers"] is not None else (),
        values["password"],
        values["skip_existing"],
        values["min_confidence"],
        find_given(values["lines_path"], several),
        PageOptions(values["order"] == "rows", values["only"]),
    )


def find_output(form: Format, inputs: "Inputs", output: str | None, force: bool) -> "Output":
    """Return where the results go.

    Raises:
        UsageError: they do not fit there.
    """
    from hwr.recognize.outputs import FileOutput, StreamOutput, find_targets

    if output is not None:
        targets = find_targets(inputs, output, form.suffix)
        return FileOutput(form, dict(zip(inputs.files, targets, strict=True)), force)
    if inputs.several and not (form.headed or form.streams):
        raise UsageError(f"several inputs as {form.name} do not fit on stdout; name a folder with -o")
    if form.binary and sys.stdout.isatty():
        raise UsageError(f"{form.name} is binary and not for a terminal; name a file with -o")
    return StreamOutput(form, sys.stdout.buffer, inputs.several)


def find_given(path: Path | None, several: bool) -> "GivenLines | None":
    """Return the lines that --lines names."""
    from hwr.recognize.given_lines import GivenLines

    if path is None:
        return None
    given = GivenLines(path)
    given.check(several)
    return given


def close(counts: "Counts", inputs: int) -> Outcome:
    """Return the outcome; how many pages were skipped and how many failed goes to stderr."""
    kind = "inputs" if counts.total == inputs else "pages"
    if counts.skipped:
        say(f"{counts.skipped} of {counts.total} {kind} skipped: their results exist")
    if counts.failed and counts.total > 1:
        say(f"{counts.failed} of {counts.total} {kind} failed")
    return Outcome(counts.read + counts.skipped, counts.failed)
