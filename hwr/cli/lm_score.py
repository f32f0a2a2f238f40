"""`hwr lm score`: measure how well a language model predicts a text."""

import math
from pathlib import Path

import click

from hwr.cli.base import Command
from hwr.cli.common import load_each, text_options
from hwr.cli.terminal import show
from hwr.cli.values import FILE
from hwr.errors import Outcome


@click.command(
    "score",
    cls=Command,
    sections={"Texts": ("wrap", "plain"), "Result": ("per_line",)},
    examples=[
        ("hwr lm score fr letters.txt", "Print the bits per character of a text in an installed model."),
        ("hwr lm score my.lm data/iam --per-line", "Print the probability of each training transcript of a store."),
    ],
)
@click.argument("model", metavar="LM", type=str)
@click.argument("texts", nargs=-1, required=True, metavar="TEXT...", type=FILE)
@text_options
@click.option("--per-line", is_flag=True, help="Print each line after the base-10 logarithm of its probability.")
def command(model: str, texts: tuple[Path, ...], wrap: int, plain: bool, per_line: bool) -> Outcome:
    """Print the bits per character of each TEXT (a text file or line store) in the language model LM."""
    from hwr.lm.corpus import load_text
    from hwr.lm.scorer import score_lines, text_log_probabilities
    from hwr.recognize.models import find_language_model

    loaded = find_language_model(model)
    read, failed = load_each(texts, lambda path: (path, load_text(path, wrap=wrap, plain=plain)))
    for path, text in read:
        if per_line:
            values = text_log_probabilities(loaded, text.lines)
            for value, line in zip(values, text.lines, strict=True):
                show(f"{value / math.log(10.0):.4f}\t{line}")
        else:
            score = score_lines(loaded, text.lines)
            show(
                f"{path}\t{score.bits:.4f} bits per character\t{score.characters:,} characters and line ends"
                f"\t{score.unknown:,} unknown"
            )
    return Outcome(len(read), failed)
