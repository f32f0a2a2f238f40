"""`hwr help`: the same help as `--help`, for users who do not know that option."""

import click

from hwr.cli.base import Command
from hwr.cli.completion import complete_command
from hwr.cli.terminal import show


@click.command(
    "help",
    cls=Command,
    examples=[
        ("hwr help", "List the commands."),
        ("hwr help lm build", "Show the help of a subcommand, as hwr lm build --help does."),
    ],
)
@click.argument("names", metavar="[COMMAND]...", nargs=-1, shell_complete=complete_command)
@click.pass_context
def command(context: click.Context, /, names: tuple[str, ...]) -> None:
    """Show the help of hwr or of COMMAND."""
    assert context.parent is not None
    context = context.parent
    for name in names:
        group = context.command
        if not isinstance(group, click.Group):
            raise click.UsageError(f"{context.command_path} has no subcommands")
        _, found, _ = group.resolve_command(context, [name])
        assert found is not None
        context = click.Context(found, info_name=name, parent=context)
    show(context.get_help())
