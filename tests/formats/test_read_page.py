"""PAGE XML of several versions and programs."""

import re
import time

import pytest

from helpers.page_files import page_line, page_region, page_xml
from hwr.errors import InputError
from hwr.formats import find_format, to_bytes
from hwr.formats.read_file import read_page_file, read_xml_pages
from hwr.formats.read_page import BAD_INDEX, BROKEN_WORDS, NO_LINES
from hwr.formats.read_xml import BAD_BASELINE, BAD_CONFIDENCE, BAD_OUTLINE, BAD_SIZE, BAD_WORDS
from hwr.page.completing import REPEATED_ID
from hwr.page.page import Page


def read(body: str, **options: object) -> Page:
    return read_page_file(page_xml(body, **options), "a.xml")  # type: ignore[arg-type]


def texts(page: Page) -> list[str]:
    return [line.text for line in page.lines]


def test_a_line_with_everything() -> None:
    words = (
        '<Word id="w1"><Coords points="20,5 90,5 90,38 20,38"/>'
        '<TextEquiv conf="0.75"><Unicode>ab</Unicode></TextEquiv></Word>'
        '<Word id="w2"><Coords points="100,8 200,9 200,40"/><TextEquiv><Unicode>&amp;cd</Unicode></TextEquiv></Word>'
    )
    line = (
        '<TextLine id="t1" custom="readingOrder {index:0;} structure {type:heading\\u0020big;}">'
        '<Coords points="20,0 380,0 380,40.5 20,40"/><Baseline points="20,30 200,32 380,30"/>'
        f'{words}<TextEquiv index="1"><Unicode>worse</Unicode></TextEquiv>'
        '<TextEquiv index="0" conf="0.5"><PlainText>no</PlainText><Unicode>ab &amp;cd</Unicode></TextEquiv></TextLine>'
    )
    page = read(page_region("r7", line, 'type="paragraph" custom="structure {type:marginalia;}"'), size=(400, 300))
    assert (page.image, page.width, page.height, page.model) == ("scan.png", 400, 300, "")
    assert [(region.id, region.type, len(region.polygon)) for region in page.regions] == [("r7", "marginalia", 4)]
    (found,) = page.lines
    assert (found.id, found.region, found.type) == ("t1", "r7", "heading big")
    assert (found.text, found.confidence) == ("ab &cd", 0.5)
    assert found.baseline == ((20, 30), (200, 32), (380, 30))
    assert found.polygon == ((20, 0), (380, 0), (380, 40.5), (20, 40))
    assert [(word.text, word.confidence, word.box) for word in found.words] == [
        ("ab", 0.75, (20, 5, 90, 38)),
        ("&cd", 1.0, (100, 8, 200, 40)),
    ]


def test_every_line_and_region_gets_an_id_of_its_own() -> None:
    own = page_line("l2", 0, "a") + page_line("", 50, "b") + page_line("l2", 100, "c")
    order = (
        '<ReadingOrder><OrderedGroup id="g"><RegionRefIndexed index="0" regionRef="r1"/></OrderedGroup></ReadingOrder>'
    )
    regions = page_region("", own) + page_region("r1", page_line("l9", 200, "d"))
    page = read(order + regions)
    assert [(line.region, line.id, line.text) for line in page.lines] == [
        ("r1", "l9", "d"),
        ("r1_2", "l2", "a"),
        ("r1_2", "l3", "b"),
        ("r1_2", "l2_2", "c"),
    ]
    assert page.notes == (("l2_2", REPEATED_ID),)


def test_lines_of_two_regions_with_one_id_stay_apart() -> None:
    page = read(page_region("r", page_line("a", 0, "one")) + page_region("r", page_line("b", 100, "two")))
    assert [(line.region, line.text) for line in page.lines] == [("r", "one"), ("r_2", "two")]
    back = read_page_file(to_bytes(find_format("page"), page), "a.xml")
    assert [region.polygon for region in back.regions] == [region.polygon for region in page.regions]


@pytest.mark.parametrize(
    "namespace",
    [
        "http://schema.primaresearch.org/PAGE/gts/pagecontent/2010-03-19",
        "http://schema.primaresearch.org/PAGE/gts/pagecontent/2017-07-15",
        "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15",
    ],
)
def test_versions(namespace: str) -> None:
    page = read(page_region("r", page_line("l", 0, "text"), 'type="caption"'), version=namespace)
    assert (texts(page), page.regions[0].type, page.lines[0].type) == (["text"], "caption", "default")


