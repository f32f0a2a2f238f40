"""Commands and groups of `hwr`, on top of click.

A command may sort its options into sections and show examples. An option that takes one value may be given only once;
click alone would silently use the last one. The modules of a group are imported only when they run, so that `--help` is
fast.
"""

import difflib
import importlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click
from click.core import ParameterSource

Sections = Mapping[str, Sequence[str]]
Examples = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Rule:
    """An option that excludes others or needs another; all are named as parameters, `as_lines` for `--line`.

    Attributes:
        option: the option that the rule is about.
        excludes: options that must not be given with it.
        needs: one of these must be given with it.
        reason: explanation for the message.
    """

    option: str
    excludes: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    reason: str = ""


def given_options(context: click.Context) -> dict[str, str]:
    """Return the parameters that the user gave, such as `as_lines`, with their options, such as `--line`."""
    return {
        item.name: max(item.opts, key=len)
        for item in context.command.params
        if item.name and context.get_parameter_source(item.name) is ParameterSource.COMMANDLINE
    }


def refuse(given: Mapping[str, str], names: Iterable[str], reason: str) -> None:
    """Refuse options that would have no effect.

    Args:
        given: from `given_options`.
        names: parameters of the options.
        reason: follows the option in the message.

    Raises:
        UsageError: one of them was given.
    """
    for name in names:
        if name in given:
            raise click.UsageError(f"{given[name]} {reason}")


def _be_verbose(context: click.Context, option: click.Parameter, value: bool) -> None:
    if value:
        context.find_root().obj = {"verbose": True}


VERBOSE = click.Option(
    ["--verbose"],
    is_flag=True,
    expose_value=False,
    callback=_be_verbose,
    help="Show details, and the traceback of an error.",
)
"""An option of every command, so that it may also be given at the end."""


class Command(click.Command):
    """A command with rules between its options, and with sections and examples in its help."""

    def __init__(
        self,
        *args: Any,
        sections: Sections | None = None,
        examples: Examples = (),
        rules: Sequence[Rule] = (),
        **kwargs: Any,
    ) -> None:
        """Make a command.

        Args:
            sections: title -> names of parameters (`as_lines`, not `--line`). Options in no section come last.
            examples: pairs of a command line and a description.
            rules: checked against the options that the user gave; defaults do not count.
        """
        super().__init__(*args, **kwargs)
        self.sections, self.examples, self.rules = sections or {}, examples, rules
        for param in self.params:
            if param.metavar is None and isinstance(param.type, click.types.IntParamType):
                param.metavar = "N"  # click would print INTEGER RANGE
            if isinstance(param.type, click.IntRange):
                param.type.name = "whole number"  # click would say "not a valid integer range"

    def get_params(self, context: click.Context) -> list[click.Parameter]:
        return [*super().get_params(context), VERBOSE]

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        if context.resilient_parsing:
            return super().parse_args(context, args)
        self._refuse_repeated(context, args)
        rest = super().parse_args(context, args)
        self._check_rules(context)
        return rest

    def _check_rules(self, context: click.Context) -> None:
        given = given_options(context)
        names = {item.name: max(item.opts, key=len) for item in self.params}
        for rule in self.rules:
            if rule.option not in given:
                continue
            reason = f": {rule.reason}" if rule.reason else ""
            wrong = next((other for other in rule.excludes if other in given), None)
            if wrong is not None:
                raise click.UsageError(f"{names[rule.option]} cannot be combined with {names[wrong]}{reason}", context)
            if rule.needs and not given.keys() & set(rule.needs):
                needed = " or ".join(names[other] for other in rule.needs)
                raise click.UsageError(f"{names[rule.option]} needs {needed}{reason}", context)

    def _refuse_repeated(self, context: click.Context, args: list[str]) -> None:
        _, _, order = self.make_parser(context).parse_args(list(args))
        single = [item for item in order if isinstance(item, click.Option) and not (item.multiple or item.count)]
        for option, times in Counter(single).items():
            if times > 1 and not option.is_eager:
                names = "/".join([*option.opts, *option.secondary_opts])
                raise click.UsageError(f"{names} was given {times} times; it takes one value", context)

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        options = {item.name: item for item in self.get_params(context) if isinstance(item, click.Option)}
        named = {name for names in self.sections.values() for name in names}
        rest = [name for name in options if name not in named]
        for title, names in {**self.sections, "Other options" if self.sections else "Options": rest}.items():
            records = [record for name in names if (record := options[name].get_help_record(context))]
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)

    def format_epilog(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        write_examples(self.examples, formatter)


def write_examples(examples: Examples, formatter: click.HelpFormatter) -> None:
    """Write the section of examples at the end of a help page."""
    with formatter.section("Examples"):
        for line, effect in examples:
            formatter.write(f"{'':{formatter.current_indent}}{line}\n")
            formatter.indent()
            formatter.write_text(effect)
            formatter.dedent()


class LazyGroup(click.Group):
    """A group that finds the command NAME as the click command `command` of the module `prefix` + NAME."""

    def __init__(self, *args: Any, members: Mapping[str, str], prefix: str, examples: Examples, **kwargs: Any) -> None:
        """Make a group.

        Args:
            members: name of each command with the line of help that is shown for it.
            prefix: the start of the full names of their modules.
            examples: pairs of a command line and a description.
        """
        super().__init__(*args, **kwargs)
        self.members, self.prefix, self.examples = members, prefix, examples

    def list_commands(self, context: click.Context) -> list[str]:
        return list(self.members)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in self.members:
            return None
        command: click.Command = importlib.import_module(f"{self.prefix}{name}").command
        return command

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in self.members and not name.startswith("-") and not context.resilient_parsing:
            close = difflib.get_close_matches(name, self.members, n=1)
            advice = f"Did you mean {close[0]}?" if close else f"{context.command_path} --help lists the commands."
            raise click.UsageError(f"No such command {name!r}. {advice}", context)
        return super().resolve_command(context, args)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self.members.items()))

    def format_epilog(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        write_examples(self.examples, formatter)
