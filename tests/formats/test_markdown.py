"""Markdown: paragraphs, divided words, tables and escapes; read back by markdown-it, a CommonMark parser."""

import re
from dataclasses import replace
from io import BytesIO
from itertools import pairwise

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from helpers.written_pages import evenly, rectangle
from hwr.formats import find_format
from hwr.formats.hyphens import Piece, join_lines, known_words
from hwr.formats.markdown import write_markdown
from hwr.formats.text import write_text
from hwr.page.page import CELL_REGION, PRINTED_TYPE, ROW_REGION, Line, Page, Region, mark_uncertain
from hwr.page.placing import turn_line

PARSER = MarkdownIt("commonmark").enable("table")


def line(text: str, x0: float, x1: float, y: float, region: str = "r1", kind: str = "default") -> Line:
    box = (x0, y - 30, x1, y + 10)
    words = evenly(text, box) if text else ()
    return Line(f"l{x0}-{y}", region, kind, text, 0.9, ((x0, y), (x1, y)), rectangle(*box), words)


def make_page(*lines: Line, kind: str = "text") -> Page:
    regions = tuple(Region(id, kind, ()) for id in dict.fromkeys(entry.region for entry in lines))
    return Page("page.png", 1000, 1400, "small", regions, lines)


def rendered(token: Token) -> str:
    """The text of a token as a reader sees it."""
    return "".join(child.content for child in token.children or ())


def blocks(markdown: str) -> list[tuple[str, str]]:
    """The tag of each block and its text."""
    tokens = PARSER.parse(markdown)
    return [(before.tag, rendered(token)) for before, token in pairwise(tokens) if token.children]


def test_lines_become_paragraphs() -> None:
    page = make_page(
        line("London, 3 May", 600, 900, 100),
        line("Dear friend,", 100, 350, 150),
        line("we came back yes-", 160, 900, 200),
        line("terday and found the house", 100, 890, 250),
        line("as we had left it.", 100, 450, 300),
        line("Your letter was here", 100, 880, 350),
        line("before us.", 100, 300, 400),
        line("After a gap", 100, 880, 490),
        line("Yours, A.", 650, 900, 540),
    )
    assert blocks(write_markdown(page)) == [
        ("p", "London, 3 May"),
        ("p", "Dear friend,"),
        ("p", "we came back yesterday and found the house as we had left it."),
        ("p", "Your letter was here before us."),
        ("p", "After a gap"),
        ("p", "Yours, A."),
    ]


def test_regions_are_paragraphs_unless_a_word_is_divided_between_them() -> None:
    first, second = line("the end of a col-", 100, 400, 100), line("umn is not an end", 500, 900, 100, "r2")
    third = line("A note", 920, 990, 100, "r3")
    assert blocks(write_markdown(make_page(first, second, third))) == [
        ("p", "the end of a column is not an end"),
        ("p", "A note"),
    ]


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_turned_page_has_the_same_paragraphs(rotation: int) -> None:
    upright = make_page(
        line("one two", 160, 900, 200),
        line("three", 100, 890, 250),
        line("Four", 160, 900, 300),
        line("five", 100, 890, 350),
    )
    lines = tuple(turn_line(entry, rotation, 1000, 1400) for entry in upright.lines)
    size = {"width": 1400, "height": 1000} if rotation in (90, 270) else {}
    assert write_markdown(replace(upright, lines=lines, rotation=rotation, **size)) == write_markdown(upright)
    assert write_markdown(upright) == "one two three\n\nFour five\n"


def test_headings_keep_their_type() -> None:
    page = make_page(line("Chapter 1", 100, 500, 100, kind="heading"), line("It was dark", 100, 900, 150, "r2"))
    assert blocks(write_markdown(page)) == [("h2", "Chapter 1"), ("p", "It was dark")]


@pytest.mark.parametrize(
    ("first", "second", "joined"),
    [
        ("the hand-", "writing", "the handwriting"),
        ("Comp=", "=agnies", "Compagnies"),
        ("ques¬", "¬tion.", "question."),
        ("aujour-", "d'hui, je", "aujourd'hui, je"),
        ("VLADIVOS-", "-TOK", "VLADIVOSTOK"),
        ("fu-", "meuse", "fumeuse"),
        ("see you to-", "morrow.", "see you to-morrow."),
        ("his mother-in-", "law came", "his mother-in-law came"),
        ("quatre-", "vingt francs", "quatre-vingt francs"),
        ("viendra-t-", "il demain", "viendra-t-il demain"),
        ("allez-", "vous bien", "allez-vous bien"),
        ("a self-", "ish man", "a selfish man"),
        ("in Well-", "ington", "in Wellington"),
        ("a well-", "known man", "a well-known man"),
        ("f(A)=", "sum", "f(A)= sum"),
        ("x=", "y", "x= y"),
        ("-do-", "-do-", "-do- -do-"),
        ("said Smith-", "Jones", "said Smith- Jones"),
        ("so -", "he said", "so - he said"),
        ("from 1850-", "1860", "from 1850- 1860"),
        ("Madam:-", "San", "Madam:- San"),
    ],
)
def test_divided_words(first: str, second: str, joined: str) -> None:
    lines = [[Piece(word) for word in text.split()] for text in (first, second)]
    assert " ".join(piece.text for piece in join_lines(lines)) == joined


