"""ALTO of several versions and programs."""

import pytest

from helpers.page_files import alto_block, alto_line, alto_xml
from hwr.errors import InputError
from hwr.formats.read_file import read_page_file, read_xml_pages
from hwr.formats.read_xml import BAD_BASELINE, BAD_CONFIDENCE, BAD_OUTLINE, BAD_SIZE, BAD_WORDS
from hwr.page.completing import REPEATED_ID
from hwr.page.page import Page, Point

BOX = 'HPOS="20" VPOS="0" WIDTH="100" HEIGHT="40"'


def read(body: str, **options: object) -> Page:
    return read_page_file(alto_xml(body, **options), "a.xml")  # type: ignore[arg-type]


def texts(page: Page) -> list[str]:
    return [line.text for line in page.lines]


def line_of(inner: str, more: str = BOX) -> str:
    return alto_block("b", f'<TextLine ID="l" {more}>{inner}</TextLine>')


def test_escriptorium() -> None:
    tags = (
        '<OtherTag ID="BT1" LABEL="MainZone" DESCRIPTION="block type MainZone"/>'
        '<OtherTag ID="LT1" LABEL="HeadingLine:title" DESCRIPTION="line type"/>'
    )
    body = (
        alto_block("b1", alto_line("l1", 0, "a whole line &amp; more", 'TAGREFS="LT1"'), 'TAGREFS="BT1"')
        + '<TextBlock ID="eSc_dummyblock_">'
        + alto_line("l2", 50, "orphan", 'TAGREFS="LT9"')
        + "</TextBlock>"
    )
    page = read(body, tags=tags)
    assert (page.image, page.width, page.height) == ("scan.png", 400, 300)
    assert [(region.id, region.type) for region in page.regions] == [("b1", "MainZone"), ("eSc_dummyblock_", "text")]
    assert page.regions[1].polygon == ((20, 50), (380, 50), (380, 90), (20, 90))
    first, second = page.lines
    assert (first.text, first.type, first.region, first.words) == (
        "a whole line & more",
        "HeadingLine:title",
        "b1",
        (),
    )
    assert first.baseline == ((20, 30), (380, 30)) and len(first.polygon) == 4
    assert (second.type, second.confidence) == ("default", 1.0)


def test_every_line_and_block_gets_an_id_of_its_own() -> None:
    own = alto_line("l2", 0, "a") + alto_line("", 50, "b") + alto_line("l2", 100, "c") + alto_line("l2_2", 150, "d")
    page = read(alto_block("r2", own) + alto_block("", alto_line("l9", 200, "e")) + alto_block("r2", ""))
    assert [line.id for line in page.lines] == ["l2", "l2_3", "l2_4", "l2_2", "l9"]
    assert [line.region for line in page.lines] == ["r2"] * 4 + ["r2_2"]
    assert page.notes == (("l2_4", REPEATED_ID), ("r2_3", REPEATED_ID))


@pytest.mark.parametrize("version", ["ns-v2#", "ns-v3#", "ns-v4#"])
def test_kraken_with_blanks_and_confidences(version: str) -> None:
    words = (
        f'<String CONTENT="two" WC="0.5" {BOX}/><SP HPOS="120" VPOS="0" WIDTH="5" HEIGHT="40"/>'
        '<String CONTENT="words" WC="0.8" HPOS="125" VPOS="1" WIDTH="50" HEIGHT="30"/>'
        '<String CONTENT="." HPOS="175" VPOS="1" WIDTH="5" HEIGHT="30"/>'
    )
    tags = (
        '<OtherTag ID="LANG_1" TYPE="language" LABEL="fra"/><OtherTag ID="TYPE_1" TYPE="type" LABEL="rubric"/>'
        '<NamedEntityTag ID="N" LABEL="Paris"/>'
    )
    page = read(
        line_of(words, BOX + ' BASELINE="20,30 180,31" TAGREFS="LANG_1 N TYPE_1"'),
        tags=tags,
        namespace="http://www.loc.gov/standards/alto/" + version,
    )
    (line,) = page.lines
    assert (line.text, line.type, line.baseline) == ("two words.", "rubric", ((20, 30), (180, 31)))
    assert line.confidence == pytest.approx(0.4)
    assert [(word.text, word.confidence, word.box) for word in line.words] == [
        ("two", 0.5, (20, 0, 120, 40)),
        ("words.", 0.8, (125, 1, 180, 31)),
    ]


def test_strings_without_any_blank_between_them() -> None:
    assert texts(read(line_of('<String CONTENT="two"/><String CONTENT="words"/>'))) == ["two words"]