def test_points_as_elements_as_in_2010() -> None:
    corners = "".join(f'<Point x="{x}" y="{y}"/>' for x, y in ((5, 6), (90, 6), (90, 30), (5, 30)))
    line = f'<TextLine id="l"><Coords>{corners}</Coords><TextEquiv><Unicode>x</Unicode></TextEquiv></TextLine>'
    page = read(f'<TextRegion id="r"><Coords>{corners}</Coords>{line}</TextRegion>')
    assert page.lines[0].polygon == page.regions[0].polygon == ((5, 6), (90, 6), (90, 30), (5, 30))


def test_reading_order_of_nested_groups_then_the_rest() -> None:
    order = (
        '<ReadingOrder><OrderedGroup id="g"><RegionRefIndexed index="2" regionRef="a"/>'
        '<UnorderedGroupIndexed id="u" index="1"><RegionRef regionRef="c"/></UnorderedGroupIndexed>'
        '<OrderedGroupIndexed id="h" index="0"><RegionRefIndexed index="1" regionRef="d"/>'
        '<RegionRefIndexed index="0" regionRef="b"/></OrderedGroupIndexed></OrderedGroup></ReadingOrder>'
    )
    regions = "".join(page_region(id, page_line(f"l{id}", 0, id)) for id in "eabcd")
    assert texts(read(order + regions)) == ["b", "d", "c", "a", "e"]


def test_order_by_custom_without_another_order() -> None:
    regions = "".join(
        page_region(id, page_line(f"l{id}", 0, id), f'custom="readingOrder {{index:{rank};}}"')
        for id, rank in (("a", 10), ("b", 9), ("c", 1))
    )
    assert texts(read(regions)) == ["c", "b", "a"]
    lines = "".join(
        page_line(str(rank), 50 * rank, str(rank), more=f'custom="readingOrder {{index:{rank};}}"')
        for rank in (2, 0, 1)
    )
    assert texts(read(page_region("r", lines))) == ["0", "1", "2"]
    assert texts(read(page_region("r", lines + page_line("x", 0, "x")))) == ["2", "0", "1", "x"]


def test_nested_regions_come_with_the_region_around_them() -> None:
    inner = page_region("inner", page_line("i", 50, "inner"))
    order = (
        '<ReadingOrder><OrderedGroup id="g"><RegionRefIndexed index="0" regionRef="z"/>'
        '<RegionRefIndexed index="1" regionRef="outer"/></OrderedGroup></ReadingOrder>'
    )
    body = order + page_region("outer", page_line("o", 0, "outer") + inner) + page_region("z", page_line("z", 0, "z"))
    page = read(body)
    assert texts(page) == ["z", "outer", "inner"]
    assert [line.region for line in page.lines] == ["z", "outer", "inner"]


def test_tables_of_both_kinds_are_read_row_by_row() -> None:
    def cell(row: int, column: int) -> str:
        return (
            f'<TableCell id="c{row}{column}" row="{row}" col="{column}"><Coords points="0,0 9,0 9,9 0,9"/>'
            f"{page_line(f'l{row}{column}', 0, f'{row}{column}')}</TableCell>"
        )

    cells = "".join(cell(row, column) for column in (0, 1) for row in (0, 1, 10))
    page = read(f'<TableRegion id="t"><Coords points="0,0 9,0 9,9"/>{cells}</TableRegion>')
    assert texts(page) == ["00", "01", "10", "11", "100", "101"]
    assert {region.type for region in page.regions} == {"cell"} and "t" not in {r.id for r in page.regions}

    def region(row: int, column: int) -> str:
        role = f'<Roles><TableCellRole rowIndex="{row}" columnIndex="{column}"/></Roles>'
        return page_region(f"c{row}{column}", role + page_line(f"l{row}{column}", 0, f"{row}{column}"))

    regions = "".join(region(row, column) for column in (0, 1) for row in (1, 0))
    assert texts(read(f'<TableRegion id="t">{regions}</TableRegion>')) == ["00", "01", "10", "11"]


def test_images_have_no_lines_and_are_not_regions() -> None:
    picture = '<ImageRegion id="i"><Coords points="0,0 9,0 9,9"/></ImageRegion>'
    page = read(picture + page_region("empty", "") + page_region("r", page_line("l", 0, "x")))
    assert [region.id for region in page.regions] == ["empty", "r"]


