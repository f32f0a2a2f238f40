"""`hwr export`: the ONNX files of a model, and the files of a release."""

import os
from pathlib import Path
from typing import Any

import click

from hwr.cli.base import Command, Rule
from hwr.errors import InputError, MissingDependency, ModelError, OutputError


@click.command(
    "export",
    cls=Command,
    sections={"One model": ("output", "force"), "A release": ("folder", "data")},
    examples=[
        ("hwr export my.safetensors", "Write the graph that reading without torch needs."),
        ("hwr export small -o small.onnx", "Write one ONNX file for other programs."),
    ],
    rules=[Rule("folder", excludes=("output",), needs=("data",)), Rule("data", needs=("folder",))],
)
@click.argument("model")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Write one ONNX file with the weights inside, for other programs.",
)
@click.option("--force", is_flag=True, help="Replace a file that `hwr export` did not write.")
@click.option(
    "--release",
    "folder",
    type=click.Path(path_type=Path),
    help="Write the files of a release to this folder: fp16 weights, ONNX graph, model card, training log, trunk.",
)
@click.option(
    "--val",
    "data",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="DATA",
    help="Data to measure the release on. May be repeated.",
)
def command(model: str, output: Path | None, force: bool, folder: Path | None, data: tuple[Path, ...]) -> None:
    """Write the ONNX graph of MODEL next to its weights, for reading without torch; or, with -o, a file for others.

    MODEL is a name, a .safetensors file or a run folder. Each ONNX file is compared with the network in torch before it
    is written.
    """
    from hwr.recognize.models import find_model

    weights = find_model(model).safetensors
    require_torch()
    if folder is not None:
        _release(weights, folder, data)
    else:
        _export(weights, output, force)


def require_torch() -> None:
    """Raise a MissingDependency if a library that export needs is not installed."""
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # the exporter warns of shapes; parity is measured instead
    try:
        import onnx  # noqa: F401
        import safetensors  # noqa: F401
        import torch  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingDependency(
            f"export needs {error.name}, which is not installed; "
            "run: pip install torch==2.11.0 torchaudio==2.11.0 onnx safetensors"
        ) from None


def _export(weights: Path, output: Path | None, force: bool) -> None:
    """Write the graph, or with `output` a self-contained file."""
    from hwr.files.atomic import atomic_write
    from hwr.model.export import export_graph, export_onnx, parity
    from hwr.model.files import GRAPH_SUFFIX

    target = output or weights.with_suffix(GRAPH_SUFFIX)
    if target.is_dir():
        raise OutputError(f"{target}: a folder; name the ONNX file")
    if target.exists() and not force and not _is_ours(target):
        raise OutputError(f"{target}: exists and was not written by `hwr export`; --force replaces it")
    with atomic_write(target) as temporary:
        (export_onnx if output else export_graph)(weights, temporary)
        try:
            difference = parity(weights, temporary)
        except ModelError as error:
            raise ModelError(str(error).replace(str(temporary), str(target)) + "; nothing was written") from None
    click.echo(f"{target}: {target.stat().st_size / 1e6:.2f} MB, differs from torch by at most {difference:.1e}")


def _is_ours(path: Path) -> bool:
    """Return whether `hwr export` wrote a file: then nothing is lost when it is written again."""
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    from hwr.model.graph import SPEC_KEY

    try:
        model = onnx.load(path, load_external_data=False)
    except (DecodeError, OSError):
        return False
    return any(entry.key == SPEC_KEY for entry in model.metadata_props)


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
        click.echo(f"{name}: {rates} on {figures['lines']} lines; fp16 {change:+.5f}")
    difference = parity(target, target.with_suffix(".onnx"))
    click.echo(f"{target}: {target.stat().st_size / 1e6:.1f} MB; ONNX differs from torch by at most {difference:.1e}")


def _measure(weights: Path, data: tuple[Path, ...]) -> dict[str, dict[str, Any]]:
    """Return CER, WER and lines of each set, read as `hwr eval` reads."""
    from hwr.evaluate.evaluation import evaluate
    from hwr.evaluate.sets import find_sets
    from hwr.recognize.recognizer import Recognizer

    sets, missing = find_sets(data, "val")
    if missing:
        raise InputError(missing[0].error)
    reader = Recognizer(weights)
    evaluation = evaluate(reader, reader.alphabet, sets)
    return {
        result.source.name: {
            "cer": round(result.figures.characters.rate, 5),
            "wer": round(result.figures.words.rate, 5),
            "lines": result.figures.lines,
        }
        for result in evaluation.sets
    }
