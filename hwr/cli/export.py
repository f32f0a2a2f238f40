"""`hwr export`: the ONNX file of a model."""

import os
from pathlib import Path

import click

from hwr.errors import MissingDependency, OutputError, UsageError


@click.command(name="export")
@click.argument("model")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="The file to write; beside the weights if not given."
)
@click.option("--force", is_flag=True, help="Replace a file that `hwr export` did not write.")
def command(model: str, output: Path | None, force: bool) -> None:
    """Write the ONNX file of MODEL, a name or a .safetensors file, for reading without torch.

    The file is compared with the network in torch before it is kept.
    """
    from hwr.recognize.models import find_model

    files = find_model(model)
    if files.safetensors is None:
        raise UsageError(f"{model}: there are no weights (.safetensors) to export")
    target = output or files.safetensors.with_suffix(".onnx")
    if target.exists() and not force and not _is_ours(target):
        raise OutputError(f"{target}: exists and was not written by `hwr export`; --force replaces it")
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # the exporter warns of shapes; parity is measured below
    try:
        from hwr.model.export import export_onnx, parity
    except ModuleNotFoundError as error:
        raise MissingDependency(
            f"export needs {error.name}, which is not installed; "
            "run: pip install torch==2.11.0 torchaudio==2.11.0 onnx safetensors"
        ) from None
    export_onnx(files.safetensors, target)
    difference = parity(files.safetensors, target)
    click.echo(f"{target}: {target.stat().st_size / 1e6:.1f} MB, differs from torch by at most {difference:.1e}")


def _is_ours(path: Path) -> bool:
    """True for a file that `hwr export` wrote, from whatever weights: writing it anew loses nothing."""
    from hwr.errors import InputError
    from hwr.recognize.runtimes.onnx import load_onnx

    try:
        load_onnx(path)
    except InputError:
        return False
    return True