def test_the_words_of_the_page_decide_about_hyphens() -> None:
    lines = [[Piece("the")], [Piece("ice-")], [Piece("cream")]]
    assert join_lines(lines)[-1].text == "icecream"
    assert join_lines(lines, known_words(["Ice-cream is cold", "his ice-", "cream"]))[-1].text == "ice-cream"
    assert join_lines([[Piece("to-")], [Piece("day")]], known_words(["today it rains"]))[-1].text == "today"


def test_an_uncertain_part_makes_the_word_uncertain() -> None:
    page = make_page(line("a hand-", 100, 900, 100), line("some word", 100, 880, 150))
    first, second = page.lines
    doubtful = replace(second, words=(replace(second.words[0], confidence=0.1), second.words[1]))
    marked = mark_uncertain(replace(page, lines=(first, doubtful)), 0.5)
    assert blocks(write_markdown(marked)) == [("p", "a [handsome?] word")]


HOSTILE = [
    "# no heading", "1. no list", "2) no list", "- no list", "+ no list", "* no list", "> no quotation", "---", "===",
    "***", "```code", "~~~code", "a_b_c *d* `e` **f**", "[link](http://x.y) ![image](z)", "<b>bold</b> <!-- c -->",
    "a | b | c", "&amp; &lt; &copy;", r"\ \\ \* end\\", "$x$ ~gone~", "#", "-", "_____", "| - | - |", "[x]: http://y",
    "a^2 {b} !c", "1234567890. many digits", "Setext\u00ad", "<http://auto.link>",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_signs_of_markdown_are_text(text: str) -> None:
    assert blocks(write_markdown(make_page(line(text, 100, 900, 100)))) == [("p", text)]


def test_signs_of_markdown_are_text_in_cells() -> None:
    cells = [line(text, 100 + 400 * (number % 2), 400 + 400 * (number % 2), 100, f"r{number // 2}")
             for number, text in enumerate(HOSTILE)]  # fmt: skip
    read = blocks(write_markdown(make_page(*cells, kind=ROW_REGION)))
    assert [entry for entry in read if entry[0] == "td"] == [("td", text) for text in HOSTILE]


def cells_of(markdown: str) -> list[list[str]]:
    """The rows of the only table, its head included."""
    html = PARSER.render(markdown)
    assert html.count("<table>") == 1
    return [re.findall(r"<t[hd]>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", html, re.DOTALL)]


def test_rows_become_a_table_whose_columns_are_those_of_the_page() -> None:
    page = make_page(
        line("Register of 1850", 300, 700, 50, "r0"),
        line("Name", 100, 250, 100, "r1", PRINTED_TYPE),
        line("Price", 800, 900, 100, "r1", PRINTED_TYPE),
        line("Smith", 100, 300, 150, "r2"),
        line("May", 420, 560, 150, "r2"),
        line("3", 850, 870, 150, "r2"),
        line("June", 430, 570, 200, "r3"),
        line("Jones", 105, 320, 250, "r4"),
        line("4", 850, 870, 250, "r4"),
        line("read and found right by me on this day", 100, 900, 350, "r5"),
        kind=ROW_REGION,
    )
    markdown = write_markdown(page)
    assert cells_of(markdown) == [
        ["Name", "", "Price"],
        ["Smith", "May", "3"],
        ["", "June", ""],
        ["Jones", "", "4"],
    ]
    assert [text for tag, text in blocks(markdown) if tag == "p"] == [
        "Register of 1850", "read and found right by me on this day",
    ]  # fmt: skip
    assert write_text(page).splitlines() == [
        "Register of 1850", "Name\t\tPrice", "Smith\tMay\t3", "\tJune\t", "Jones\t\t4",
        "read and found right by me on this day",
    ]  # fmt: skip


def test_cells_of_another_program_become_a_table() -> None:
    page = make_page(
        line("a hand-", 100, 300, 100, "c1"), line("some", 100, 300, 140, "c1"), line("b", 500, 600, 100, "c2"),
        line("c", 100, 300, 200, "c3"), line("d", 500, 600, 200, "c4"), kind=CELL_REGION,
    )  # fmt: skip
    assert cells_of(write_markdown(page)) == [["", ""], ["a handsome", "b"], ["c", "d"]]


def test_pages_are_separated_by_a_rule() -> None:
    file = BytesIO()
    writer = find_format("markdown").open(file)
    for text in ("one", "two"):
        writer.add(make_page(line(text, 100, 900, 100)), None, None)
    writer.close()
    assert PARSER.render(file.getvalue().decode()) == "<p>one</p>\n<hr />\n<p>two</p>\n"


def test_nothing_is_lost_on_odd_pages() -> None:
    bare = Line("l1", "gone", "default", "only a text", 1.0, (), ())
    assert write_markdown(Page("a", 10, 10, "m", (), (bare, replace(bare, text="")))) == "only a text\n"
    assert write_markdown(Page("a", 10, 10, "m", (), ())) == ""
