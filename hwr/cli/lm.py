"""`hwr lm`: build, tune and look at language models."""

import importlib

import click

COMMANDS = {
    "build": "Build a character n-gram model from texts.",
    "tune": "Find the best decoder settings for a model.",
    "score": "How well a language model knows a text.",
    "convert": "Between ARPA files and .lm files.",
}
"""Each subcommand is the click command `command` of `hwr.cli.lm_NAME`."""


class LazyGroup(click.Group):
    """A group that imports a subcommand's module only when it runs."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"hwr.cli.lm_{name}").command
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group("lm", cls=LazyGroup)
def command() -> None:
    """Language models: what a language's next character is likely to be.

    `hwr recognize` uses the ones that ship by itself; --lm FILE takes your own.
    """
