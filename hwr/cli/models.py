"""`hwr models`: the models that are installed."""

import json
from typing import TYPE_CHECKING, Any

import click

from hwr.cli.base import Command
from hwr.cli.terminal import say, show, size_text
from hwr.recognize import DEFAULT_MODEL

if TYPE_CHECKING:
    from hwr.recognize.models import InstalledModel

COMPILED, NUMPY = "compiled", "NumPy"


@click.command(
    "models",
    cls=Command,
    sections={"Result": ("as_json",)},
    examples=[
        ("hwr models", "Print name, size, licence and error rates of each installed model."),
        ("hwr models --json", "Print the same for a program."),
    ],
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list with one object per model.")
def command(as_json: bool) -> None:
    """List the models that are installed: size, licence, alphabet, parameters, error rate on each validation set."""
    from hwr.recognize.models import installed_models, language_model_names, models_folder

    models = installed_models()
    if as_json:
        facts = [describe(model) for model in models]
        show(json.dumps(facts, ensure_ascii=False, indent=2))
        return
    if not models:
        say(f"no models in {models_folder()}")
        return
    for model in models:
        show(as_text(describe(model)))
    show(f"language models: {', '.join(language_model_names()) or 'none'}")
    reason = missing_search()
    show(f"beam search: {COMPILED if reason is None else f'{NUMPY}, which is slower: {reason}'}")
    if reason is not None:
        say("to compile the beam search, install a C compiler and hwr again")


def missing_search() -> str | None:
    """Return the reason why the compiled beam search does not run; None if it does."""
    from hwr.decode.compiled import open_library

    try:
        open_library()
    except OSError as error:
        return str(error)
    return None


def describe(model: "InstalledModel") -> dict[str, Any]:
    """Return the facts of a model, as `--json` prints them.

    `cer` maps a validation set to its character error rate; the first of `precisions` is the default.
    """
    from hwr.model.files import weights_hash
    from hwr.recognize.models import precisions

    return {
        "name": model.files.name,
        "default": model.files.name == DEFAULT_MODEL,
        "bytes": model.bytes,
        "parameters": model.parameters,
        "weights": weights_hash(model.files.safetensors),
        "licence": model.info.licence,
        "alphabet_size": len(model.info.alphabet),
        "cer": {name: facts.get("cer") for name, facts in sorted(model.info.validation.items())},
        "onnx": model.files.graph is not None,
        "precisions": list(precisions(model.files.safetensors)),
        "file": str(model.files.safetensors),
        "search": COMPILED if missing_search() is None else NUMPY,
    }


RATES_IN_LINE = 4
BETWEEN_LINES = ",\n" + 12 * " "
"""Separator of two lines of error rates; the second begins below the first."""


def as_text(facts: dict[str, Any]) -> str:
    """Return a model as text: its name, then one fact in each line."""
    rates = [f"{name} {rate:.4f}" for name, rate in facts["cer"].items() if rate is not None]
    lines = [", ".join(rates[first : first + RATES_IN_LINE]) for first in range(0, len(rates), RATES_IN_LINE)]
    rows = {
        "size": f"{size_text(facts['bytes'])}, {facts['parameters']:,} parameters",
        "licence": facts["licence"] or "not stated",
        "alphabet": f"{facts['alphabet_size']} characters",
        "CER": f"{BETWEEN_LINES.join(lines)}, read greedily" if rates else "not measured",
        "weights": facts["weights"],
        "network": " (default) or ".join(facts["precisions"]),
        "file": facts["file"] + ("" if facts["onnx"] else "  (no ONNX graph yet)"),
    }
    name = facts["name"] + (" (default)" if facts["default"] else "")
    return "\n".join([name, *(f"  {title:9} {value}" for title, value in rows.items())])
