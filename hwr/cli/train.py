"""`hwr train`: line stores or bundles -> a model."""

import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hwr.cli.base import Command
from hwr.errors import EXIT_INTERRUPTED, InputError, MissingDependency, UsageError

if TYPE_CHECKING:
    from hwr.train.recipe import Recipe

POSITIVE = click.FloatRange(min=0, min_open=True)

INSTALL = "pip install torch==2.11.0 torchaudio==2.11.0 safetensors onnx"


@click.command("train", cls=Command)
@click.argument("data", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="The run folder.  [default: runs/NAME, as DATA is called]"
)
@click.option("--recipe", type=click.Path(path_type=Path), help="A TOML file with every setting; options win over it.")
@click.option("--val", "validation", multiple=True, help="Data to validate on; the val splits of DATA if not given.")
@click.option("--preset", help="Network: small (2.4 M weights, for CPUs) or base (7 M, for GPUs).  [default: small]")
@click.option("--spec", help="Network in VGSL; {classes} stands for the number of classes.")
@click.option("--init-from", help="Start from this model, a name or a file, and keep its network.")
@click.option(
    "--alphabet",
    type=click.Choice(["keep", "extend", "replace"]),
    help="With --init-from: the model's characters, these and new ones of DATA, or those of DATA.  [default: keep]",
)
@click.option(
    "--fine-tune/--no-fine-tune",
    default=None,
    help="With --init-from: settings for few lines, or for many.  [default: for few below 3,000 lines]",
)
@click.option(
    "--hold-out",
    type=click.FloatRange(0, 1, max_open=True),
    metavar="SHARE",
    help="Without data to validate on, take this share of the lines.  [default: 0; when fine-tuning, 0.1]",
)
@click.option("--resume", is_flag=True, help="Go on with the run in the folder; with more --minutes, from its trunk.")
@click.option("--minutes", type=POSITIVE, help="Length in minutes spent in steps.  [default: 60; when fine-tuning, 15]")
@click.option("--lines", type=click.IntRange(0), help="End after this many lines seen, if that comes first.")
@click.option(
    "--deadline",
    type=POSITIVE,
    metavar="MINUTES",
    help="Be done with all steps so long from now, waiting and validation included.",
)
@click.option("--patience", type=click.IntRange(0), help="End early after so many validations without progress.")
@click.option("--learning-rate", type=POSITIVE, help="Highest rate.  [default: 0.002; when fine-tuning, 0.0005]")
@click.option("--seed", type=int, help="Of weights, order and augmentation.  [default: 1]")
@click.option("--exclude", help="Leave out lines with one of these characters.")
@click.option(
    "--precision",
    type=click.Choice(["auto", "bf16", "fp32"]),
    help="auto takes bf16 where the processor or card has units for it.  [default: auto]",
)
@click.option("--threads", type=click.IntRange(0), help="CPU threads; 0: all that torch finds.")
@click.option("--name", help="Name that the model states.")
@click.option("--licence", help="Licence that the model states.")
@click.option("--tensorboard", is_flag=True, help="Write scalars to the folder tensorboard of the run as well.")
@click.option("--dry-run", is_flag=True, help="Time a few steps, print what the run costs, and write nothing.")
def command(
    data: tuple[Path, ...],
    output: Path | None,
    recipe: Path | None,
    validation: tuple[str, ...],
    init_from: str | None,
    resume: bool,
    tensorboard: bool,
    dry_run: bool,
    deadline: float | None,
    **changes: Any,
) -> None:
    """Train a model on DATA: line stores, Parquet files or bundles.

    The run folder gets best.safetensors and best.onnx (lowest validation CER), last.safetensors, trunk.safetensors
    (before the learning rate fell), metrics.jsonl and recipe.toml. Ctrl-C saves and ends; --resume goes on.
    """
    # The exporter at the end of a run would print warnings of its own about shapes.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    try:
        from hwr.train.distributed import join_processes
        from hwr.train.reporters import stop_on_signal
        from hwr.train.run import dry_run as what_it_costs
        from hwr.train.run import train
        from hwr.train.tensorboard import tensorboard as with_tensorboard
    except ModuleNotFoundError as error:
        raise MissingDependency(f"training needs {error.name}, which is not installed; run: {INSTALL}") from None
    output = output or (Path("runs") if dry_run and not resume else _run_folder(data))
    settings, told = _settings(data, output, recipe, validation, init_from, resume, changes)
    words = " ".join(["hwr", *sys.argv[1:]])
    if dry_run:
        if deadline is not None:
            raise UsageError("--dry-run tells what --minutes and --lines cost; it knows no --deadline")
        with join_processes() as processes, _reporter(processes.first, live=False) as reporter:
            table = what_it_costs(settings, output, reporter, resume, processes)
        if processes.first:
            click.echo(table)
        return
    with (
        join_processes() as processes,
        _reporter(processes.first) as teller,
        with_tensorboard(teller, output, tensorboard and processes.first) as reporter,
        stop_on_signal(reporter.message) as stopped,
    ):
        result = train(settings, output, reporter, resume, stopped, words, processes, told, deadline)
    if processes.first:
        click.echo(str(result.model))
    if not result.finished:
        raise SystemExit(EXIT_INTERRUPTED)


