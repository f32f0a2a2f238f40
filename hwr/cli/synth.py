"""`hwr synth`: make lines of handwriting from fonts, and write a line store."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hwr.cli.base import Command, Rule
from hwr.cli.common import find_alphabet
from hwr.cli.completion import complete_model
from hwr.cli.terminal import progress_counter, say
from hwr.cli.values import FILE, NEW, PICTURE, Rate
from hwr.errors import Outcome, UsageError
from hwr.files.atomic import check_free

if TYPE_CHECKING:
    from hwr.synth.batches import BatchOptions
    from hwr.synth.options import SynthOptions

SHEET_LINES = 48
MAX_LINES = 1_000_000_000
"""Of a split: line numbers of the val split begin here."""
OF_STORES = "it applies to line stores"

SECTIONS = {
    "Sources": ("texts", "fonts", "languages", "phrases", "phrase_share"),
    "Papers": ("paper_share", "papers"),
    "Lines": ("lines", "validation", "seed", "alphabet", "licence"),
    "Output": ("output", "sheet", "force", "workers"),
}

EXAMPLES = (
    ("hwr synth --text prose.txt --fonts my-fonts/ --sheet look.png", "Draw one picture of 48 lines."),
    ("hwr synth -o made --lines 0 --val 400 --fonts my-fonts/ --language de", "Make phrases to validate on."),
)

RULES = tuple(Rule(name, needs=("output",), reason=OF_STORES) for name in ("validation", "licence", "workers"))
RULES += (Rule("phrase_share", needs=("texts",), reason="without texts, all lines are phrases"),)


@click.command("synth", cls=Command, sections=SECTIONS, examples=EXAMPLES, rules=RULES)
@click.option(
    "--text",
    "texts",
    type=FILE,
    multiple=True,
    metavar="FILE",
    help="File of texts, a paragraph a line (.txt, .txt.xz, .txt.gz).",
)
@click.option(
    "--fonts",
    type=FILE,
    multiple=True,
    metavar="FOLDER|FILE",
    help="Handwriting font (.ttf, .otf), or a folder of fonts.",
)
@click.option(
    "--language",
    "languages",
    multiple=True,
    metavar="CODE",
    help="Language of the phrases, such as de.  [default: that of each text]",
)
@click.option(
    "--phrases", multiple=True, metavar="KIND", help="Kind of phrases, such as date or figures.  [default: all]"
)
@click.option(
    "--phrase-share",
    type=Rate(),
    metavar="SHARE",
    default=0.25,
    show_default=True,
    help="With --text: share of lines with a phrase.",
)
@click.option(
    "--paper-share",
    type=Rate(),
    metavar="SHARE",
    default=0.9,
    show_default=True,
    help="Share of lines on paper; the others are clean ink on white.",
)
@click.option(
    "--paper",
    "papers",
    multiple=True,
    metavar="KIND=SHARE",
    help="Share of lines with a kind of paper or damage, such as faint=0.3.",
)
@click.option(
    "--lines", type=click.IntRange(0, MAX_LINES), default=10_000, show_default=True, help="Number of training lines."
)
@click.option(
    "--val",
    "validation",
    type=click.IntRange(0, MAX_LINES),
    default=0,
    show_default=True,
    help="Number of validation lines.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Random seed of the lines.")
@click.option(
    "--alphabet",
    metavar="FILE|MODEL",
    shell_complete=complete_model,
    help="Use only the characters of this text file or model.",
)
@click.option("--licence", metavar="NAME", help="Licence to state with the lines.")
@click.option("-o", "--output", type=NEW, metavar="DIR", help="Folder of the line store.")
@click.option("--sheet", type=PICTURE, metavar="FILE.png", help=f"Draw the first {SHEET_LINES} lines as one picture.")
@click.option("--force", is_flag=True, help="Replace the store in the folder, or the picture.")
@click.option("--workers", type=click.IntRange(1), help="Number of processes.  [default: all cores, at most 8]")
def command(**values: Any) -> Outcome:
    """Make lines of handwriting and write a line store (-o DIR) that `hwr train` reads, or a picture (--sheet).

    Give fonts, and texts or languages. No fonts ship with hwr; docs/synthesis.md explains their licences. --text,
    --fonts, --language, --phrases and --paper may be repeated. The same options and data give the same bytes, with any
    number of workers. Exit codes: 0 all done; 2 nothing could be made; 3 done, but a font is broken or lines are
    missing.
    """
    if values["output"] is None and values["sheet"] is None:
        raise UsageError("give -o DIR (a line store) or --sheet FILE.png (a picture)")
    if values["sheet"] is not None:
        check_free(values["sheet"], values["force"])
    if values["output"] is not None and values["lines"] == values["validation"] == 0:
        raise UsageError("--lines and --val are both 0: there is nothing to write")
    return _synthesise(values)


def _synthesise(values: dict[str, Any]) -> Outcome:
    """Draw the picture and write the store, if requested."""
    from hwr.synth.batches import BatchOptions

    alphabet = find_alphabet(values["alphabet"])
    options = BatchOptions(
        _synth_options(values),
        None if alphabet is None else alphabet.characters,
        values["seed"],
        licence=values["licence"],
    )
    failed = False
    if values["output"] is not None:  # first: a folder that holds something else is refused before anything is written
        failed = _write(options, values)
    if values["sheet"] is not None:
        failed = _draw(options, values["sheet"], values["lines"], name_broken=values["output"] is None) or failed
    return Outcome(failed=int(failed))


def _synth_options(values: dict[str, Any]) -> "SynthOptions":
    """Return the options of synthesis from those of the command line."""
    from hwr.synth.options import PaperOptions, SynthOptions

    return SynthOptions(
        values["texts"],
        values["fonts"],
        values["paper_share"],
        PaperOptions().with_probabilities(_shares(values["papers"])),
        values["languages"],
        values["phrases"],
        values["phrase_share"],
    )


def _shares(settings: tuple[str, ...]) -> dict[str, float]:
    """Parse each setting `KIND=SHARE`.

    Raises:
        UsageError: it is not one, or two are about the same kind.
    """
    found: dict[str, float] = {}
    for setting in settings:
        name, _, number = setting.partition("=")
        kind = name.strip().replace("-", "_")
        if kind in found:
            raise UsageError(f"--paper {setting}: {name.strip()} has two shares")
        try:
            found[kind] = Rate().convert(number, None, None)
        except click.BadParameter as error:
            raise UsageError(f"--paper {setting}: write KIND=SHARE; {error.message}") from None
    return found


def _draw(options: "BatchOptions", path: Path, count: int, name_broken: bool) -> bool:
    """Write the contact sheet, name broken fonts if asked to; return whether a font is broken."""
    from hwr.files.atomic import write_file
    from hwr.synth.batches import draw_sheet, encode
    from hwr.synth.generator import LineGenerator

    broken: list[str] = []
    generator = LineGenerator(options.synth, options.alphabet, broken.append)
    sheet = draw_sheet([generator.line(options.seed, index) for index in range(min(count or SHEET_LINES, SHEET_LINES))])
    write_file(path, encode(sheet))
    for message in broken if name_broken else ():
        say(f"left out: {message}")
    say(f"{path}: written")
    return bool(broken)


def _write(options: "BatchOptions", values: dict[str, Any]) -> bool:
    """Write the line store; return whether lines are missing."""
    from hwr.cli.store_report import name_skipped, print_table
    from hwr.prepare.synthetic import FAILURES, synthesise
    from hwr.synth.batches import default_workers

    output = values["output"]
    workers = values["workers"] or default_workers()
    with progress_counter("writing") as progress:
        prepared, unused = synthesise(
            options, output, values["lines"], values["validation"], workers, values["force"], progress=progress
        )
    name_skipped(prepared.skipped, output / "skipped.tsv")
    for reason in unused.reasons():
        say(f"left out: {reason}")
    print_table(prepared, output)
    return any(item.reason in FAILURES for item in prepared.skipped)
