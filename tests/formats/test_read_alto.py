"""ALTO of several versions and programs."""

import pytest

from helpers.page_files import alto_block, alto_line, alto_xml
from hwr.errors import InputError
from hwr.formats.read_file import read_page_file
from hwr.page.page import Page

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
        ("words", 0.8, (125, 1, 175, 31)),
        (".", 1.0, (175, 1, 180, 31)),
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


def test_several_pages_are_refused() -> None:
    with pytest.raises(InputError, match=r"^a\.xml: ALTO with 2 pages"):
        read_page_file(b"<alto><Layout><Page/><Page/></Layout></alto>", "a.xml")
    with pytest.raises(InputError, match="ALTO with 0 pages"):
        read_page_file(b"<alto/>", "a.xml")


def test_broken_numbers_name_file_line_and_element() -> None:
    for attributes, reason in (
        (BOX + ' BASELINE="20 3O 90 30"', "line 6, TextLine 'l': BASELINE: '3O' is not a number"),
        ('HPOS="left"', "line 6, TextLine 'l': HPOS: 'left' is not a number"),
    ):
        page = read(line_of("", attributes))
        [(id, said)] = page.left_out
        assert page.lines == () and id == "l" and said.startswith(reason)
