"""`hwr export`: the ONNX files of a model, and the files of a release."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hwr.cli.base import Command, Rule
from hwr.cli.common import INSTALL_TORCH, force_option
from hwr.cli.completion import complete_model
from hwr.cli.terminal import show, size_text
from hwr.cli.values import FILE, NEW
from hwr.errors import DataError, InputError, MissingDependency, ModelError, OutputError
from hwr.text import counted

if TYPE_CHECKING:
    from hwr.files.images import GreyImage

CALIBRATION_LINES, CALIBRATION_GROUPS = 32, 4
"""Number of lines of each store that calibrate the int8 file, and of the groups from which they are taken."""


@click.command(
    "export",
    cls=Command,
    sections={
        "ONNX": ("output", "int8", "stores", "force"),
        "Release": ("folder", "data"),
    },
    examples=[
        ("hwr export my.safetensors", "Write the graph with which hwr reads without torch, next to the weights."),
        ("hwr export small -o small.onnx", "Write one file with the weights inside, for other programs."),
        ("hwr export small --int8 --calibrate data/iam", "Write the int8 file, which reads faster."),
    ],
    rules=[
        Rule("folder", excludes=("output", "int8", "force"), needs=("data",)),
        Rule("data", needs=("folder",)),
        Rule("int8", excludes=("output",), needs=("stores",)),
        Rule("stores", needs=("int8",)),
    ],
)
@click.argument("model", shell_complete=complete_model)
@click.option("-o", "--output", type=NEW, metavar="FILE", help="Write one ONNX file with the weights inside.")
@click.option("--int8", is_flag=True, help="Write the int8 file next to the weights.")
@click.option(
    "--calibrate",
    "stores",
    multiple=True,
    type=FILE,
    metavar="DATA",
    help="With --int8: training lines, on which the ranges of values are measured. Repeatable.",
)
@force_option
@click.option(
    "--release",
    "folder",
    type=NEW,
    metavar="DIR",
    help="Write all files of a release to this folder: fp16 weights, ONNX graph, model card, training log, trunk.",
)
@click.option(
    "--val", "data", multiple=True, type=FILE, metavar="DATA", help="With --release: lines to measure on. Repeatable."
)
def command(
    model: str,
    output: Path | None,
    int8: bool,
    stores: tuple[Path, ...],
    force: bool,
    folder: Path | None,
    data: tuple[Path, ...],
) -> None:
    """Write the ONNX graph of MODEL next to its weights, so that hwr reads with it without torch.

    The options write other files instead. MODEL is a name, a .safetensors file or a run folder. Graphs are compared
    with the network in torch before they are written.
    """
    from hwr.recognize.models import find_model

    weights = find_model(model).safetensors
    require_torch()
    if folder is not None:
        _release(weights, folder, data)
    elif int8:
        _export_int8(weights, stores, force)
    else:
        _export(weights, output, force)


def require_torch() -> None:
    """Raise a MissingDependency if a library that export needs is not installed."""
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # the exporter warns about shapes; parity is measured instead
    try:
        import onnx  # noqa: F401
        import safetensors  # noqa: F401
        import torch  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingDependency(f"export needs {error.name}, which is not installed; run: {INSTALL_TORCH}") from None


def _export(weights: Path, output: Path | None, force: bool) -> None:
    """Write the graph, or with `output` a self-contained file."""
    from hwr.files.atomic import atomic_write, check_free
    from hwr.model.export import export_graph, export_onnx, parity
    from hwr.model.files import GRAPH_SUFFIX

    target = output or weights.with_suffix(GRAPH_SUFFIX)
    check_free(target, force, [weights])
    with atomic_write(target) as temporary:
        try:
            (export_onnx if output else export_graph)(weights, temporary)
            difference = parity(weights, temporary)
        except (ModelError, OutputError) as error:
            raise type(error)(str(error).replace(str(temporary), str(target)) + "; nothing was written") from None
    show(f"{target}: {size_text(target.stat().st_size)}, differs from torch by at most {difference:.1e}")


def _export_int8(weights: Path, stores: tuple[Path, ...], force: bool) -> None:
    """Write the int8 file, calibrated on lines of each store."""
    from hwr.files.atomic import check_free
    from hwr.model.files import INT8_SUFFIX, read_info
    from hwr.model.quantise import export_int8

    target = weights.with_suffix(INT8_SUFFIX)
    check_free(target, force)
    height = read_info(weights).height
    lines = [ink for store in stores for ink in _some_lines(store, height)]
    export_int8(weights, target, lines)
    show(f"{target}: {size_text(target.stat().st_size)}, calibrated on {counted(len(lines), 'line')}")


def _some_lines(store: Path, height: int) -> list["GreyImage"]:
    """Return normalised training lines of a store, spread over a few of its groups."""
    from hwr.store.normalised import NormalisedLines

    source = NormalisedLines(store, height, "train" if store.is_dir() else None)
    groups = source.groups[:: -(-len(source.groups) // CALIBRATION_GROUPS)]
    lines = [line.ink for group in groups for line in source.read_group(group.index)]
    if not lines:
        raise DataError(f"{store}: no usable line")
    return lines[:: -(-len(lines) // CALIBRATION_LINES)]


def _release(weights: Path, folder: Path, data: tuple[Path, ...]) -> None:
    """Measure the weights in fp32 and fp16, write the release, and print both."""
    import tempfile

    from hwr.model.export import parity
    from hwr.model.files import read_info
    from hwr.train.release import release, write_half

    info = read_info(weights)
    with tempfile.TemporaryDirectory() as temporary:
        half = Path(temporary) / "half.safetensors"
        write_half(weights, half, info)
        validation = _measure(half, data)
    for name, figures in _measure(weights, data).items():
        validation[name]["fp32_cer"] = figures["cer"]
    target = release(weights, folder, validation)
    for name, figures in validation.items():
        change = figures["cer"] - figures["fp32_cer"]
        rates = f"CER {figures['cer']:.4f}, WER {figures['wer']:.4f}"
        show(f"{name}: {rates} on {counted(figures['lines'], 'line')}; fp16 {change:+.5f}")
    difference = parity(target, target.with_suffix(".onnx"))
    show(f"{target}: {size_text(target.stat().st_size)}; ONNX differs from torch by at most {difference:.1e}")


def _measure(weights: Path, data: tuple[Path, ...]) -> dict[str, dict[str, Any]]:
    """Return CER, WER and lines of each set, read greedily and in fp32 as the model card says."""
    from hwr.evaluate.evaluation import evaluate
    from hwr.evaluate.sets import find_sets
    from hwr.recognize.decoder import DecoderOptions
    from hwr.recognize.recognizer import Recognizer

    sets, missing = find_sets(data, "val")
    if missing:
        raise InputError(missing[0].error)
    reader = Recognizer(weights, decoder=DecoderOptions("greedy"), precision="fp32")
    evaluation = evaluate(reader, sets)
    return {
        result.source.name: {
            "cer": round(result.figures.characters.rate, 5),
            "wer": round(result.figures.words.rate, 5),
            "lines": result.figures.lines,
        }
        for result in evaluation.sets
    }
