"""A group of commands whose modules are imported only when they run, so that `--help` stays fast."""

import importlib
from collections.abc import Mapping
from typing import Any

import click


class LazyGroup(click.Group):
    """A group that finds the command NAME as the click command `command` of the module `prefix` + NAME."""

    def __init__(self, *args: Any, members: Mapping[str, str], prefix: str, **kwargs: Any) -> None:
        """Make a group.

        Args:
            members: name of each command with the line of help that is shown for it.
            prefix: what stands before the name in the full name of its module.
        """
        super().__init__(*args, **kwargs)
        self.members, self.prefix = members, prefix

    def list_commands(self, context: click.Context) -> list[str]:
        return list(self.members)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in self.members:
            return None
        command: click.Command = importlib.import_module(f"{self.prefix}{name}").command
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self.members.items()))
