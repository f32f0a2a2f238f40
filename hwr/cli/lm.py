"""`hwr lm`: build, tune and look at language models."""

import click

from hwr.cli.lazy import LazyGroup

COMMANDS = {
    "build": "Build a character n-gram model from texts.",
    "tune": "Find the best decoder settings for a model.",
    "score": "How well a language model knows a text.",
    "convert": "Between ARPA files and .lm files.",
}
"""Each subcommand is the click command `command` of `hwr.cli.lm_NAME`."""


@click.group("lm", cls=LazyGroup, members=COMMANDS, prefix="hwr.cli.lm_")
def command() -> None:
    """Language models: what a language's next character is likely to be.

    `hwr recognize` uses the ones that ship by itself; --lm FILE takes your own.
    """
