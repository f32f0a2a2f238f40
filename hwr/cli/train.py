"""`hwr train`: line stores -> a model."""

import os
import shlex
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hwr.cli.base import Command, Rule
from hwr.cli.common import INSTALL_TORCH
from hwr.cli.completion import complete_model, completing
from hwr.cli.terminal import say, show
from hwr.cli.values import FILE, NEW, Number, Rate
from hwr.errors import EXIT_INTERRUPTED, InputError, MissingDependency, OutputError, UsageError, as_argument

if TYPE_CHECKING:
    from hwr.train.recipe import Recipe

PRESETS = ("tiny", "small", "base")
POSITIVE = Number(0, min_open=True)

SECTIONS = {
    "Data": ("validation", "hold_out", "exclude", "cache"),
    "Network": ("preset", "spec", "init_from", "alphabet", "fine_tune"),
    "Length": ("minutes", "lines", "deadline", "patience", "resume"),
    "Settings": ("recipe", "learning_rate", "seed", "precision", "threads"),
    "Output": ("output", "name", "licence", "tensorboard", "dry_run"),
}

RULES = (
    Rule("init_from", excludes=("preset", "spec"), reason="the network of the model is kept"),
    Rule("preset", excludes=("spec",)),
    Rule(
        "resume",
        excludes=("preset", "spec", "init_from", "alphabet", "hold_out"),
        reason="the run keeps its network, characters and held-out lines",
    ),
    Rule("fine_tune", excludes=("recipe", "resume"), reason="they have all settings"),
    Rule("fine_tune", needs=("init_from",)),
    Rule("hold_out", excludes=("validation",), reason="lines are held out where there are no other validation data"),
    Rule("dry_run", excludes=("deadline",), reason="it estimates --minutes and --lines"),
)

EXAMPLES = (
    ("hwr train my-data --init-from small", "Fine-tune a shipped model on your own lines."),
    ("hwr train -o runs/my-data --resume", "Continue a run that was stopped."),
)


@click.command(name="train", cls=Command, sections=SECTIONS, rules=RULES, examples=EXAMPLES)
@click.argument("data", nargs=-1, type=FILE)
@click.option("-o", "--output", type=NEW, metavar="DIR", help="Run folder.  [default: runs/NAME, named after DATA]")
@click.option("--recipe", type=FILE, metavar="FILE", help="TOML file with all settings; options override it.")
@click.option(
    "--val", "validation", multiple=True, metavar="DATA", help="Data to validate on.  [default: the val splits of DATA]"
)
@click.option(
    "--preset",
    metavar="NAME",
    shell_complete=completing(lambda: PRESETS),
    help="Network: tiny (1 M weights), small (2.4 M, for CPUs) or base (7 M, for GPUs).  [default: small]",
)
@click.option("--spec", metavar="VGSL", help="Network in VGSL; {classes} is replaced by the number of classes.")
@click.option(
    "--init-from",
    metavar="NAME|FILE",
    shell_complete=complete_model,
    help="Start from this model and keep its network.",
)
@click.option(
    "--alphabet",
    type=click.Choice(["keep", "extend", "replace"]),
    help="With --init-from: use the model's characters, add those of DATA, or use those of DATA.  [default: keep]",
)
@click.option(
    "--fine-tune/--no-fine-tune",
    default=None,
    help="With --init-from: use the settings for few lines, or those for many.  [default: few below 3,000 lines]",
)
@click.option(
    "--hold-out",
    type=Rate(max_open=True),
    metavar="SHARE",
    help="Without validation data, validate on this share of the lines.  [default: 0; when fine-tuning, 0.1]",
)
@click.option("--resume", is_flag=True, help="Continue the run in the folder; with more --minutes, from its trunk.")
@click.option(
    "--minutes",
    type=POSITIVE,
    metavar="MINUTES",
    help="Train for this many minutes, not counting validation.  [default: 60; when fine-tuning, 15]",
)
@click.option("--lines", type=click.IntRange(0), help="End after this many lines seen, if that comes first.")
@click.option(
    "--deadline",
    type=POSITIVE,
    metavar="MINUTES",
    help="Finish training within this many minutes of wall-clock time, including validation.",
)
@click.option(
    "--patience", type=click.IntRange(0), help="End early after this many validations without progress; 0: never."
)
@click.option(
    "--learning-rate",
    type=POSITIVE,
    metavar="RATE",
    help="Learning rate before it falls.  [default: 0.002; when fine-tuning, 0.0005]",
)
@click.option("--seed", type=int, help="Random seed for weights, order and augmentation.  [default: 1]")
@click.option("--exclude", metavar="CHARACTERS", help="Leave out lines with any of these characters.")
@click.option(
    "--cache/--no-cache",
    default=None,
    help="Keep normalised lines in the run folder, or normalise them again each time.  [default: keep]",
)
@click.option(
    "--precision",
    type=click.Choice(["auto", "bf16", "fp32"]),
    help="Number format of the network; auto: bf16 if the CPU or GPU has units for it.  [default: auto]",
)
@click.option(
    "--threads", type=click.IntRange(0, 1024), help="Number of CPU threads; 0 lets torch decide.  [default: 0]"
)
@click.option("--name", metavar="NAME", help="Name to state in the model.  [default: that of the run folder]")
@click.option("--licence", metavar="NAME", help="Licence to state in the model.")
@click.option("--tensorboard", is_flag=True, help="Also log for TensorBoard, in the run folder.")
@click.option("--dry-run", is_flag=True, help="Time a few steps, print what the run costs, and write nothing.")
def command(
    data: tuple[Path, ...],
    output: Path | None,
    resume: bool,
    tensorboard: bool,
    dry_run: bool,
    deadline: float | None,
    **options: Any,
) -> None:
    """Train a model on DATA: line stores or Parquet files.

    The run folder gets best.safetensors and best.onnx (lowest validation CER), last.safetensors, trunk.safetensors
    (before the learning rate fell), metrics.jsonl and recipe.toml. Ctrl-C saves and ends; --resume continues.
    """
    # The exporter at the end of a run would print its own warnings about shapes.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    folder = output or (Path("runs") if dry_run and not resume else _run_folder(data))
    _check_folder(folder, dry_run)
    try:
        import hwr.train.run  # noqa: F401
        from hwr.train.processes import join_processes
    except ModuleNotFoundError as error:
        raise MissingDependency(f"training needs {error.name}, which is not installed; run: {INSTALL_TORCH}") from None
    recipe, note = _settings(data, folder, resume, **options)
    with join_processes() as processes:
        if dry_run:
            _estimate(recipe, folder, resume, processes)
        else:
            _train(recipe, folder, resume, tensorboard, deadline, note, processes)


