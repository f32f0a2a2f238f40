"""Plain English in the help of every command, in the documentation, and in the docstrings and comments of the code.

Each pattern was once common here and reads as if translated word for word.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from hwr.cli import cli

ROOT = Path(__file__).parent.parent

BANNED = {
    r"\bstands? (in|at|behind|before|above|below|beside|for itself|there)\b": "is (in)",
    r"\b(lies?|lying) (in|at|behind|beside|below|between|outside|within|there)\b": "is (in)",
    r"\bgo(es)? on\b": "continue",
    r"\bbeside\b": "next to, with",
    r"\bso (many|much|long)\b(?! (as|that))": "this many, this long",
    r"\b(is|are) no\b(?! (longer|more))": "is not a",
    r"\b(is|are) told\b|\btells?\b": "say, report, receive",
    r"\bsurest\b|\blikeliest\b": "most confident, most likely",
    r"\banew\b": "again",
    r"\bof like\b": "of similar",
    r"\bby chance\b": "at random",
    r"\bone after the other\b": "in sequence, consecutive",
    r"(?-i:\bOf (several|encrypted|documents))\b": "start with the subject",
    r"\bparted\b": "separated",
    r"\bwhatever\b": "any",
    r"\bat most so\b": "at most",
    r"\b(CUDA|graphics) cards?\b": "GPU",
    r"\bby (itself|themselves)\b": "automatically, by default",
    r"\bso far as\b|\bas yet\b": "as far as, yet",
}
"""Pattern -> what to write instead."""

ANY = re.compile("|".join(f"(?:{pattern})" for pattern in BANNED), re.IGNORECASE)

DOCUMENTS = sorted(
    [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")), *(ROOT / "docs").rglob("*.md")]
)


def faults(text: str) -> list[str]:
    """Each banned phrase with the words around it; code in backticks does not count."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "``", text, flags=re.DOTALL)
    text = re.sub(r"\s+", " ", text)
    if not ANY.search(text):
        return []
    return [
        f"...{text[max(0, found.start() - 30) : found.end() + 20]}...: write {better!r}"
        for pattern, better in BANNED.items()
        for found in re.finditer(pattern, text, re.IGNORECASE)
    ]


def prose(path: Path) -> Iterator[str]:
    """Yield the comments and docstrings of a module, and the names of its tests as sentences."""
    source = path.read_text(encoding="utf-8")
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node.name.replace("_", " ")


def helps(group: click.Group, path: str = "hwr") -> dict[str, str]:
    """The help of a group and of all its commands."""
    context = click.Context(group, info_name=path, terminal_width=100)
    texts = {path: group.get_help(context)}
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            texts |= helps(command, f"{path} {name}")
        else:
            texts[f"{path} {name}"] = command.get_help(click.Context(command, info_name=f"{path} {name}"))
    return texts


HELPS = helps(cli)


def test_the_list_finds_what_it_is_for() -> None:
    assert len(faults("The model lies in the folder and goes on\nby chance. Of several sets, one wins.")) == 4
    assert faults("The model is in the folder; `--go-on goes on`. ```\nlies in\n```") == []


@pytest.mark.parametrize("name", HELPS)
def test_help_is_plain_english(name: str) -> None:
    assert faults(HELPS[name]) == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_documents_are_plain_english(path: Path) -> None:
    assert faults(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("folder", ["hwr", "tests", "examples", "benchmarks"])
def test_docstrings_and_comments_are_plain_english(folder: str) -> None:
    modules = [path for path in (ROOT / folder).rglob("*.py") if path != Path(__file__)]
    texts = [(path.relative_to(ROOT), text) for path in modules for text in prose(path)]
    assert len(texts) > 10
    # "There is no X" is good English; what the list means is "X is no Y".
    found = [(path, faults(re.sub(r"(?i)\bthere (is|are) no\b", "", text))) for path, text in texts]
    assert [(str(path), *phrases) for path, phrases in found if phrases] == []


@pytest.mark.parametrize("name", [name for name in HELPS if name not in ("hwr", "hwr lm")])
def test_help_has_two_examples(name: str) -> None:
    _, _, examples = HELPS[name].partition("Examples:\n")
    assert len(re.findall(r"^  hwr ", examples, re.MULTILINE)) >= 2


@pytest.mark.parametrize("folder", ["hwr", "examples", "benchmarks"])
def test_docstrings_do_not_begin_with_a_question(folder: str) -> None:
    begins = re.compile(r'^\s*r?"""(What|How|Where|Which|Whether)\b.*', re.MULTILINE)
    texts = {path: path.read_text(encoding="utf-8") for path in (ROOT / folder).rglob("*.py")}
    assert len(texts) > 10
    assert [(str(path), found[0]) for path, text in texts.items() for found in begins.finditer(text)] == []