def test_a_hyphen_at_the_end_shows_what_is_on_the_paper() -> None:
    parts = '<String CONTENT="a"/><SP/><String CONTENT="exam{}" SUBS_TYPE="HypPart1" SUBS_CONTENT="example"/>{}'
    assert texts(read(line_of(parts.format("", '<HYP CONTENT="¬"/>')))) == ["a exam¬"]
    assert texts(read(line_of(parts.format("", "<HYP/>")))) == ["a exam-"]
    assert texts(read(line_of(parts.format("-", '<HYP CONTENT="-"/>')))) == ["a exam-"]
    second = '<String CONTENT="ple" SUBS_TYPE="HypPart2" SUBS_CONTENT="example"/><SP/><String CONTENT="b"/>'
    assert texts(read(line_of(second))) == ["ple b"]


def test_a_baseline_that_is_one_number() -> None:
    (line,) = read(line_of('<String CONTENT="x"/>', BOX + ' BASELINE="31"')).lines
    assert line.baseline == ((20, 31), (120, 31))
    assert line.polygon == ((20, 0), (120, 0), (120, 40), (20, 40))


def test_composed_blocks_margins_and_types_by_attribute() -> None:
    body = (
        '<ComposedBlock ID="c" TYPE="article">'
        + alto_block("b1", alto_line("l1", 0, "one"))
        + '<ComposedBlock ID="d">'
        + alto_block("b2", alto_line("l2", 50, "two"), 'TYPE="aside"')
        + "</ComposedBlock></ComposedBlock>"
        + '<Illustration ID="i" HPOS="0" VPOS="0" WIDTH="9" HEIGHT="9"/>'
    )
    margin = f"<LeftMargin>{alto_block('m', alto_line('lm', 0, 'note'))}</LeftMargin><PrintSpace>"
    file = alto_xml(body).replace(b"<PrintSpace>", margin.encode())
    page = read_page_file(file, "a.xml")
    assert texts(page) == ["note", "one", "two"]
    assert [region.type for region in page.regions] == ["text", "article", "aside"]


def test_reading_order_of_blocks_and_of_lines() -> None:
    order = (
        '<ReadingOrder><OrderedGroup ID="o"><ElementRef ID="e1" REF="b2"/>'
        '<OrderedGroup ID="p"><ElementRef ID="e2" REF="l2"/><ElementRef ID="e3" REF="l1"/></OrderedGroup>'
        "</OrderedGroup></ReadingOrder>"
    )
    body = (
        alto_block("b0", alto_line("l0", 0, "zero"))
        + alto_block("b1", alto_line("l1", 50, "one") + alto_line("l2", 90, "two"))
        + alto_block("b2", alto_line("l3", 150, "three"))
    )
    assert texts(read(body, after_tags=order)) == ["three", "two", "one", "zero"]


def test_units_other_than_pixels_keep_their_numbers_and_need_the_size_of_the_page() -> None:
    page = read(alto_block("b", alto_line("l", 0, "x")), unit="mm10", size=(2100, 2970))
    assert (page.width, page.height) == (2100, 2970) and page.lines[0].baseline == ((20, 30), (380, 30))
    with pytest.raises(InputError, match=r"^a\.xml: in inch1200, and the page has no WIDTH and HEIGHT"):
        read(alto_block("b", alto_line("l", 0, "x")), unit="inch1200", size=None)
    with pytest.raises(InputError, match="MeasurementUnit 'cubit'"):
        read("", unit="cubit")


def test_a_missing_size_is_not_an_error_in_pixels() -> None:
    page = read(alto_block("b", alto_line("l", 0, "x")), size=None)
    assert (page.width, page.height, texts(page)) == (0, 0, ["x"])


def test_several_pages_are_pages_of_the_document() -> None:
    body = alto_block("b", alto_line("l", 0, "one"))
    second = body.replace("one", "two")
    file = alto_xml(f'{body}</PrintSpace></Page><Page PHYSICAL_IMG_NR="7"><PrintSpace>{second}', image="book.pdf")
    pages = read_xml_pages(file, "a.xml")
    assert [(page.image, page.width, page.text) for page in pages] == [
        ("book.pdf#1", 400, "one"),
        ("book.pdf#7", 0, "two"),
    ]
    unnumbered = file.replace(b"PHYSICAL_IMG_NR", b"X").replace(b"book.pdf", b"")
    assert [page.image for page in read_xml_pages(unnumbered, "x/a.alto.xml")] == ["a#1", "a#2"]
    with pytest.raises(InputError, match=r"^a\.xml: has 2 pages; one is expected$"):
        read_page_file(file, "a.xml")
    with pytest.raises(InputError, match=r"^a\.xml: ALTO without a Page$"):
        read_page_file(b"<alto/>", "a.xml")