def _estimate(recipe: "Recipe", folder: Path, resume: bool, processes: Any) -> None:
    from hwr.train.cost import estimate_cost

    with _reporter(processes.first, live=False) as reporter:
        table = estimate_cost(recipe, folder, reporter, resume, processes)
    if processes.first:
        show(table)


def _train(
    recipe: "Recipe",
    folder: Path,
    resume: bool,
    tensorboard: bool,
    deadline: float | None,
    note: str,
    processes: Any,
) -> None:
    from hwr.train import reporters
    from hwr.train.run import train

    command_line = shlex.join(["hwr", *sys.argv[1:]])
    with (
        _reporter(processes.first) as shown,
        reporters.tensorboard(shown, folder, tensorboard and processes.first) as reporter,
        reporters.stop_on_signal(reporter.message) as stop,
    ):
        result = train(recipe, folder, reporter, resume, stop, command_line, processes, note, deadline)
    if processes.first:
        show(str(result.model))
    if not result.finished:
        if processes.first:
            say(f"stopped; to continue: hwr train -o {as_argument(folder)} --resume")
        raise SystemExit(EXIT_INTERRUPTED)


def _settings(
    data: tuple[Path, ...],
    folder: Path,
    resume: bool,
    recipe: Path | None,
    validation: tuple[str, ...],
    init_from: str | None,
    fine_tune: bool | None,
    **changes: Any,
) -> "tuple[Recipe, str]":
    """Return the recipe of the file, or of the run to resume, with the options applied; and a message about it."""
    from hwr.recognize.models import find_model
    from hwr.settings import load_toml
    from hwr.train.recipe import Recipe, override

    start = _recipe_of_run(folder) if resume and not recipe else Recipe()
    settings = load_toml(Recipe, recipe) if recipe else start
    if init_from:
        settings = override(settings, init_from=str(find_model(init_from).safetensors))
    settings = _with_data(settings, data, validation, resume)
    note = ""
    if init_from and recipe is None and not resume and fine_tune is not False:
        settings, note = _fine_tuning(settings, bool(fine_tune), changes)
    settings = override(settings, **changes)
    _check_validation(settings, resume, changes)
    if resume:
        _check_data(settings, folder)
    return settings, note


