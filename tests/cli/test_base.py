"""The help of every command, and what the click layer refuses."""

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from hwr.cli import cli, main
from hwr.cli.base import Command, Rule


def commands(group: click.Group = cli, path: tuple[str, ...] = ("hwr",)) -> Iterator[tuple[str, click.Command]]:
    """Every command that is not a group, with its full name."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


ALL = dict(commands())


def invoke(command: click.Command, *arguments: str) -> object:
    return command.main(list(arguments), standalone_mode=False)


@pytest.mark.parametrize("name", ALL)
def test_help_names_each_value_and_each_bound(name: str) -> None:
    """Click derives "x<=None" from a range without bounds, and PARSE_SIZE from the name of a function."""
    text = ALL[name].get_help(click.Context(ALL[name], info_name=name))
    assert "None" not in text
    assert not re.findall(r"\b[A-Z]+_[A-Z_]+\b", text)


@click.command(
    "sample",
    cls=Command,
    sections={"Size": ("width",)},
    examples=[("hwr sample", "Do it."), ("hwr sample --width 2", "Do it twice.")],
    rules=[
        Rule("width", excludes=("fast",), reason="it takes time"),
        Rule("skip", needs=("output",)),
    ],
)
@click.option("--width", type=int, default=1)
@click.option("--fast/--slow", default=False)
@click.option("--name", multiple=True)
@click.option("--skip", is_flag=True)
@click.option("-o", "--output")
def sample(**values: object) -> dict[str, object]:
    """Do something."""
    return values


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--width", "1", "--width", "2"], "--width was given 2 times; it takes one value"),
        (["--fast", "--slow"], "--fast/--slow was given 2 times; it takes one value"),
        (["-o", "a", "--output=b"], "-o/--output was given 2 times; it takes one value"),
        (["--fast", "--width", "1"], "--width cannot be combined with --fast: it takes time"),
        (["--skip"], "--skip needs --output"),
    ],
)
def test_options_that_exclude_each_other(arguments: list[str], message: str) -> None:
    with pytest.raises(click.UsageError) as raised:
        invoke(sample, *arguments)
    assert raised.value.format_message() == message


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        (["--name", "a", "--name", "b"], {"name": ("a", "b")}),
        (["--width", "2"], {"width": 2}),
        (["--skip", "-o", "x"], {"skip": True, "output": "x"}),
        ([], {}),
    ],
)
def test_options_that_can_be_combined(arguments: list[str], given: dict[str, object]) -> None:
    defaults = {"width": 1, "fast": False, "name": (), "skip": False, "output": None}
    assert invoke(sample, *arguments) == defaults | given


def test_verbose_may_be_given_at_the_end(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (
        ["--verbose", "models", "--jsn"],
        ["models", "--verbose"],
        ["lm", "score", "nobody", "x", "--verbose"],
    ):
        with pytest.raises(SystemExit):
            monkeypatch.setattr(sys, "argv", ["hwr", *words])
            main()
    assert capsys.readouterr().err.count("Traceback") == 1


def test_help_has_sections_and_examples() -> None:
    text = sample.get_help(click.Context(sample, info_name="hwr sample"))
    assert "\nSize:\n  --width N" in text and "\nOther options:\n  --fast / --slow" in text
    assert text.endswith("Examples:\n  hwr sample\n    Do it.\n  hwr sample --width 2\n    Do it twice.")


def test_help_of_groups_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["lm"]):
        cli.main([*words, "--help"], prog_name="hwr", standalone_mode=False)
        _, _, examples = capsys.readouterr().out.partition("\nExamples:\n")
        assert len(re.findall(r"^  hwr .*\n    \w.*", examples, re.M)) == 2, words


@pytest.mark.parametrize("name", ALL)
def test_every_help_has_two_examples_and_a_section_for_each_option(name: str) -> None:
    command = ALL[name]
    assert isinstance(command, Command)
    assert len(command.examples) >= 2
    named = {option for names in command.sections.values() for option in names}
    assert named >= {item.name for item in command.params if isinstance(item, click.Option)}


@pytest.mark.parametrize("name", ALL)
def test_a_section_names_only_options_that_exist_and_each_once(name: str) -> None:
    command = ALL[name]
    assert isinstance(command, Command)
    named = [option for names in command.sections.values() for option in names]
    assert len(set(named)) == len(named)
    assert set(named) <= {item.name for item in command.params if isinstance(item, click.Option)}


@pytest.mark.parametrize(
    ("word", "close"), [("recognise", "recognize"), ("modles", "models"), ("eval", None), ("xyzzy", None)]
)
def test_a_command_that_is_nearly_one_is_suggested(word: str, close: str | None) -> None:
    context = click.Context(cli, info_name="hwr")
    if word == "eval":
        assert cli.resolve_command(context, [word])[0] == "eval"
        return
    with pytest.raises(click.UsageError) as raised:
        cli.resolve_command(context, [word])
    expected = f"Did you mean {close}?" if close else "hwr --help lists the commands."
    assert raised.value.format_message() == f"No such command {word!r}. {expected}"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("recognize", "Missing argument 'INPUT...'. See hwr recognize --help."),
        ("recognize page.png -f pdf", "No such option '-f'. See hwr recognize --help."),
        ("lm build text.txt", "Missing option '-o' / '--output'. See hwr lm build --help."),
        ("eval store --limit many", "Invalid value for '--limit': 'many' is not a valid whole number."),
        ("train store --learning-rate 5%", "Invalid value for '--learning-rate': '5%' is not a valid number."),
        ("models --jsn", "No such option '--jsn'. Did you mean '--json'?"),
    ],
)
def test_a_usage_error_says_what_to_do(
    words: str, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["hwr", *words.split()])
    with pytest.raises(SystemExit):
        main()
    assert capsys.readouterr().err == f"hwr: error: {message}\n"


@pytest.mark.parametrize("name", ["-page 1.png", "--page.png"])
def test_a_file_that_looks_like_an_option_is_named_with_its_folder(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).touch()
    monkeypatch.setattr(sys, "argv", ["hwr", "recognize", name])
    with pytest.raises(SystemExit):
        main()
    assert capsys.readouterr().err.endswith(f" For the file of this name, write {shlex.quote(f'./{name}')}.\n")


@pytest.mark.parametrize(
    "words",
    [
        "prepare lines -o store --seed 3",
        "prepare lines -o store --split-by page",
        "calibrate store --force",
        "lm tune store --write --force",
        "lm build text.txt -o a.arpa --bits 16",
        "lm build text.txt -o a.arpa.gz --licence CC0",
        "lm convert a.lm a.arpa --bits 8",
        "synth --sheet look.png --val 5",
        "synth --sheet look.png --workers 2",
        "eval val.parquet --split test",
        "calibrate val.parquet test.parquet --split val",
        "align val.parquet --split val",
        "align line.png --text a --id-column name",
        "train store --val other --hold-out 0.1",
    ],
)
def test_an_option_without_an_effect_is_refused(
    words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["hwr", *words.split()])
    with pytest.raises(SystemExit) as left:
        main()
    option = next(word for word in reversed(words.split()) if word.startswith("--"))
    assert left.value.code == 2
    assert re.match(rf"hwr: error: {option} (needs|applies to|cannot be combined)", capsys.readouterr().err)


def test_help_of_a_subcommand(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["help", "lm", "build"], prog_name="hwr", standalone_mode=False)
    first = capsys.readouterr().out
    with pytest.raises(SystemExit):
        cli.main(["lm", "build", "--help"], prog_name="hwr")
    assert capsys.readouterr().out == first and first.startswith("Usage: hwr lm build")


def test_recognize_comes_first(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["help"], prog_name="hwr", standalone_mode=False)
    _, listed = capsys.readouterr().out.split("Commands:\n")
    assert listed.split()[0] == "recognize"


@pytest.mark.parametrize("group", [(), ("lm",)])
def test_a_group_alone_shows_its_help(
    group: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["hwr", *group])
    with pytest.raises(SystemExit) as left:
        main()
    shown = capsys.readouterr()
    assert (left.value.code, shown.out) == (2, "")
    assert shown.err.startswith(f"Usage: {' '.join(('hwr', *group))} ") and "\nCommands:\n" in shown.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["recognize", ""],
        ["recognize", "a.png", "-o", ""],
        ["convert", "a.xml", "-o", ""],
        ["convert", "a.xml", "--images", ""],
        ["prepare", "", "-o", "x"],
        ["prepare", "x", "-o", ""],
        ["train", ""],
        ["train", "x", "-o", ""],
        ["eval", ""],
        ["eval", "x", "--json", ""],
        ["lm", "build", "x", "-o", ""],
        ["synth", "--text", ""],
        ["export", "small", "-o", ""],
    ],
    ids=" ".join,
)
def test_an_empty_name_is_not_the_working_folder(arguments: list[str]) -> None:
    with pytest.raises(click.BadParameter, match="the name is empty"):
        invoke(cli, *arguments)
