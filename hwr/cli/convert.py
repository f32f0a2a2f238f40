"""`hwr convert`: earlier results -> other formats."""

import time
from pathlib import Path

import click

from hwr.cli.base import Command, Rule
from hwr.cli.common import choose_formats, find_output, force_option, format_option
from hwr.cli.terminal import say
from hwr.cli.values import FILE, TARGET, FileName
from hwr.errors import Outcome
from hwr.text import counted


@click.command(
    "convert",
    cls=Command,
    sections={"Input": ("images",), "Output": ("formats", "output", "force")},
    examples=[
        ("hwr convert corrected.xml", "Print the text of a PAGE or ALTO file."),
        ("hwr convert page/ --images scans/ -o book.pdf", "Make a searchable PDF of corrected pages."),
    ],
    rules=[Rule("force", needs=("output",))],
)
@click.argument("sources", metavar="INPUT...", nargs=-1, required=True, type=FILE)
@format_option
@click.option("-o", "--output", type=TARGET, metavar="FILE|DIR", help="Write here instead of to stdout.")
@click.option(
    "--images",
    type=FileName(path_type=Path, file_okay=False, exists=True),
    metavar="DIR",
    help="Folder of the page images, which PDF and overlay show; the pages are fitted to them.  "
    "[default: next to each INPUT, or one folder up]",
)
@force_option
@click.pass_context
def command(
    context: click.Context,
    /,
    sources: tuple[Path, ...],
    formats: tuple[tuple[str, ...], ...],
    output: str | None,
    images: Path | None,
    force: bool,
) -> Outcome:
    """Write pages in other formats, without reading them again.

    INPUT is JSON of `hwr recognize`, PAGE XML or ALTO, a folder of such files, or - for stdin. The output options are
    those of `hwr recognize`.
    """
    from hwr.cli.job_display import Display, say_summary
    from hwr.recognize.convert import ConvertOptions, convert, without_format_names, without_others, without_twins
    from hwr.recognize.inputs import RESULTS, find_inputs

    inputs, others = without_others(find_inputs(sources, RESULTS))
    inputs, twins = without_twins(inputs)
    inputs = without_format_names(inputs)
    if not inputs.several and inputs.failed:
        raise inputs.failed[0]
    if others:
        say(f"{counted(len(others), 'file')} left out, such as {others[0].path}: not JSON of hwr, PAGE XML or ALTO")
    if twins:
        say(
            f"{counted(len(twins), 'file')} left out, such as {twins[0].path}: of the files of a page, one is taken, "
            "a.xml before a.page.xml before a.alto.xml before a.json"
        )
    forms = choose_formats(formats, output, inputs.several)
    target = find_output(forms, inputs, output, force, read=[file.path for file in twins])
    options = ConvertOptions(any(form.needs_pixels for form in forms), images)
    started = time.monotonic()
    with Display(len(inputs.files), output is not None, context.obj["verbose"]) as display:
        for error in inputs.failed:
            display.failed(error)
        counts = convert(inputs.files, target, options, display)
    counts.failed += len(inputs.failed)
    say_summary(counts, output, time.monotonic() - started)
    return counts.outcome