def _check_validation(recipe: "Recipe", resume: bool, changes: dict[str, Any]) -> None:
    """Refuse options that do nothing with the validation data of the recipe, or would train on lines held out before.

    Raises:
        UsageError: one of them was given.
    """
    if changes["hold_out"] and recipe.validation:
        paths = ", ".join(item.path for item in recipe.validation)
        raise UsageError(f"--hold-out has no effect: there are validation data ({paths})")
    if changes["patience"] and not recipe.validation and not recipe.hold_out:
        raise UsageError("--patience needs validation data: give --val or --hold-out")
    if resume and recipe.hold_out and not recipe.validation:
        for option in ("seed", "exclude"):
            if changes[option] is not None:
                raise UsageError(f"--{option} would change which lines are held out; start a new run instead")


def _check_data(recipe: "Recipe", folder: Path) -> None:
    """Say how to resume a run whose data have moved.

    Raises:
        InputError: a set of the recipe is gone.
    """
    for name, option in (("train", ""), ("validation", "--val ")):
        for item in getattr(recipe, name):
            if not Path(item.path).exists():
                raise InputError(
                    f"{item.path}: does not exist; if the data have moved, give their new place: "
                    f"hwr train {option}NEW_PLACE -o {as_argument(folder)} --resume"
                )


def _recipe_of_run(folder: Path) -> "Recipe":
    from hwr.settings import load_toml
    from hwr.train.folder import LAST, RECIPE, RESUME, RunFolder
    from hwr.train.recipe import Recipe

    if not (folder / RECIPE).exists():
        if (folder / RESUME).exists():
            hint = RunFolder(folder).recovery_hint("")
            raise InputError(f"{folder / RECIPE}: no such file; without its settings, the run cannot be resumed{hint}")
        raise InputError(f"{folder}: there is no run to resume; start one without --resume")
    try:
        return load_toml(Recipe, folder / RECIPE)
    except UsageError as error:
        raise InputError(
            f"{error} (if another version of hwr made this run, start a new one with "
            f"--init-from {as_argument(folder / LAST)})"
        ) from None


def _with_data(settings: "Recipe", data: tuple[Path, ...], validation: tuple[str, ...], resume: bool) -> "Recipe":
    """Return the recipe with the data of the command line; sets that only moved keep their weight and licence."""
    from hwr.train.recipe import moved, override

    for path in data:
        if data.count(path) > 1:
            raise UsageError(f"{path}: given twice; in a recipe, weight says how often a set is seen")
    if data:
        settings = override(settings, train=moved(settings.train if resume else (), data))
    if validation or data:
        paths = [Path(path) for path in validation] or [path for path in data if _has_validation(path)]
        if paths or not resume:
            settings = override(settings, validation=moved(settings.validation if resume else (), paths))
    return settings


def _fine_tuning(settings: "Recipe", always: bool, changes: dict[str, Any]) -> "tuple[Recipe, str]":
    """Return the settings for few lines if there are few, and a message about them; else the settings as they are."""
    from hwr.train import fine_tuning
    from hwr.train.recipe import override

    lines = fine_tuning.count_lines(settings)
    settings = override(settings, alphabet=changes["alphabet"])
    if not always and lines >= fine_tuning.FEW_LINES:
        return settings, ""
    settings = fine_tuning.fine_tuning_recipe(
        settings, lines, changes["hold_out"], endless=changes["minutes"] is not None
    )
    given = override(settings, minutes=changes["minutes"], lines=changes["lines"])
    return settings, fine_tuning.describe(given, lines)


def _run_folder(data: Sequence[Path]) -> Path:
    """Return `runs/NAME`, named after the first of the data."""
    if not data:
        raise UsageError("name the training data, or a run folder with -o")
    path = data[0].resolve()
    return Path("runs") / (path.parent.name if path.stem in ("train", "val", "test") else path.stem)


def _check_folder(folder: Path, dry_run: bool) -> None:
    """Check that a run folder can be written, before torch is imported and the data are opened, which takes long."""
    from hwr.files.atomic import check_writable

    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: is a file; name a folder")
    if not dry_run:
        check_writable(folder / "recipe.toml")


def _has_validation(path: Path) -> bool:
    """Return whether a store has a val split next to its training lines."""
    from hwr.store.splits import parquet_files, split_of

    return path.is_dir() and any(split_of(file) == "val" for file in parquet_files(path))


def _reporter(shown: bool, live: bool = True) -> AbstractContextManager[Any]:
    """Return a live table on a terminal, plain lines elsewhere, both on stderr; nothing unless `shown`."""
    from hwr.cli.terminal import progress_console
    from hwr.cli.train_display import LiveReporter
    from hwr.train.reporters import PlainReporter, SilentReporter

    if not shown:
        return nullcontext(SilentReporter())
    console = progress_console()
    return LiveReporter(console) if live and console.is_terminal else nullcontext(PlainReporter())