def _settings(
    data: tuple[Path, ...],
    output: Path,
    recipe: Path | None,
    validation: tuple[str, ...],
    init_from: str | None,
    resume: bool,
    changes: dict[str, Any],
) -> "tuple[Recipe, str]":
    """The recipe of the file, or of the run that goes on, with the options put in; and what to say of it."""
    from hwr.recognize.models import find_model
    from hwr.train.folder import RECIPE
    from hwr.train.recipe import Recipe, load_recipe, moved, override

    if resume and recipe is None:
        recipe = output / RECIPE
        if not recipe.exists():
            raise InputError(f"{output}: there is no run to go on with; start one without --resume")
    settings = load_recipe(recipe) if recipe else Recipe()
    if init_from:
        weights = find_model(init_from).safetensors
        if changes["preset"] or changes["spec"]:
            raise UsageError("--init-from keeps the network of the model; --preset and --spec do not go with it")
        settings = override(settings, init_from=str(weights))
    if changes["preset"] and changes["spec"]:
        raise UsageError("--preset and --spec do not go together")
    if data:
        settings = override(settings, train=moved(settings.train if resume else (), data))
    if validation or data:
        paths = [Path(path) for path in validation] or [path for path in data if _has_validation(path)]
        if paths or not resume:
            settings = override(settings, validation=moved(settings.validation if resume else (), paths))
    fine_tune, told = changes.pop("fine_tune"), ""
    if fine_tune and (recipe or not init_from):
        raise UsageError(
            "--fine-tune goes with --init-from, and not with --recipe or --resume, which have all settings"
        )
    if init_from and recipe is None and fine_tune is not False:
        settings, told = _fine_tuning(settings, bool(fine_tune), changes)
    return override(settings, **changes), told


def _fine_tuning(settings: "Recipe", always: bool, changes: dict[str, Any]) -> "tuple[Recipe, str]":
    """The settings for few lines if there are few, and what to say of them; else the settings as they are."""
    from hwr.train import fine_tuning
    from hwr.train.recipe import override

    lines = fine_tuning.count_lines(settings)
    settings = override(settings, alphabet=changes["alphabet"])
    if not always and lines >= fine_tuning.FEW_LINES:
        return settings, ""
    settings = fine_tuning.fine_tuning(settings, lines, changes["hold_out"], endless=changes["minutes"] is not None)
    given = override(settings, minutes=changes["minutes"], lines=changes["lines"])
    return settings, fine_tuning.describe(given, lines)


def _run_folder(data: Sequence[Path]) -> Path:
    """`runs/NAME`, as the first of the data is called."""
    if not data:
        raise UsageError("name the run folder: -o FOLDER")
    path = data[0].resolve()
    return Path("runs") / (path.parent.name if path.stem in ("train", "val", "test") else path.stem)


def _has_validation(path: Path) -> bool:
    """True for a store or a bundle that has a val split beside its training lines."""
    return path.is_dir() and ((path / "val.parquet").is_file() or any(path.glob("*-val-*.npz")))


def _reporter(talks: bool, live: bool = True) -> AbstractContextManager[Any]:
    """A live table on a terminal, plain lines elsewhere, both on stderr; nothing where `talks` is False."""
    from hwr.cli.terminal import progress_console
    from hwr.cli.train_display import LiveReporter
    from hwr.train.reporters import PlainReporter, SilentReporter

    if not talks:
        return nullcontext(SilentReporter())
    console = progress_console()
    return LiveReporter(console) if live and console.is_terminal else nullcontext(PlainReporter())
