"""`hwr prepare`: read outside data, check it, write a line store or a bundle."""

import re
import sys
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from hwr.cli.base import Command
from hwr.cli.terminal import say
from hwr.errors import Outcome, UsageError

if TYPE_CHECKING:
    from hwr.prepare.pipeline import Prepared, PrepareOptions
    from hwr.prepare.samples import Skipped
    from hwr.text import Alphabet

COLUMNS = ("image", "text", "id", "writer", "page", "split", "lang", "source", "licence")
NOT_IN_SOURCE = "listed in the split, not in the source"

LISTED = 10
"""Skipped items of one reason that are named on stderr; `skipped.tsv` has them all."""

IAM_OPTIONS = {"words", "tokens", "segmentation", "keep_crossed_out"}
PAGE_OPTIONS = {"regions", "line_types"}
NO_COLUMNS = "fits tables and Parquet only"

UNITS = {"": 1, "B": 1, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "KB": 10**3, "MB": 10**6, "GB": 10**9}


def size(text: str) -> int:
    """Bytes of a size such as 30MiB."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", text.strip())
    if not found or found[2].upper() not in UNITS or float(found[1]) <= 0:
        raise click.BadParameter(f"{text!r} is no size; write 30MiB or 500KiB")
    return int(float(found[1]) * UNITS[found[2].upper()])


def column_options(command: Callable[..., Outcome]) -> Callable[..., Outcome]:
    """One option for each column that a table or Parquet file may call otherwise."""
    for name in reversed(COLUMNS):
        text = f"Column of the {name} in a table or Parquet file."
        command = click.option(f"--{name}-column", metavar="NAME", help=text)(command)
    return command


@click.command("prepare", cls=Command)
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="SOURCE...")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="Folder of the line store.")
@click.option("--bundle", type=click.Path(path_type=Path), metavar="DIR", help="Pack line stores into shards in DIR.")
@click.option(
    "--from",
    "kind",
    type=click.Choice(["iam", "sidecar", "table", "parquet", "page", "alto"]),
    help="Format of the sources.  [default: found out]",
)
@click.option("--regions", multiple=True, metavar="TYPE,...", help="Pages: lines in regions of these types only.")
@click.option("--line-types", multiple=True, metavar="TYPE,...", help="Pages: lines of these types only.")
@click.option("--split", metavar="NAME|DIR", help="train, val, test; aachen, lwitlrt; a folder with lists of ids.")
@click.option("--whole-pages", is_flag=True, help="All lines of the pages of an IAM split, not only the listed ones.")
@click.option("--val-share", type=float, default=0.0, metavar="SHARE", help="Put this share aside for validation.")
@click.option("--test-share", type=float, default=0.0, metavar="SHARE", help="Put this share aside for testing.")
@click.option("--split-by", type=click.Choice(["auto", "writer", "page", "line"]), default="auto", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the chance that puts shares aside.")
@click.option("--words", is_flag=True, help="IAM: word images by words.txt, not lines.")
@click.option(
    "--tokens", type=click.Choice(["natural", "spaced"]), default="natural", show_default=True, help="IAM text."
)
@click.option("--segmentation", type=click.Choice(["any", "ok"]), help="IAM.  [default: any for lines, ok for words]")
@click.option("--keep-crossed-out", is_flag=True, help="IAM: keep lines with #, a crossed-out word.")
@click.option(
    "--header/--no-header", default=None, help="Table: the first row names the columns.  [default: found out]"
)
@click.option("--alphabet", metavar="FILE|MODEL", help="Leave out lines with other characters, and count these.")
@click.option("--height", type=click.IntRange(8), default=48, show_default=True, help="Line height of the model.")
@click.option(
    "--stride", type=click.IntRange(1), default=4, show_default=True, help="Columns a time step of the model."
)
@click.option("--max-height", type=click.IntRange(8), metavar="PIXELS", help="Make higher images smaller, in grey.")
@click.option("--language", metavar="TAG", help="Where the source does not say it, such as en or fr.")
@click.option("--source", metavar="NAME", help="Where the lines come from, where the source does not say it.")
@click.option("--licence", metavar="NAME", help="Where the source does not say it.")
@click.option(
    "--shard-size", type=size, metavar="SIZE", default="30MiB", show_default=True, help="Bundle: most bytes a shard."
)
@click.option(
    "--quality", type=click.IntRange(1, 100), default=80, show_default=True, help="Bundle: 100 loses nothing."
)
@click.option("--force", is_flag=True, help="Replace what lies in the folder.")
@column_options
@click.pass_context
def command(context: click.Context, /, **values: Any) -> Outcome:
    """Read SOURCES, check every line, write a line store (-o DIR) or a bundle for training (--bundle DIR).

    A source is a raw IAM tree, a folder of images with .gt.txt files, a TSV, CSV or JSONL table, Parquet with images
    and texts, or pages with PAGE XML or ALTO, in a folder or in the zip that eScriptorium or Transkribus exports; which
    of them is found out. docs/data.md describes them. Counts go to stdout; every item that is left out
    is named on stderr and in DIR/skipped.tsv. Exit codes: 0 all done; 2 nothing usable; 3 done, but items are missing
    or broken.
    """
    # Pillow warns of odd tags in images that it reads well
    warnings.filterwarnings("ignore", module=r"PIL\.")
    if (values["output"] is None) == (values["bundle"] is None):
        raise UsageError("one of -o DIR (a line store) and --bundle DIR (shards of line stores) is needed")
    given = {name for name in values if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    if values["bundle"] is None:
        refuse(given & {"shard_size", "quality"}, "fits --bundle only")
        return make_store(values, given)
    columns = {f"{name}_column" for name in COLUMNS if name != "split"}
    refuse(given - columns - {"sources", "bundle", "height", "shard_size", "quality", "force"}, "does not fit --bundle")
    return make_bundle(values)


def refuse(options: set[str], reason: str) -> None:
    """Refuse options that would do nothing."""
    for option in sorted(options):
        name = {"kind": "from"}.get(option, option).replace("_", "-")
        raise UsageError(f"--{name} {reason}")


def make_store(values: dict[str, Any], given: set[str]) -> Outcome:
    """Write a line store. `given`: the options that the user gave."""
    from hwr.prepare.pipeline import prepare
    from hwr.prepare.sources import open_source

    options = store_options(values)
    sources = [open_source(path, options.reading, values["kind"]) for path in values["sources"]]
    kinds = {source.kind for source in sources}
    columns = {option for option in given if option.endswith("_column")}
    refuse(given & IAM_OPTIONS if "iam" not in kinds else set(), "fits IAM only")
    refuse(given & PAGE_OPTIONS if kinds.isdisjoint({"page", "alto"}) else set(), "fits PAGE XML and ALTO only")
    refuse(given & {"header", "split_column"} if "table" not in kinds else set(), "fits tables only")
    refuse(columns if kinds.isdisjoint({"table", "parquet"}) else set(), NO_COLUMNS)
    prepared = prepare(sources, values["output"], options, values["force"], show_progress)
    name_skipped(prepared.skipped, values["output"] / "skipped.tsv")
    if prepared.outside_alphabet:
        from hwr.prepare.checks import count_characters

        say(f"outside the alphabet: {count_characters(prepared.outside_alphabet)}")
    print_table(prepared)
    folder = values["output"]
    say(f"{folder}: unchanged, the same store is there already" if prepared.unchanged else f"{folder}: written")
    return Outcome(failed=int(prepared.failed))


def store_options(values: dict[str, Any]) -> "PrepareOptions":
    """The options of a run from those of the command line."""
    from hwr.prepare.checks import CheckOptions
    from hwr.prepare.iam import IamOptions
    from hwr.prepare.pages import PageOptions
    from hwr.prepare.pipeline import PrepareOptions
    from hwr.prepare.sources import ReaderOptions
    from hwr.prepare.splitting import SplitOptions

    iam = IamOptions(values["words"], values["tokens"], values["segmentation"], values["keep_crossed_out"])
    columns = tuple((name, values[f"{name}_column"]) for name in COLUMNS if values[f"{name}_column"] is not None)
    pages = PageOptions(*(tuple(split_names(values[name])) for name in ("regions", "line_types")))
    return PrepareOptions(
        ReaderOptions(iam, columns, values["header"], pages),
        SplitOptions(
            values["split"],
            values["whole_pages"],
            values["val_share"],
            values["test_share"],
            values["seed"],
            values["split_by"],
        ),
        CheckOptions(
            values["height"],
            values["stride"],
            values["max_height"],
            find_alphabet(values["alphabet"]),
            values["language"],
            values["source"],
            values["licence"],
        ),
    )


def split_names(values: Sequence[str]) -> list[str]:
    """Names that were given one by one, or several with commas between them."""
    return [name for value in values for part in value.split(",") if (name := part.strip())]


def find_alphabet(name: str | None) -> "Alphabet | None":
    """The alphabet of a file, or of an installed model."""
    from hwr.prepare.alphabets import read_alphabet

    if name is None:
        return None
    path = Path(name)
    if path.suffix == "" and not path.exists():
        from hwr.recognize.models import find_model

        path = find_model(name).safetensors
    return read_alphabet(path)


def make_bundle(values: dict[str, Any]) -> Outcome:
    """Write a bundle."""
    from hwr.prepare.bundling import BundleOptions, bundle, find_splits
    from hwr.store.columns import Columns

    columns = {name: values[f"{name}_column"] for name in COLUMNS if values[f"{name}_column"] is not None}
    options = BundleOptions(values["height"], values["quality"], values["shard_size"], Columns(**columns))
    sets, skipped = bundle(find_splits(list(values["sources"])), values["bundle"], options, values["force"])
    name_skipped(skipped, None)
    rows = [("set", "split", "lines", "shards", "MiB")]
    rows += [(i.set, i.split, f"{i.lines:,}", str(i.shards), f"{i.bytes / 2**20:.1f}") for i in sets]
    print_rows(rows, text_columns=2)
    return Outcome(failed=len(skipped))


def show_progress(done: int, total: int) -> None:
    """A counter on a terminal."""
    if sys.stderr.isatty() and (done % 50 == 0 or done == total):
        click.echo(f"\r{done:,} of {total:,} lines", err=True, nl=done == total)


def name_skipped(skipped: "Sequence[Skipped]", table: Path | None) -> None:
    """Name the items that were left out, by reason; beyond some of them the table has the rest."""
    by_reason: dict[str, list[Skipped]] = defaultdict(list)
    for item in skipped:
        by_reason[str(item.reason)].append(item)
    for reason, items in by_reason.items():
        say(f"left out, {reason}: {len(items):,}")
        if reason == NOT_IN_SOURCE:
            for detail, count in Counter(item.detail for item in items).items():
                click.echo(f"  {detail}: {count:,} ids", err=True)
        shown = items if table is None else items[:LISTED]
        for item in shown:
            click.echo(f"  {item.where}" + (f": {item.detail}" if item.detail else ""), err=True)
        if len(items) > len(shown):
            click.echo(f"  and {len(items) - len(shown):,} more: {table}", err=True)


def print_table(prepared: "Prepared") -> None:
    """Counts of each split, and of what was left out."""
    rows: list[tuple[str, ...]] = [("split", "lines", "characters", "writers", "pages", "MiB")]
    for split, facts in prepared.splits.items():
        counts = (facts.lines, facts.characters.total(), len(facts.writers), len(facts.pages))
        rows.append((split, *(f"{count:,}" for count in counts), f"{facts.image_bytes / 2**20:.1f}"))
    print_rows(rows)
    reasons = Counter(str(item.reason) for item in prepared.skipped)
    if reasons:
        click.echo()
        print_rows([("left out", "items"), *((reason, f"{count:,}") for reason, count in reasons.most_common())])


def print_rows(rows: Sequence[Sequence[str]], text_columns: int = 1) -> None:
    """A table on stdout: text to the left, numbers to the right."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    for row in rows:
        cells = [
            value.ljust(width) if k < text_columns else value.rjust(width)
            for k, (value, width) in enumerate(zip(row, widths, strict=True))
        ]
        click.echo("  ".join(cells).rstrip())