def test_text_from_words_and_glyphs_as_kraken_has_it() -> None:
    def word(text: str, glyphs: bool) -> str:
        if glyphs:
            inner = "".join(
                f'<Glyph id="g"><TextEquiv conf="0.9"><Unicode>{letter}</Unicode></TextEquiv></Glyph>'
                for letter in text
            )
        else:
            inner = f"<TextEquiv><Unicode>{text}</Unicode></TextEquiv>"
        return f'<Word id="w"><Coords points="0,0 9,0 9,9"/>{inner}</Word>'

    def line(*words: str) -> str:
        return page_region("r", f'<TextLine id="l"><Coords points="0,0 99,0 99,9"/>{"".join(words)}</TextLine>')

    assert texts(read(line(word("ab", False), word("c", False)))) == ["ab c"]
    with_blanks = read(line(word("ab", True), word(" ", True), word("c", True), word(".", True)))
    assert texts(with_blanks) == ["ab c."]
    assert [(w.text, w.confidence) for w in with_blanks.lines[0].words] == [("ab", 0.9), ("c.", 0.9)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Nobody ist hurt", ["Nobody", "ist", "hurt"]),
        ("Nobody was hurt here", ["Nobody", "was", "hurt", "here"]),
        ("Nobody", ["Nobody"]),
    ],
)
@pytest.mark.parametrize("name", ["tsv", "hocr", "alto"])
def test_a_corrected_line_is_written_with_its_words(name: str, text: str, words: list[str]) -> None:
    """Editors change the text of a line and leave its words as they were."""
    old = "".join(
        f'<Word id="w{x}"><Coords points="{x},0 {x + 40},0 {x + 40},30 {x},30"/>'
        f'<TextEquiv conf="0.7"><Unicode>{word}</Unicode></TextEquiv></Word>'
        for x, word in ((10, "Nobody"), (60, "is"), (110, "heart"))
    )
    given = f"<TextEquiv><Unicode>{text}</Unicode></TextEquiv>"
    line = f'<TextLine id="l"><Coords points="0,0 200,0 200,30 0,30"/>{old}{given}</TextLine>'
    page = read(page_region("r", line))
    written = to_bytes(find_format(name), page).decode()
    found = {
        "tsv": lambda: [row.split("\t")[11] for row in written.splitlines() if row.startswith("5\t")],
        "hocr": lambda: re.findall(r'class="ocrx_word"[^>]*>([^<]*)<', written),
        "alto": lambda: " ".join(re.findall(r'CONTENT="([^"]*)"', written)).split(),
    }
    assert found[name]() == words
    assert "heart" not in written and "Nobody" in written


def test_a_word_without_a_place_leaves_no_words() -> None:
    words = (
        "<Word><TextEquiv><Unicode>a</Unicode></TextEquiv></Word>"
        '<Word><Coords points="0,0 9,0 9,9"/><TextEquiv><Unicode>b</Unicode></TextEquiv></Word>'
    )
    body = f'<TextLine id="l"><Coords points="0,0 99,0 99,9"/>{words}</TextLine>'
    (line,) = read(page_region("r", body)).lines
    assert (line.text, line.words) == ("a b", ())


def test_missing_ids_texts_and_places() -> None:
    lines = (
        '<TextLine><Coords points=""/><Baseline points="5,50 90,50"/></TextLine>'
        '<TextLine><Coords points="0,0 90,0 90,40 0,40"/><TextEquiv><Unicode/></TextEquiv></TextLine>'
        "<TextLine><TextEquiv><Unicode>nowhere</Unicode></TextEquiv></TextLine>"
    )
    page = read(f"<TextRegion>{lines}</TextRegion>")
    assert [line.id for line in page.lines] == ["l1", "l2", "l3"] and texts(page) == ["", "", "nowhere"]
    first, second, third = page.lines
    assert len(first.polygon) > 3 and first.baseline == ((5, 50), (90, 50))
    assert second.baseline == ((0, 28), (90, 28))
    assert (third.baseline, third.polygon) == ((), ())
    assert page.regions[0].id == first.region and page.regions[0].polygon


@pytest.mark.parametrize("points", ["1,2 3", "1,2 x,4 5,6", "1,2 nan,4 5,6", "1,2 1_0,4 5,6", "1e9,2 3,4 5,6"])
@pytest.mark.parametrize(("element", "fault"), [("Coords", BAD_OUTLINE), ("Baseline", BAD_BASELINE)])
def test_broken_coordinates_cost_the_outline_or_the_baseline(points: str, element: str, fault: str) -> None:
    good = page_line("good", 0, "text")
    bad = re.sub(f'<{element} points="[^"]*"', f'<{element} points="{points}"', page_line("l4", 60, "bad"))
    page = read(page_region("r", good + bad))
    assert texts(page) == ["text", "bad"] and page.left_out == () and page.notes == (("l4", fault),)
    baseline, polygon = page.lines[1].baseline, page.lines[1].polygon
    if element == "Coords":
        assert baseline == ((20, 90), (380, 90)) and len(polygon) > 3
    else:
        assert polygon[0] == (20, 60) and baseline == ((20, 88), (380, 88))


