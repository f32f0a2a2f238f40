"""`hwr recognize`: read pages or lines of handwriting."""

import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hwr.cli.base import Command, Rule
from hwr.cli.common import (
    DECODER,
    ModelChoice,
    choose_formats,
    decoder_options,
    find_output,
    force_option,
    format_option,
    make_decoder_options,
    model_option,
    precision_option,
)
from hwr.cli.terminal import say
from hwr.cli.values import FILE, TARGET, Rate
from hwr.errors import Outcome, UsageError
from hwr.formats import FORMATS, Format
from hwr.recognize import FAST_MODEL
from hwr.text import counted

if TYPE_CHECKING:
    from hwr.recognize.found_lines import PageOptions
    from hwr.recognize.given_lines import GivenLines
    from hwr.recognize.inputs import Inputs
    from hwr.recognize.job import JobOptions, ReadingJob
    from hwr.recognize.models import Precision
    from hwr.recognize.outputs import Output

FOUND = "it applies to lines that are found on a page"


@click.command(
    "recognize",
    cls=Command,
    sections={
        "Input": ("as_lines", "lines_path", "page_numbers", "password", "password_file"),
        "Lines of a page": ("order", "only", "rotate", "min_line_confidence"),
        "Model": ("model", "fast", "precision", *DECODER),
        "Output": ("formats", "output", "force", "skip_existing", "min_confidence", "alternatives"),
    },
    examples=[
        ("hwr recognize page.png", "Print the text of a page."),
        ("hwr recognize scans/ -o book.pdf", "Make one searchable PDF of all images in a folder."),
        ("hwr recognize scans/ --format text,alto -o out/", "Write the text and the ALTO of each image."),
    ],
    rules=[
        Rule("as_lines", excludes=("lines_path",), reason="an image is one line, or a page with lines"),
        Rule("order", excludes=("as_lines", "lines_path"), reason=FOUND),
        Rule("only", excludes=("as_lines", "lines_path"), reason=FOUND),
        Rule("rotate", excludes=("as_lines", "lines_path"), reason=FOUND),
        Rule("min_line_confidence", excludes=("as_lines", "lines_path"), reason=FOUND),
        Rule("fast", excludes=("model",), reason="it names a model"),
        Rule("force", needs=("output",)),
        Rule("skip_existing", excludes=("force",), needs=("output",)),
        Rule("password", excludes=("password_file",)),
    ],
)
@click.argument("sources", metavar="INPUT...", nargs=-1, required=True, type=FILE)
@click.option("--line", "as_lines", is_flag=True, help="Each image is one line, not a page.")
@click.option(
    "--lines",
    "lines_path",
    type=FILE,
    metavar="FILE.xml|DIR",
    help="Read only the lines in this ALTO or PAGE XML file, or in the file of DIR named after each image.",
)
@click.option(
    "--order",
    type=click.Choice(["columns", "rows"]),
    help="Read column by column, or row by row as in a table; in text, tabs separate cells.  [default: columns]",
)
@click.option("--only", type=click.Choice(["handwritten", "printed"]), help="Read only lines of this kind.")
@click.option(
    "--rotate",
    type=click.Choice(["auto", "0", "90", "180", "270"]),
    help="Turn each page clockwise by this many degrees first; auto tries turns if a page reads badly.  "
    "[default: auto]",
)
@click.option(
    "--min-line-confidence",
    type=Rate(),
    metavar="P",
    help="Leave out lines whose words have a mean confidence below P.",
)
@click.option("--pages", "page_numbers", metavar="LIST", help="Pages of each document to read, such as 1-3,7.")
@click.option("--password", metavar="TEXT|-", help="Password for encrypted PDFs; - asks for it.")
@click.option("--password-file", type=FILE, metavar="FILE", help="File with the password on its first line.")
@model_option
@click.option("--fast", is_flag=True, help=f"Read with the model {FAST_MODEL}: faster, with more errors.")
@precision_option
@format_option
@click.option("-o", "--output", type=TARGET, metavar="FILE|DIR", help="Write here instead of to stdout.")
@force_option
@click.option("--skip-existing", is_flag=True, help="Skip pages and documents whose result exists.")
@click.option(
    "--min-confidence", type=Rate(), metavar="P", help="Mark words with a confidence below P; in text: [word?]."
)
@click.option(
    "--alternatives",
    type=click.IntRange(1, 20),
    metavar="N",
    help="Add up to N other readings of each word and line, with probabilities.",
)
@decoder_options
@click.pass_context
def command(
    context: click.Context,
    /,
    sources: tuple[Path, ...],
    model: str,
    fast: bool,
    precision: "Precision | None",
    formats: tuple[tuple[str, ...], ...],
    output: str | None,
    force: bool,
    decoding: dict[str, Any],
    alternatives: int | None,
    **values: Any,
) -> Outcome:
    """Read the handwriting in images and PDFs: files, folders, patterns such as 'scans/*.jpg', or - for stdin.

    Several pages on stdout: each page's text has a header line; JSON is one object per line. Other formats require -o;
    binary output is never written to a terminal.

    With -o FILE, everything goes to one file; its ending chooses the format, unless --format does. ALTO, PAGE and
    overlays have a file for each page, so several pages need -o DIR. In a folder, each document has one file (ALTO,
    PAGE and overlays: each page), at the same relative path as the input.
    """
    from hwr.recognize.inputs import find_inputs

    warnings.filterwarnings("ignore", module=r"PIL\.")  # Pillow warns about odd tags in images that it reads well
    inputs = find_inputs(sources)
    if not inputs.several and inputs.failed:
        raise inputs.failed[0]
    check_password(inputs, values)
    forms = choose_formats(formats, output, inputs.several)
    if alternatives is not None:
        check_formats(forms, "--alternatives", "alternatives", "write other readings")
    options = job_options(forms, inputs.several, values)
    inputs = leave_out_results(inputs, output, forms)
    read_too = [path for path in (values["password_file"], decoding["lexicon"]) if path is not None]
    if options.given is not None:
        read_too += options.given.files_of([file.relative for file in inputs.files])
    target = find_output(forms, inputs, output, force, options.skip_existing, read_too)
    choice = ModelChoice(FAST_MODEL if fast else model, make_decoder_options(decoding), precision, alternatives or 0)
    return read(inputs, target, options, choice, output, context.obj["verbose"])