POLYGON = '<Shape><Polygon POINTS="{}"/></Shape>'
STRAIGHT = ' BASELINE="20,30 120,30"'
CORNERS = ((20, 0), (120, 0), (120, 40), (20, 40))


@pytest.mark.parametrize(
    ("inner", "attributes", "faults", "polygon", "baseline"),
    [
        ("", BOX + ' BASELINE="20 3O 90 30"', [BAD_BASELINE], CORNERS, None),
        ("", BOX + ' BASELINE="nan,30 90,30"', [BAD_BASELINE], CORNERS, None),
        ("", BOX + ' BASELINE="20,30 90"', [BAD_BASELINE], CORNERS, None),
        ("", 'HPOS="left" VPOS="0" WIDTH="100" HEIGHT="40"' + STRAIGHT, [BAD_OUTLINE], None, ((20, 30), (120, 30))),
        (POLYGON.format("1,2 inf,3 4,5"), BOX + STRAIGHT, [BAD_OUTLINE], CORNERS, ((20, 30), (120, 30))),
        (POLYGON.format("1,2 3"), BOX + STRAIGHT, [BAD_OUTLINE], CORNERS, ((20, 30), (120, 30))),
        (POLYGON.format("?"), 'HPOS="?" BASELINE="?"', [BAD_OUTLINE, BAD_BASELINE], (), ()),
    ],
)
def test_a_broken_number_costs_the_baseline_or_the_outline(
    inner: str,
    attributes: str,
    faults: list[str],
    polygon: tuple[Point, ...] | None,
    baseline: tuple[Point, ...] | None,
) -> None:
    """None is what is derived from the other."""
    page = read(line_of(inner + '<String CONTENT="text"/>', attributes))
    [line] = page.lines
    assert line.text == "text" and page.left_out == ()
    assert page.notes == tuple(("l", fault) for fault in faults)
    assert line.polygon == polygon if polygon is not None else len(line.polygon) > 3
    assert line.baseline == baseline if baseline is not None else line.baseline == ((20, 28), (120, 28))


@pytest.mark.parametrize("stated", ["nan", "1.5", "-1", "inf", "1e999", "0,9", "95", "high"])
def test_a_broken_confidence_counts_as_missing(stated: str) -> None:
    strings = f'<String CONTENT="two" WC="{stated}" {BOX}/><SP/><String CONTENT="words" WC="0.5" {BOX}/>'
    page = read(line_of(strings))
    [line] = page.lines
    assert page.notes == (("l", BAD_CONFIDENCE),) and page.left_out == ()
    assert line.confidence == 0.5 and [word.confidence for word in line.words] == [1.0, 0.5]


def test_a_confidence_beyond_its_range_by_rounding_is_not_broken() -> None:
    page = read(line_of(f'<String CONTENT="x" WC="1.0000001" {BOX}/>'))
    assert page.notes == () and page.lines[0].confidence == 1


def test_a_broken_box_of_a_word_costs_the_words_of_its_line() -> None:
    strings = f'<String CONTENT="a" {BOX}/><String CONTENT="b" {BOX.replace("20", "2O")}/>'
    page = read(line_of(strings))
    assert (page.lines[0].text, page.lines[0].words, page.notes) == ("a b", (), (("l", BAD_WORDS),))


def test_a_broken_block_gets_the_box_of_its_lines() -> None:
    page = read(alto_block("b", alto_line("l", 0, "x")).replace('HPOS="10"', 'HPOS="1O"'))
    assert page.notes == (("b", BAD_OUTLINE),)
    assert page.regions[0].polygon == ((20, 0), (380, 0), (380, 40), (20, 40))


def test_blocks_without_a_space_around_them() -> None:
    file = (
        alto_xml(alto_block("b", alto_line("l", 0, "x"))).replace(b"<PrintSpace>", b"").replace(b"</PrintSpace>", b"")
    )
    assert texts(read_page_file(file, "a.xml")) == ["x"]


def test_a_broken_size_of_the_page_is_unknown() -> None:
    page = read_page_file(
        alto_xml(alto_block("b", alto_line("l", 0, "x"))).replace(
            b'WIDTH="400" HEIGHT="300"', b'WIDTH="4OO" HEIGHT="300"'
        ),
        "a.xml",
    )
    assert (page.width, page.height, page.notes) == (0, 0, (("page", BAD_SIZE),)) and texts(page) == ["x"]
