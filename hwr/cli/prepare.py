"""`hwr prepare`: read data from elsewhere, check it, write a line store."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

import click

from hwr.cli.base import Command, Rule, given_options, refuse
from hwr.cli.common import find_alphabet
from hwr.cli.completion import complete_model
from hwr.cli.terminal import progress_counter
from hwr.cli.values import FILE, NEW, Rate, parse_size
from hwr.errors import Outcome, UsageError

if TYPE_CHECKING:
    from hwr.prepare.pipeline import PrepareOptions

Options = TypeVar("Options")

COLUMNS = ("image", "text", "id", "writer", "page", "split", "lang", "source", "licence")
COLUMN_NAMES = tuple(f"{name}_column" for name in COLUMNS)
IAM_OPTIONS = ("whole_pages", "words", "tokens", "segmentation", "keep_crossed_out")
PAGE_OPTIONS = ("regions", "line_types", "machine_texts")
TABLE_OPTIONS = ("header", "images", "allow_outside")


def column_options(command: Callable[..., Outcome]) -> Callable[..., Outcome]:
    """Add an option for each column that may have another name in a table or Parquet file."""
    for name in reversed(COLUMNS):
        text = f"Column of the {'language' if name == 'lang' else name}."
        command = click.option(f"--{name}-column", metavar="NAME", help=text)(command)
    return command


SECTIONS = {
    "Sources": ("kind",),
    "Pages with PAGE XML or ALTO": PAGE_OPTIONS,
    "IAM": IAM_OPTIONS,
    "Tables": TABLE_OPTIONS,
    "Columns of tables and Parquet files": COLUMN_NAMES,
    "Splits": ("split", "val_share", "test_share", "group", "seed"),
    "Lines": ("alphabet", "height", "stride", "lang", "source", "licence"),
    "Store": ("output", "max_height", "normalise", "quality", "shard_size", "force"),
}

RULES = (
    Rule("normalise", excludes=("height", "max_height"), reason="lines already get the height of --normalise"),
    Rule("quality", needs=("normalise",)),
    Rule("tokens", excludes=("words",), reason="a word is one token"),
    Rule("whole_pages", excludes=("val_share", "test_share")),
    Rule("seed", needs=("val_share", "test_share")),
    Rule("group", needs=("val_share", "test_share")),
)

EXAMPLES = (
    (
        "hwr prepare export.zip -o store --val-share 0.1",
        "Read exported pages; set a tenth aside for validation.",
    ),
    ("hwr prepare iam -o iam --normalise 48 --shard-size 30MiB", "Normalise IAM once, in files of 30 MiB."),
)


@click.command("prepare", cls=Command, sections=SECTIONS, rules=RULES, examples=EXAMPLES)
@click.argument("sources", nargs=-1, required=True, type=FILE, metavar="SOURCE...")
@click.option("-o", "--output", type=NEW, metavar="DIR", required=True, help="Folder of the line store.")
@click.option(
    "--from",
    "kind",
    type=click.Choice(["iam", "sidecar", "table", "parquet", "page", "alto"]),
    help="Format of the sources.  [default: detected]",
)
@click.option("--regions", multiple=True, metavar="TYPE,...", help="Take only lines in regions of these types.")
@click.option("--line-types", multiple=True, metavar="TYPE,...", help="Take only lines of these types.")
@click.option("--machine-texts", is_flag=True, help="Also take texts that were read by a program.")
@click.option(
    "--split",
    metavar="NAME|DIR",
    help="train, val, test; for IAM aachen, aachen-part, lwitlrt; or a folder with lists of ids.",
)
@click.option("--whole-pages", is_flag=True, help="Take all lines of the pages of an IAM split, not only those listed.")
@click.option(
    "--val-share",
    type=Rate(),
    default=0.0,
    metavar="SHARE",
    help="Share of the lines to set aside for validation, such as 0.1; see --split-by.",
)
@click.option(
    "--test-share",
    type=Rate(),
    default=0.0,
    metavar="SHARE",
    help="Share of the lines to set aside for testing, such as 0.1; see --split-by.",
)
@click.option(
    "--split-by",
    "group",
    type=click.Choice(["auto", "writer", "page", "line"]),
    default="auto",
    show_default=True,
    help="Keep these together in one split; auto: writers if known, otherwise pages, otherwise lines.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed of the shares.")
@click.option("--words", is_flag=True, help="Take word images (words.txt) instead of lines.")
@click.option(
    "--tokens",
    type=click.Choice(["natural", "spaced"]),
    default="natural",
    show_default=True,
    help="Write spaces as people do, or between all tokens.",
)
@click.option(
    "--segmentation",
    type=click.Choice(["any", "ok"]),
    help="Take lines with any segmentation, or only those marked ok.  [default: any; for --words, ok]",
)
@click.option("--keep-crossed-out", is_flag=True, help="Keep lines with #, a crossed-out word.")
@click.option(
    "--header/--no-header", default=None, help="Whether the first row names the columns.  [default: detected]"
)
@click.option("--images", type=FILE, metavar="DIR", help="Folder of the images.  [default: that of the table]")
@click.option("--allow-outside", is_flag=True, help="Also take images from outside that folder.")
@click.option(
    "--alphabet",
    metavar="FILE|MODEL",
    shell_complete=complete_model,
    help="Leave out and count lines with other characters.",
)
@click.option(
    "--height", type=click.IntRange(8, 1024), default=48, show_default=True, help="Line height of the model, in pixels."
)
@click.option(
    "--stride",
    type=click.IntRange(1),
    default=4,
    show_default=True,
    help="Columns per time step of the model, to find texts too long for CTC.",
)
@click.option("--max-height", type=click.IntRange(8), metavar="PIXELS", help="Reduce higher images to this, in grey.")
@click.option(
    "--normalise",
    type=click.IntRange(8, 1024),
    metavar="HEIGHT",
    help="Store lines normalised to this height, in pixels.",
)
@click.option(
    "--quality",
    type=click.IntRange(1, 100),
    default=100,
    show_default=True,
    help="WebP quality of normalised lines; 100 is lossless.",
)
@click.option("--shard-size", type=parse_size, metavar="SIZE", help="Write files of about this size, such as 30MiB.")
@click.option("--language", "lang", metavar="TAG", help="Language, such as en or fr, if the source does not state it.")
@click.option("--source", metavar="NAME", help="Origin of the lines, if the source does not state it.")
@click.option("--licence", metavar="NAME", help="Licence, if the source does not state it.")
@click.option("--force", is_flag=True, help="Replace the store in the folder.")
@column_options
@click.pass_context
def command(context: click.Context, /, **values: Any) -> Outcome:
    """Read SOURCES, check every line and write a line store, which training and evaluation read.

    A source is a raw IAM tree, a folder of images with .gt.txt files, a TSV, CSV or JSONL table, Parquet with images
    and texts, or pages with PAGE XML or ALTO, in a folder or in a zip from eScriptorium or Transkribus. The format is
    detected; docs/data.md describes them. Right-to-left text is stored in logical order. Counts go to stdout; every
    item that is left out is named on stderr and in DIR/skipped.tsv. Exit codes: 0 all done; 2 nothing usable; 3 done,
    but items are missing or broken.
    """
    # Pillow warns of odd tags in images that it reads well
    warnings.filterwarnings("ignore", module=r"PIL\.")
    return make_store(values, given_options(context))


def make_store(values: dict[str, Any], given: Mapping[str, str]) -> Outcome:
    """Write a line store; `given` is from `given_options`."""
    from hwr.cli.store_report import name_findings, name_skipped, print_table
    from hwr.prepare.pipeline import prepare
    from hwr.prepare.sources import open_source

    options = store_options(values)
    sources = [open_source(path, options.reading, values["kind"]) for path in values["sources"]]
    kinds = {kind for source in sources for kind in source.kind.split("+")}
    for names, readers, reason in (
        (IAM_OPTIONS, {"iam"}, "applies to IAM only"),
        (PAGE_OPTIONS, {"page", "alto"}, "applies to PAGE XML and ALTO only"),
        ((*TABLE_OPTIONS, "split_column"), {"table"}, "applies to tables only"),
        (COLUMN_NAMES, {"table", "parquet"}, "applies to tables and Parquet only"),
    ):
        if kinds.isdisjoint(readers):
            refuse(given, names, reason)
    with progress_counter("lines") as progress:
        prepared = prepare(sources, values["output"], options, values["force"], progress)
    name_skipped(prepared.skipped, values["output"] / "skipped.tsv")
    name_findings(prepared)
    print_table(prepared, values["output"])
    return Outcome(failed=prepared.failed)


def store_options(values: dict[str, Any]) -> "PrepareOptions":
    """Return the options of a run from those of the command line."""
    from hwr.prepare.checks import CheckOptions
    from hwr.prepare.iam import IamOptions
    from hwr.prepare.pages import PageFileOptions
    from hwr.prepare.pipeline import PrepareOptions
    from hwr.prepare.sources import ReaderOptions
    from hwr.prepare.splitting import SplitOptions
    from hwr.prepare.table import TableOptions

    if values["shard_size"] == 0:
        raise UsageError("--shard-size 0: name a size, such as 30MiB")
    facts = values | {
        "regions": split_names(values["regions"]),
        "line_types": split_names(values["line_types"]),
        "height": values["normalise"] or values["height"],
        "normalise": values["normalise"] is not None,
        "alphabet": find_alphabet(values["alphabet"]),
    }

    def made(options: type[Options]) -> Options:
        return options(**{item.name: facts[item.name] for item in fields(options)})  # type: ignore[arg-type]

    columns = tuple((name, values[f"{name}_column"]) for name in COLUMNS if values[f"{name}_column"] is not None)
    reading = ReaderOptions(made(IamOptions), columns, made(TableOptions), made(PageFileOptions))
    return PrepareOptions(reading, made(SplitOptions), made(CheckOptions), values["shard_size"])


def split_names(values: Sequence[str]) -> tuple[str, ...]:
    """Return names that were given in several options, or in one with commas between them."""
    return tuple(name for value in values for part in value.split(",") if (name := part.strip()))
