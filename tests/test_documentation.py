"""The documents agree with the project: their links lead somewhere, and the options that they name exist."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from hwr.cli import cli

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(
    [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "data/README.md")),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "checkpoints").glob("*.md"),
        *(ROOT / "examples").rglob("*.md"),
    ]
)
IN_REPOSITORY = re.compile(r"`((?:hwr|tests|benchmarks|recipes|examples|docs|checkpoints|requirements)/[\w./-]+)`")
PLACEHOLDER = re.compile(r"[A-Z]{2,}")
"""Part of a path that stands for any name, such as hwr/formats/NAME.py."""


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def without_code(text: str) -> str:
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, by the rules of GitHub."""
    headings = re.findall(r"^#+ (.+)$", without_code(document.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(document: Path) -> Iterator[str]:
    """Yield each link to a file or heading that does not exist, and each path in the repository that does not."""
    text = without_code(document.read_text(encoding="utf-8"))
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith(("https://", "http://")):
            continue
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield link
    for path in IN_REPOSITORY.findall(text):
        if not (ROOT / path).exists() and not PLACEHOLDER.search(path):
            yield path


def commands(text: str) -> Iterator[list[str]]:
    """Yield the words of each `hwr` command line in a document, in code blocks and between backticks."""
    blocks = re.findall(r"```.*?\n(.*?)```", text, re.DOTALL)
    indented = re.findall(r"^    (?:hwr .*)$", text, re.MULTILINE)
    inline = re.findall(r"`([^`\n]+)`", without_code(text).replace("\n", " "))
    for line in "\n".join([*blocks, *indented, *inline]).replace("\\\n", " ").splitlines():
        # A description follows some commands after several spaces, a comment after #.
        for call in re.findall(r"(?:^|\s|run: )(hwr [a-z].*)", re.split(r"\s#\s|(?<=\S)\s{3,}", line.strip(" $"))[0]):
            try:
                yield shlex.split(call)
            except ValueError:  # an ellipsis or an apostrophe of a sentence
                continue


def unknown_options(words: list[str]) -> Iterator[str]:
    """Yield the options of a command line that its command does not have."""
    command: click.Command = cli
    context = click.Context(cli)
    known = {option for parameter in cli.params for option in parameter.opts}
    for word in words[1:]:
        if isinstance(command, click.Group) and (found := command.get_command(context, word)) is not None:
            command = found
            known |= {option for parameter in found.params for option in (*parameter.opts, *parameter.secondary_opts)}
        elif re.fullmatch(r"--?[a-z][a-z0-9-]*", word) and word not in known | {"--help", "-h"}:
            yield f"{' '.join(words)}: {word}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=names(DOCUMENTS))
def test_links_lead_somewhere(document: Path) -> None:
    assert list(broken_links(document)) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=names(DOCUMENTS))
def test_options_of_commands_exist(document: Path) -> None:
    found = commands(document.read_text(encoding="utf-8"))
    assert [wrong for words in found for wrong in unknown_options(words)] == []


def test_broken_links_and_unknown_options_are_found(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text("# A title\n[a](missing.md) [b](#a-title) [c](#other) `hwr/none.py` `hwr/NAME.py`\n")
    assert list(broken_links(document)) == ["missing.md", "#other", "hwr/none.py"]
    calls = list(
        commands("```\nhwr eval DATA --limt 3     read --few\n$ hwr lm build a.txt -o a.lm\n```\n`hwr train --x`")
    )
    assert [wrong for words in calls for wrong in unknown_options(words)] == [
        "hwr eval DATA --limt 3: --limt",
        "hwr train --x: --x",
    ]


def test_the_documents_contain_commands() -> None:
    assert sum(len(list(commands(document.read_text(encoding="utf-8")))) for document in DOCUMENTS) > 100


def test_the_tour_names_what_is_in_the_code() -> None:
    """Each name in a stop of the tour is in one of the files of that stop."""
    tour = (ROOT / "docs" / "tour.md").read_text(encoding="utf-8")
    stops = re.findall(r"^\*\*\d+\..*?(?=^\*\*\d+\.|^## )", tour, re.DOTALL | re.MULTILINE)
    assert len(stops) == 12
    for stop in stops:
        code = "".join(
            (ROOT / path).read_text(encoding="utf-8")
            for path in re.findall(r"`((?:hwr|tests)/[\w/]+\.(?:py|c))`", stop)
        )
        names = {name for words in re.findall(r"`([A-Za-z_][\w.]*)`", stop) for name in words.split(".")}
        missing = {name for name in names - {"py"} if not re.search(rf"\b{name}\b", code)}
        assert missing == set(), stop.splitlines()[0]
