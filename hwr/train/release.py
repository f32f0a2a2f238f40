"""From a run to the files that ship: fp16 weights, ONNX, model card, training log, trunk."""

import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hwr.errors import UsageError
from hwr.files.atomic import write_file
from hwr.model.checkpoint import load_weights, save_model
from hwr.model.export import export_graph
from hwr.model.files import read_info, weights_hash
from hwr.model.info import ModelInfo
from hwr.train.folder import METRICS, TRUNK

TRUNKS = "trunks"
"""Folder next to the released models, for the weights that longer runs continue from."""


def write_half(source: Path, target: Path, info: ModelInfo) -> None:
    """Write the weights of `source` in fp16 with the facts `info`, and its ONNX graph next to them.

    Raises:
        InputError, ModelError, OutputError: see `hwr.model.checkpoint` and `hwr.model.export`.
    """
    save_model(target, load_weights(source), info, half=True)
    export_graph(target, target.with_suffix(".onnx"))


def release(source: Path, folder: Path, validation: Mapping[str, Mapping[str, Any]]) -> Path:
    """Write the model `source` of a run folder to `folder` under its own name; return the weights file.

    Args:
        validation: set -> cer, wer, lines and what else was measured on the fp16 model.

    Raises:
        UsageError: the name is not one that a file can have.
        InputError, ModelError, OutputError: as `write_half`.
    """
    info = read_info(source)
    if not info.name or Path(info.name).name != info.name:
        raise UsageError(f"{source}: the name {info.name!r} cannot be that of a file; train with another --name")
    measured = {name: dict(figures) for name, figures in validation.items()}
    info = replace(info, training=_without_folders(info.training), validation=measured)
    target = folder / f"{info.name}.safetensors"
    write_half(source, target, info)
    write_file(folder / f"{info.name}.md", model_card(info, weights_hash(target)).encode())
    log = source.parent / METRICS
    if log.exists():
        write_file(folder / f"{info.name}.jsonl", log.read_bytes())
    trunk = source.parent / TRUNK
    if trunk.exists():
        path = folder / TRUNKS / f"{info.name}.safetensors"
        facts = read_info(trunk)
        facts = replace(facts, training=_without_folders(facts.training))
        save_model(path, load_weights(trunk), facts, half=True, with_auxiliary=True)
    return target


def _without_folders(training: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a training without the folders of the machine that it ran on."""
    try:
        words = shlex.split(str(training.get("command", "")))
    except ValueError:  # of another program, or unfinished quotes
        words = str(training["command"]).split(" ")
    command = shlex.join(Path(word).name if Path(word).is_absolute() else word for word in words)
    return {**training, "init_from": Path(str(training.get("init_from", ""))).stem, "command": command}


def model_card(info: ModelInfo, weights: str) -> str:
    """Return the facts of a model, and the hash of its weights, as a page to read."""
    training = info.training
    start = f"; started from the model `{training['init_from']}`" if training.get("init_from") else ""
    rows = "\n".join(
        f"| {name} | {figures['lines']:,} | {figures['cer']:.4f} | {figures['wer']:.4f} | {figures['fp32_cer']:.5f} |"
        for name, figures in info.validation.items()
    )
    sets = "\n".join(
        f"| {name} | {facts.get('lines', 0):,} | {facts.get('weight', 1.0):g} | {facts.get('licence', 'not stated')} |"
        for name, facts in info.trained_on.items()
    )
    characters = f"`` {info.alphabet.strip(' ')} ``" + (" and the space" if " " in info.alphabet else "")
    return f"""# Model `{info.name}`

Licence: {info.licence or "not stated"}.

## Reads

Lines of handwriting, normalised to {info.height} rows \
({info.normalisation} {info.normalisation_version}). {len(info.alphabet)} characters:

{characters}

## Network

`{info.spec}`, weights in fp16 (norms and biases in fp32).

SHA-256 of the weights, as `hwr models` prints it: `{weights}`.

## Trained on

| set | lines | weight | licence |
|---|---|---|---|
{sets}

{training.get("lines_seen", 0):,} lines seen in {training.get("steps", 0):,} steps, \
{training.get("minutes", 0)} minutes spent in steps; {training.get("hardware", "")}, \
{training.get("precision", "")}; seed {training.get("seed")}{start}; hwr {training.get("hwr")}, \
torch {training.get("torch")}. The log is `{info.name}.jsonl`. Made by

    {training.get("command", "")}

## Validation

Greedy decoding, no language model. Where the run validated on these sets, they also chose the weights that were kept. \
The last column is the CER of the weights before rounding to fp16.

| set | lines | CER | WER | CER in fp32 |
|---|---|---|---|---|
{rows}
"""
