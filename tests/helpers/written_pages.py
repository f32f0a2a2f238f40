"""Pages with everything that a format can express."""

from hwr.page.page import Box, Line, Page, Point, Region, Word


def rectangle(x0: float, y0: float, x1: float, y1: float) -> tuple[Point, ...]:
    return ((x0, y0), (x1, y0), (x1, y1), (x0, y1))


def evenly(text: str, box: Box, confidence: float = 0.9) -> tuple[Word, ...]:
    """The words of a text in the box of their line, each character as wide as the next."""
    step, x, words = (box[2] - box[0]) / len(text), box[0], []
    for word in text.split(" "):
        words.append(Word(word, confidence, (x, box[1], x + len(word) * step, box[3])))
        x += (len(word) + 1) * step
    return tuple(words)


SLANTED = ((110.0, 240.0), (300.0, 250.0), (560.0, 270.0))
"""A baseline that falls to the right, with a bend."""

RICH = Page(
    image="page é & \"co\".png",
    width=800,
    height=600,
    model="small <2>",
    regions=(
        Region("r1", "text", rectangle(50, 40, 700, 300)),
        Region("r2", "marginalia", rectangle(710.5, 40, 790, 200)),
        Region("eSc_textblock_3", "MainZone:column#1", rectangle(50, 320, 700, 580)),
        Region("empty", "GraphicZone; of {two}", rectangle(5, 5, 20, 20)),
    ),
    lines=(
        Line("l1", "r1", "default", "Dear <friends> & “co”", 0.8125, ((60.0, 100.0), (640.0, 100.0)),
             rectangle(60, 50, 640, 125), (
                 Word("Dear", 0.9965, (60.0, 55.2, 180.0, 102.0)),
                 Word("<friends>", 0.25, (200.4, 55.0, 400.0, 120.0), uncertain=True),
                 Word("&", 0.5, (420.0, 60.0, 450.0, 101.0), uncertain=True),
                 Word("“co”", 1.0, (480.0, 50.0, 640.0, 101.0)))),
        Line("l2", "r1", "heading two", "Łódź — ſæ 𝔘 漢", 1.234e-05, SLANTED,
             ((110.0, 200.0), (300.0, 210.0), (560.0, 230.0), (560.0, 285.0), (300.0, 265.0), (110.0, 255.0)), (
                 Word("Łódź", 0.75, (110.0, 203.0, 260.0, 250.0)),
                 Word("—", 0.0, (280.0, 231.0, 330.0, 233.0), uncertain=True),
                 Word("ſæ", 0.9, (350.0, 215.0, 430.0, 261.0)),
                 Word("𝔘", 0.9, (450.0, 220.0, 490.0, 266.0)),
                 Word("漢", 1.23456e-7, (520.0, 225.0, 560.0, 271.0)))),
        Line("note", "r2", "default", "nota bene", 0.5, ((715.0, 100.0), (785.3, 100.3)),
             rectangle(712, 60, 788, 120), evenly("nota bene", (712.5, 61.5, 788.0, 104.2), 0.7)),
        Line("eSc_line_1", "eSc_textblock_3", "default", "only a text", 0.6, ((60.0, 400.0), (600.0, 402.0)),
             rectangle(60, 350, 600, 420)),
        Line("eSc_line_2", "eSc_textblock_3", "default", "", 1.0, ((60.0, 500.0), (600.0, 502.0)),
             rectangle(60, 450, 600, 520)),
    ),
)  # fmt: skip

EMPTY = Page("blank.png", 30, 20, "small", (), ())
"""A page on which nothing was found."""

ODD = Page(
    image="folder/odd.png",
    width=100,
    height=50,
    model="",
    regions=(Region("1 2", "a\x07b", rectangle(-3, 0, 120, 50)), Region("1_2", "text", ())),
    lines=(
        Line("1 2", "1 2", "x;y}", "a\x00b\ud800\ufffec", 0.5, ((-5.0, 30.0), (120.0, 31.0)),
             rectangle(-3, 0, 120, 49.6), (Word("a\x00b\ud800\ufffec", 0.5, (0.0, 10.0, 50.0, 40.0), uncertain=True),)),
        Line("1 2", "gone", "", "]]> --", 1.0, (), (), (Word("]]>", 1.0, (0.2, 0.2, 0.4, 0.4)),
                                                        Word("--", 1.0, (10.0, 10.0, 20.0, 11.0)))),
        Line("page", "gone", "default", "z", 1.0, ((5.0, 30.0),), rectangle(1, 1, 1, 1)),
    ),
)  # fmt: skip
"""Ids that are none or stand twice, characters that no XML holds, places off the page, regions that are not listed."""
