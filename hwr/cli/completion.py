"""Completion of values by the Tab key: names of models, languages, formats and commands."""

from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def completing(names: Callable[[], Iterable[str]], *, files: bool = False, listed: bool = False) -> Complete:
    """Return a function that completes names, for the argument `shell_complete` of click's options.

    Args:
        names: returns all names.
        files: also complete names of files.
        listed: the value is a list of names with commas between them.
    """

    def complete(context: click.Context, option: click.Parameter, incomplete: str) -> list[CompletionItem]:
        before, comma, last = incomplete.rpartition(",") if listed else ("", "", incomplete)
        found = [CompletionItem(before + comma + name) for name in names() if name.startswith(last)]
        # The file comes first: bash forgets what came before it.
        return [CompletionItem(incomplete, type="file"), *found] if files else found

    return complete


def _models() -> Iterable[str]:
    from hwr.recognize.models import model_names

    return model_names()


def _language_models() -> Iterable[str]:
    from hwr.recognize.models import language_model_names

    return language_model_names()


def _formats() -> Iterable[str]:
    from hwr.formats import FORMATS

    return FORMATS


complete_model = completing(_models, files=True)
complete_language = completing(lambda: ["auto", *_language_models()])
complete_language_model = completing(lambda: ["none", "shipped", *_language_models()], files=True)
complete_formats = completing(_formats, listed=True)


def complete_command(context: click.Context, option: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the name of a command, or of a subcommand if the context has the names before it."""
    assert context.parent is not None
    found: click.Command | None = context.parent.command
    for name in context.params.get("names") or ():
        found = found.get_command(context, name) if isinstance(found, click.Group) else None
    names = found.list_commands(context) if isinstance(found, click.Group) else []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]
