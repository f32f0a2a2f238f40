"""`hwr lm tune`: the decoder settings that are best for a model."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hwr.cli.calibrate import check_output, model_file
from hwr.cli.eval import column_options, find
from hwr.cli.sets import read_sets
from hwr.errors import EXIT_OK, EXIT_PARTIAL
from hwr.files.atomic import atomic_write
from hwr.settings import to_dict

if TYPE_CHECKING:
    from hwr.evaluate.tuning import Trial, Tuning


@click.command("tune")
@click.argument("data", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="DATA...")
@click.option("-m", "--model", metavar="NAME|FILE", help="Installed model or model file.  [default: small]")
@click.option(
    "--lm",
    "names",
    multiple=True,
    metavar="NAME|FILE",
    help="A language model to search with; of several, each line takes its own.  [default: all that ship]",
)
@click.option("--split", default="val", show_default=True, help="The part of a folder: FOLDER/SPLIT.parquet.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Read the first N lines of each set only.")
@click.option(
    "--plot",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.svg",
    help="Draw the CER over weight and bonus.",
)
@click.option("--write", is_flag=True, help="Store the settings in the model's files.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Store them in copies of the files, of this name."
)
@column_options
@click.pass_context
def command(
    context: click.Context,
    /,
    data: tuple[Path, ...],
    model: str | None,
    names: tuple[str, ...],
    split: str,
    limit: int | None,
    plot: Path | None,
    write: bool,
    output: Path | None,
    **columns: str,
) -> None:
    """Find language-model weight, insertion bonus, beam width and blank scale on DATA that the model never saw.

    Prints the CER over weights and bonuses, and what the search is worth on lines that it was not tuned on: each set
    is cut in two by writer (by page, where there is one writer), and each half is read with the best settings of the
    other. What is stored is tuned on all lines; `hwr recognize` and `hwr eval` then use it by themselves.
    """
    from hwr.decode.beam import BeamSettings
    from hwr.evaluate.evaluation import EvaluationOptions
    from hwr.evaluate.tuning import read_network_lines, tune
    from hwr.model.metadata import update_decoder
    from hwr.recognize.decoder import BEAM, DecoderOptions, make_decoder
    from hwr.recognize.models import DEFAULT_MODEL, language_model_names
    from hwr.recognize.recognizer import Recognizer
    from hwr.store.columns import Columns

    model = model or DEFAULT_MODEL
    source = model_file(model)
    check_output(source, write, output)
    found, missing = find(data, split)
    recognizer = Recognizer(model, decoder=DecoderOptions("greedy"))
    # A file is stored with its whole path: the model is used from other folders too.
    files = tuple(str(Path(name).resolve()) if Path(name).is_file() else name for name in names)
    start = BeamSettings(language_models=files or tuple(language_model_names()))
    make_decoder(DecoderOptions(BEAM), {BEAM: to_dict(start)}, recognizer.alphabet, model)  # are the models usable?
    options = EvaluationOptions(limit, Columns(**{key.removesuffix("_column"): name for key, name in columns.items()}))
    lines, complete = read_sets(
        lambda one, on_line: read_network_lines(one, recognizer, options.columns, options.limit, on_line),
        found,
        options,
    )
    tuning = tune(
        lines,
        start,
        lambda settings: make_decoder(DecoderOptions(BEAM), {BEAM: to_dict(settings)}, recognizer.alphabet, model),
        recognizer.alphabet,
        on_trial=report,
    )
    print_surface(tuning)
    print_halves(tuning)
    chosen = tuning.chosen.settings
    click.echo(
        f"best on all lines: weight {chosen.weight:g}, insertion bonus {chosen.insertion_bonus:g}, "
        f"width {chosen.width}, blank scale {chosen.blank_scale:g}"
    )
    if plot is not None:
        draw(tuning, model, plot)
    if write or output is not None:
        update_decoder(source, {BEAM: to_dict(chosen)}, output)
        click.echo(f"stored in {output or source}")
    context.exit(EXIT_OK if complete and not missing else EXIT_PARTIAL)


def report(trial: "Trial", value: float) -> None:
    """One trial on stderr, where that is watched or logged."""
    s = trial.settings
    click.echo(
        f"weight {s.weight:g}  bonus {s.insertion_bonus:g}  width {s.width}  blank scale {s.blank_scale:g}: "
        f"{value:.4f} of the greedy CER",
        err=True,
    )


def surface(tuning: "Tuning") -> tuple[list[float], list[float], list[list[float]]]:
    """Weights, bonuses and, for each weight, the objective at each bonus."""
    from hwr.evaluate.tuning import by_set, objective

    sets = list(by_set(tuning.lines).values())
    weights = sorted({trial.settings.weight for trial in tuning.surface})
    bonuses = sorted({trial.settings.insertion_bonus for trial in tuning.surface})
    values = {
        (trial.settings.weight, trial.settings.insertion_bonus): objective(trial.edits, tuning.greedy, sets)
        for trial in tuning.surface
    }
    return weights, bonuses, [[values[weight, bonus] for bonus in bonuses] for weight in weights]


def print_surface(tuning: "Tuning") -> None:
    """CER as a share of the greedy decoder's, mean over the sets."""
    from rich.console import Console
    from rich.table import Table

    weights, bonuses, values = surface(tuning)
    table = Table(title="CER against greedy, mean of the sets", title_justify="left")
    table.add_column("weight \\ bonus", justify="right")
    for bonus in bonuses:
        table.add_column(f"{bonus:g}", justify="right")
    for weight, row in zip(weights, values, strict=True):
        table.add_row(f"{weight:g}", *(f"{value:.3f}" for value in row))
    Console(width=None if sys.stdout.isatty() else 120, markup=False, highlight=False).print(table)


def print_halves(tuning: "Tuning") -> None:
    """Each set, greedy and with the settings that were chosen on lines of other writers."""
    from rich.console import Console
    from rich.table import Table

    from hwr.evaluate.tuning import judge_in_halves

    judged, chosen = judge_in_halves(tuning)
    table = Table(title="Tuned on one half, read on the other, both ways", title_justify="left")
    table.add_column("set", overflow="fold")
    for name in ("lines", "greedy CER", "beam CER", "change", "greedy WER", "beam WER", "change"):
        table.add_column(name, justify="right", no_wrap=True)
    for item in judged:
        rates = [(item.greedy.cer, item.beam.cer), (item.greedy.wer, item.beam.wer)]
        cells = [cell for before, after in rates for cell in (f"{before:.4f}", f"{after:.4f}", change(before, after))]
        table.add_row(item.name, f"{item.lines:,}", *cells)
    Console(width=None if sys.stdout.isatty() else 120, markup=False, highlight=False).print(table)
    for number, s in enumerate(chosen, start=1):
        click.echo(
            f"chosen on half {number}: weight {s.weight:g}, insertion bonus {s.insertion_bonus:g}, "
            f"width {s.width}, blank scale {s.blank_scale:g}"
        )


def change(before: float, after: float) -> str:
    """The relative change in per cent."""
    return f"{after / before - 1:+.1%}" if before > 0 else "-"


def draw(tuning: "Tuning", model: str, path: Path) -> None:
    """The surface as a drawing."""
    from hwr.evaluate.heatmap import draw_heatmap

    weights, bonuses, values = surface(tuning)
    title = f"{Path(model).stem}: CER against greedy"
    drawing = draw_heatmap(title, ("language-model weight", weights), ("insertion bonus", bonuses), values)
    with atomic_write(path) as temporary:
        temporary.write_text(drawing, encoding="utf-8")