@pytest.mark.parametrize(
    ("attribute", "fault"),
    [('conf="1.5"', BAD_CONFIDENCE), ('conf="?"', BAD_CONFIDENCE), ('index="first"', BAD_INDEX)],
)
def test_a_broken_confidence_or_index_costs_only_itself(attribute: str, fault: str) -> None:
    page = read(page_region("r", page_line("l", 0, "text").replace("<TextEquiv>", f"<TextEquiv {attribute}>")))
    [line] = page.lines
    assert (line.text, line.confidence, page.notes) == ("text", 1.0, (("l", fault),))


def test_broken_numbers_of_words_and_regions_keep_the_text() -> None:
    word = '<Word id="w"><Coords points="1,2 3,4 ?"/><TextEquiv><Unicode>text</Unicode></TextEquiv></Word>'
    line = page_line("l", 0, "text").replace("<TextEquiv>", word + "<TextEquiv>", 1)
    page = read(page_region("r", line).replace("10,0 390,0", "10,0 39O,0"))
    assert page.lines[0].words == () and page.notes == (("r", BAD_OUTLINE), ("l", BAD_WORDS))
    assert page.regions[0].polygon == ((20, 0), (380, 0), (380, 40), (20, 40))


def test_a_file_without_a_page() -> None:
    with pytest.raises(InputError, match=r"^a\.xml: PAGE XML without a Page$"):
        read_page_file(b"<PcGts/>", "a.xml")


def test_numbers_that_only_give_an_order_never_cost_a_line() -> None:
    huge = page_line("a", 0, "one", more=f'custom="readingOrder {{index:{"9" * 5000};}}"')
    cells = "".join(
        f'<TableCell id="c{row}" row="{row}" col="0">{page_line("b" + row, 60, "cell")}</TableCell>' for row in "x1"
    )
    entry = f'<RegionRefIndexed index="{"9" * 5000}" regionRef="r"/>'
    order = f'<ReadingOrder><OrderedGroup id="g">{entry}</OrderedGroup></ReadingOrder>'
    table = f'<TableRegion id="t"><Coords points="0,60 390,60 390,290 0,290"/>{cells}</TableRegion>'
    page = read(order + page_region("r", huge) + table)
    assert [line.text for line in page.lines] == ["one", "cell", "cell"] and not page.left_out


def test_several_pages_each_with_its_image() -> None:
    second = page_region("q", page_line("l", 0, "two"))
    body = page_region("r", page_line("l", 0, "one")) + f'</Page><Page imageFilename="b.png">{second}'
    pages = read_xml_pages(page_xml(body, image="a.png"), "a.xml")
    assert [(page.image, page.text) for page in pages] == [("a.png", "one"), ("b.png", "two")]
    with pytest.raises(InputError, match=r"^a\.xml: has 2 pages; one is expected$"):
        read(body)


def test_a_text_of_a_region_without_lines_is_noted() -> None:
    text = "<TextEquiv><Unicode>lost</Unicode></TextEquiv>"
    page = read(page_region("r", text) + page_region("q", page_line("l", 0, "kept") + text))
    assert texts(page) == ["kept"] and page.notes == (("r", NO_LINES),)


def test_a_long_run_of_spaces_takes_linear_time() -> None:
    text = f"a{' ' * 100_000}b"
    started = time.process_time()
    assert texts(read(page_region("r", page_line("l", 0, text)))) == [text]
    assert time.process_time() - started < 5


def test_a_line_break_in_a_text_is_a_space() -> None:
    assert texts(read(page_region("r", page_line("l", 0, "\n  two \r\n\t words\n")))) == ["  two words"]


def test_a_broken_size_of_the_page_is_unknown() -> None:
    data = page_xml(page_region("r", page_line("l", 0, "x"))).replace(b'imageHeight="300"', b'imageHeight="inf"')
    page = read_page_file(data, "a.xml")
    assert (page.width, page.height, page.notes) == (0, 0, (("page", BAD_SIZE),)) and texts(page) == ["x"]


def test_bytes_that_are_not_text_in_a_word_cost_only_the_words() -> None:
    word = '<Word id="w"><Coords points="1,2 3,4 5,6"/><TextEquiv><Unicode>WRONG</Unicode></TextEquiv></Word>'
    line = page_line("l", 0, "text").replace("<TextEquiv>", word + "<TextEquiv>", 1)
    page = read_page_file(page_xml(page_region("r", line)).replace(b"WRONG", b"caf\xe9"), "a.xml")
    assert texts(page) == ["text"] and page.lines[0].words == () and page.notes == (("l", BROKEN_WORDS),)
