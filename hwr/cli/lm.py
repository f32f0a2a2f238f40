"""`hwr lm`: build, tune and inspect language models."""

import click

from hwr.cli.base import LazyGroup

COMMANDS = {
    "build": "Build a character n-gram model from texts.",
    "tune": "Find the best decoder settings for a model.",
    "score": "Measure how well a language model predicts a text.",
    "convert": "Convert between ARPA files and .lm files.",
}
"""Each subcommand is the click command `command` of `hwr.cli.lm_NAME`."""

EXAMPLES = (
    ("hwr lm build letters.txt -o my.lm", "Build a language model from texts of your own."),
    ("hwr recognize page.png --lm my.lm", "Read a page with it."),
)


@click.group("lm", cls=LazyGroup, members=COMMANDS, prefix="hwr.cli.lm_", examples=EXAMPLES)
def command() -> None:
    """Build, tune and inspect language models, which predict the next character of a text.

    `hwr recognize` uses the installed ones by default; its option --lm FILE takes your own.
    """
