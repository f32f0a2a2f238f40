"""`hwr recognize`: read pages or lines of handwriting."""

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hwr.cli.decoder_options import decoder_options, make_options
from hwr.cli.eval import Rate
from hwr.errors import EXIT_ERROR, EXIT_OK, EXIT_PARTIAL, HwrError, UsageError
from hwr.files import atomic_write
from hwr.formats import FORMATS, Format, find_format, to_bytes
from hwr.page import mark_uncertain

if TYPE_CHECKING:
    from hwr.page import Page
    from hwr.recognize.decoding import DecoderOptions
    from hwr.recognize.given_lines import GivenLines
    from hwr.recognize.inputs import InputFile
    from hwr.recognize.recognizer import Recognizer

LINES_AT_ONCE = 64
"""Line images that are read together: enough to fill batches of like width."""


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
@click.option("-m", "--model", metavar="NAME|FILE", help="A shipped model or a model file.  [default: small]")
@click.option("--format", "format_name", type=click.Choice(list(FORMATS)), default="text", show_default=True)
@click.option("-o", "--output", metavar="FILE|DIR", help="Write here instead of on the standard output.")
@click.option("--force", is_flag=True, help="Overwrite files that exist.")
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
    model: str | None,
    format_name: str,
    output: str | None,
    force: bool,
    min_confidence: float | None,
    decoding: dict[str, Any],
) -> None:
    """Read the handwriting on images: files, or folders with all images in them.

    Several inputs on the standard output: a header stands before each page's text; JSON is one object a line. Other
    formats need -o then, and what is no text is not written to a terminal.
    With -o, one input goes to a file, several go to a folder, one file a page at the same relative path.
    """
    from hwr.recognize.inputs import check_free, find_inputs, find_targets
    from hwr.recognize.models import DEFAULT_MODEL

    # Pillow warns of odd tags in images that it reads well
    warnings.filterwarnings("ignore", module=r"PIL\.")
    form = find_format(format_name)
    decoder = make_options(decoding)
    if min_confidence is not None and not form.marks:
        able = ", ".join(name for name, entry in FORMATS.items() if entry.marks)
        raise UsageError(f"--min-confidence: {format_name} has no mark for uncertain words; these have: {able}")
    if as_lines and lines_path is not None:
        raise UsageError("--line and --lines exclude each other: an image is one line, or a page with lines")
    inputs = find_inputs(sources)
    if not inputs.several and inputs.failed:
        raise inputs.failed[0]
    if output is None:
        check_stdout(form, inputs.several)
    targets = dict(zip(inputs.files, find_targets(inputs, output, form.suffix), strict=True)) if output else {}
    failed = 0
    for error in inputs.failed:
        failed += complain(error)
    files = []
    for file in inputs.files:
        try:
            if file in targets:
                check_free(targets[file], force)
            files.append(file)
        except HwrError as error:
            if not inputs.several:
                raise
            failed += complain(error)
    given = find_given(lines_path, inputs.several)
    if files:
        recognizer = load(model or DEFAULT_MODEL, decoder)
        results = read_lines(recognizer, files) if as_lines else read_pages(recognizer, files, given)
        with progress_bar(len(files), on=output is not None or not sys.stdout.isatty()) as advance:
            for file, result in results:
                try:
                    if isinstance(result, HwrError):
                        raise result
                    if min_confidence is not None:
                        result = mark_uncertain(result, min_confidence)
                    put(file, result, form, targets.get(file), inputs.several)
                except HwrError as error:
                    if not inputs.several:
                        raise
                    failed += complain(error)
                advance()
    context.exit(exit_code(failed, len(inputs.files) + len(inputs.failed)))


def load(model: str, decoder: "DecoderOptions") -> "Recognizer":
    """Load the model."""
    from hwr.recognize.recognizer import Recognizer

    return Recognizer(model, decoder=decoder)


def find_given(path: Path | None, several: bool) -> "GivenLines | None":
    """The lines that --lines names."""
    from hwr.recognize.given_lines import GivenLines

    if path is None:
        return None
    given = GivenLines(path)
    given.check(several)
    return given


def read_pages(
    recognizer: "Recognizer", files: "list[InputFile]", given: "GivenLines | None"
) -> "Iterator[tuple[InputFile, Page | HwrError]]":
    """Each page, or why it could not be read."""
    from hwr.recognize.given_lines import read_given

    for file in files:
        try:
            if given is None:
                yield file, recognizer.read(file.path)
                continue
            page, notes = read_given(recognizer, file.path, file.relative, given)
            for note in notes:
                click.echo(f"hwr: {note}", err=True)
            yield file, page
        except HwrError as error:
            yield file, error


def read_lines(recognizer: "Recognizer", files: "list[InputFile]") -> "Iterator[tuple[InputFile, Page | HwrError]]":
    """Each line image as a page of one line, or why it could not be read."""
    from hwr.recognize.images import to_grey

    for start in range(0, len(files), LINES_AT_ONCE):
        chunk = files[start : start + LINES_AT_ONCE]
        images, errors = [], {}
        for file in chunk:
            try:
                images.append((str(file.path), to_grey(file.path)))
            except HwrError as error:
                errors[file] = error
        pages = iter(recognizer.read_line_pages(images))
        for file in chunk:
            yield file, errors[file] if file in errors else next(pages)


def check_stdout(form: Format, several: bool) -> None:
    """Refuse what the standard output cannot take.

    Raises:
        UsageError: a picture on a terminal, or several documents of a format whose files cannot be joined so.
    """
    if several and not (form.headed or form.streams):
        raise UsageError(f"several inputs as {form.name} do not fit on the standard output; give a folder with -o")
    if form.binary and sys.stdout.isatty():
        raise UsageError(f"{form.name} is not for a terminal; give a file with -o")


def put(file: "InputFile", page: "Page", form: Format, target: Path | None, several: bool) -> None:
    """Write a page to its file, or to the standard output with a header where there are several.

    Raises:
        OutputError: the file cannot be written.
    """
    from hwr.recognize.images import to_grey

    content = to_bytes(form, page, to_grey(file.path) if form.needs_pixels else None)
    if not page.lines:
        click.echo(f"hwr: {page.image}: no writing found", err=True)
    if target is not None:
        with atomic_write(target) as temporary:
            temporary.write_bytes(content)
        return
    header = f"==> {page.image} <==\n" if several and form.headed else ""
    click.echo(header.encode() + content, nl=False)


def complain(error: HwrError) -> int:
    """Name a failure on stderr; returns 1, to be counted."""
    click.echo(f"hwr: error: {error}", err=True)
    return 1


def exit_code(failed: int, count: int) -> int:
    """The exit code for `failed` of `count` inputs; their number goes to stderr."""
    if not failed:
        return EXIT_OK
    click.echo(f"hwr: {failed} of {count} inputs failed", err=True)
    return EXIT_ERROR if failed == count else EXIT_PARTIAL


@contextmanager
def progress_bar(count: int, on: bool) -> Iterator[Callable[[], None]]:
    """A bar on stderr where that is a terminal and the results go elsewhere."""
    if not (on and count > 1 and sys.stderr.isatty()):
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("reading", total=count)
        yield lambda: progress.advance(task)