def leave_out_results(inputs: "Inputs", output: str | None, forms: Sequence[Format]) -> "Inputs":
    """Return the inputs without results of earlier runs, which are named on stderr."""
    from hwr.recognize.targets import without_results

    if output is None:
        return inputs
    kept, results = without_results(inputs, output, forms)
    if results:
        say(f"{counted(len(results), 'result')} of an earlier run not read, such as {results[0].path}")
    return kept


def job_options(forms: Sequence[Format], several: bool, values: dict[str, Any]) -> "JobOptions":
    """Return the options of the reading job.

    Raises:
        UsageError: an option that has no effect on a format; numbers of pages that cannot be understood.
        InputError: the file or folder of --lines does not exist, or the file with the password.
    """
    from hwr.files.documents import parse_pages
    from hwr.recognize.job import JobOptions

    if values["min_confidence"] is not None:
        check_formats(forms, "--min-confidence", "marks", "mark uncertain words")
    return JobOptions(
        as_lines=values["as_lines"],
        colour=any(form.needs_pixels for form in forms),
        pages=parse_pages(values["page_numbers"]) if values["page_numbers"] is not None else (),
        password=find_password(values["password"], values["password_file"]),
        skip_existing=values["skip_existing"],
        min_confidence=values["min_confidence"],
        given=find_given(values["lines_path"], several),
        page=page_options(values),
    )


def page_options(values: dict[str, Any]) -> "PageOptions":
    """Return the options for finding, choosing and ordering lines."""
    from hwr.recognize.found_lines import PageOptions
    from hwr.settings import from_dict

    rotate = values["rotate"]
    chosen = {
        "rows": values["order"] == "rows",
        "only": values["only"],
        "rotate": "auto" if rotate in (None, "auto") else int(rotate),
        "min_line_confidence": values["min_line_confidence"] or 0.0,
    }
    return from_dict(PageOptions, chosen, "page options", UsageError)


def check_formats(forms: Sequence[Format], option: str, ability: str, does: str) -> None:
    """Refuse an option that has no effect on one of the formats.

    Raises:
        UsageError: a format does not have the ability; names those that have it.
    """
    unable = next((form.name for form in forms if not getattr(form, ability)), None)
    if unable:
        able = ", ".join(name for name, entry in FORMATS.items() if getattr(entry, ability))
        raise UsageError(f"{option}: {unable} cannot {does}; these formats can: {able}")


def check_password(inputs: "Inputs", values: dict[str, Any]) -> None:
    """Refuse a password for inputs none of which is a PDF.

    Raises:
        UsageError: there is no PDF.
    """
    from hwr.files.documents import may_be_pdf

    given = next((name for name in ("password", "password_file") if values[name] is not None), None)
    if given and inputs.files and not any(may_be_pdf(file.path) for file in inputs.files):
        raise UsageError(f"--{given.replace('_', '-')} applies to PDFs, and none of the inputs is a PDF")


def find_password(password: str | None, file: Path | None) -> str | None:
    """Return the password that was given, or ask for it.

    Raises:
        InputError: the file with the password cannot be used.
        UsageError: the input is not a terminal.
    """
    from hwr.files.texts import read_text

    if file is not None:
        return read_text(file).decode("utf-8").partition("\n")[0].rstrip("\r")
    if password != "-":
        return password
    try:
        return str(click.prompt("Password", hide_input=True, err=True))
    except click.Abort:
        if sys.stdin is not None and sys.stdin.isatty():
            raise
        raise UsageError("--password -: a password can be typed only in a terminal; use --password-file FILE") from None


def find_given(path: Path | None, several: bool) -> "GivenLines | None":
    """Return the lines that --lines names."""
    from hwr.recognize.given_lines import GivenLines

    if path is None:
        return None
    given = GivenLines(path)
    given.check(several)
    return given


def read(
    inputs: "Inputs", target: "Output", options: "JobOptions", choice: ModelChoice, output: str | None, verbose: bool
) -> Outcome:
    """Read the inputs, and print what happens."""
    from hwr.cli.job_display import Display, say_summary
    from hwr.recognize.job import ReadingJob

    bar = output is not None or (len(inputs.files) > 1 and not sys.stdout.isatty())
    started = time.monotonic()
    with Display(len(inputs.files), bar, verbose) as display:
        for error in inputs.failed:
            display.failed(error)

        def settings() -> str:
            return repr((*choice.identify(), options.as_lines, options.given, options.page))

        job = ReadingJob(choice.load, target, options, display, settings)
        job.counts.failed += len(inputs.failed)
        try:
            counts = job.read(inputs.files)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(how_to_continue(job, output)) from None
    say_summary(counts, output, time.monotonic() - started)
    return counts.outcome


def how_to_continue(job: "ReadingJob", output: str | None) -> str:
    """Return the message after an interruption, which says how to continue."""
    if output is None:
        return "interrupted"
    if not job.resumes:
        return "interrupted; the same command with --skip-existing continues"
    pages = "page that was" if job.unfinished == 1 else f"{job.unfinished} pages that were"
    command = "the same command with --skip-existing" if job.counts.read else "the same command"
    return f"interrupted; {command} continues after the {pages} read"
