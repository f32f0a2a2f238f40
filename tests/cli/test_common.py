"""Options that commands share: formats, and advice after an interruption."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest

from hwr.cli.common import choose_formats, make_decoder_options, parse_formats
from hwr.cli.recognize import how_to_continue
from hwr.errors import UsageError


@pytest.mark.parametrize(
    ("named", "output", "expected"),
    [
        ([], None, ["text"]),
        ([], "out/", ["text"]),
        ([], "book.pdf", ["pdf"]),
        ([], "BOOK.PDF", ["pdf"]),
        ([], "a.alto.xml", ["alto"]),
        ([], "a.xml", ["page"]),
        ([("json",)], "book.pdf", ["json"]),
        ([("json", "text"), ("json",)], "out", ["json", "text"]),
    ],
)
def test_formats_are_named_or_follow_from_the_ending(
    named: list[tuple[str, ...]], output: str | None, expected: list[str]
) -> None:
    assert [form.name for form in choose_formats(named, output)] == expected


@pytest.mark.parametrize(
    ("output", "several", "advice"),
    [
        ("a.docx", False, "choose one with --format"),
        ("a.docx", True, "choose one with --format, or write a.docx/ for a folder"),
        ("out.2024", True, None),
    ],
)
def test_an_ending_of_no_format_is_refused(output: str, several: bool, advice: str | None, tmp_path: Path) -> None:
    (tmp_path / output).mkdir()
    assert choose_formats([], str(tmp_path / output), several)[0].name == "text", "a folder"
    assert choose_formats([], f"{output}/", several)[0].name == "text", "a new folder"
    assert choose_formats([("text",)], output, several)[0].name == "text"
    if advice is None:
        assert choose_formats([], output, several)[0].name == "text"
        return
    with pytest.raises(UsageError) as caught:
        choose_formats([], output, several)
    assert str(caught.value) == f"-o a.docx: no format has the ending .docx; {advice}"


@pytest.mark.parametrize(("name", "meant"), [("txt", "text"), ("PDF", "pdf"), ("md", "markdown"), ("TEXT", "text")])
def test_an_ending_as_the_name_of_a_format_gets_a_suggestion(name: str, meant: str) -> None:
    with pytest.raises(click.BadParameter, match=rf"'{name}' is not one of .*\. Did you mean {meant}\?$"):
        parse_formats(f"json,{name}")
    with pytest.raises(click.BadParameter, match=r"overlay\.$"):
        parse_formats("docx")


def test_no_language_model_excludes_others() -> None:
    none = dict.fromkeys(("decoder", "lexicon", "weight", "insertion_bonus", "width", "unknown_cost"))
    decoding = {**none, "careful": False, "language": "auto"}
    assert make_decoder_options({**decoding, "language_models": ("none",)}).language_models == ()
    with pytest.raises(UsageError, match="--lm none cannot be combined"):
        make_decoder_options({**decoding, "language_models": ("none", "en")})


def test_names_of_formats_are_split_and_checked() -> None:
    assert parse_formats("text, alto,json") == ("text", "alto", "json")
    for text in ("", "text,", "Text", "docx"):
        with pytest.raises(click.BadParameter, match="is not one of text, markdown, json"):
            parse_formats(text)


@pytest.mark.parametrize(
    ("resumes", "read", "unfinished", "output", "advice"),
    [
        (True, 0, 1, None, "interrupted"),
        (False, 3, 0, "out/", "interrupted; the same command with --skip-existing continues"),
        (True, 0, 1, "a.pdf", "interrupted; the same command continues after the page that was read"),
        (True, 0, 12, "a.pdf", "interrupted; the same command continues after the 12 pages that were read"),
        (
            True,
            3,
            2,
            "out/",
            "interrupted; the same command with --skip-existing continues after the 2 pages that were read",
        ),
    ],
)
def test_advice_after_an_interruption(
    resumes: bool, read: int, unfinished: int, output: str | None, advice: str
) -> None:
    job: Any = SimpleNamespace(resumes=resumes, counts=SimpleNamespace(read=read), unfinished=unfinished)
    assert how_to_continue(job, output) == advice
