"""Sources with seeded damage: every item is a sample or has a reason, or the source is refused in one line."""

import io
import random
import zipfile
from pathlib import Path

import pytest

from helpers.line_images import image_file
from helpers.page_files import alto_block, alto_line, alto_xml, page_line, page_region, page_xml
from hwr.errors import HwrError
from hwr.prepare.checks import CheckOptions, check_sample
from hwr.prepare.samples import Sample
from hwr.prepare.sources import open_source

SIZE = (400, 300)
LINES = page_line("l0", 0, "one", more='custom="readingOrder {index:0;}"') + page_line("l1", 60, "two")
INSERTED = (b'"', b"<", b"\0", b"NaN", b"1e309", b"9" * 30, b"\xff\xfe", b"{", b"}", b"\n", b",", b"\xed\xa0\x80")


def packed() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.xml", page_xml(page_region("r", LINES), SIZE, "a.png"))
        archive.writestr("a.png", image_file(*SIZE))
    return buffer.getvalue()


SOURCES = {
    "p.xml": page_xml(page_region("r", LINES), SIZE, "a.png"),
    "q.xml": alto_xml(alto_block("b", alto_line("x", 0, "three")), SIZE, "a.png"),
    "z.zip": packed(),
    "t.csv": b'image,text,writer\na.png,"hello, you",w\na.png,two,w\n',
    "t.tsv": b"image\ttext\na.png\tone\n",
    "t.jsonl": b'{"image":"a.png","text":"good","id":5}\n{"image":"a.png","text":"x"}\n',
    "lines.txt": b"a01-000u-00 ok 154 19 408 746 1661 89 A|MOVE|to\n",
}


def damage(data: bytes, generator: random.Random) -> bytes:
    """Change, remove, repeat or insert bytes at a few places."""
    result = bytearray(data)
    for _ in range(generator.choice((1, 2, 5, 20))):
        place, other = generator.randrange(len(result) + 1), generator.randrange(len(result) + 1)
        change = generator.choice(("replace", "remove", "repeat", "insert"))
        if change == "remove":
            del result[place : place + generator.randrange(1, 30)]
        elif change == "repeat":
            result[place:place] = result[other : other + generator.randrange(1, 60)]
        else:
            new = generator.choice(INSERTED) if change == "insert" else generator.randbytes(1)
            result[place : place + (change == "replace")] = new
    return bytes(result)


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("seeds", [range(40), pytest.param(range(40, 540), marks=pytest.mark.slow)])
def test_damage_never_ends_in_a_traceback(tmp_path: Path, name: str, seeds: range) -> None:
    (tmp_path / "a.png").write_bytes(image_file(*SIZE))
    read = 0
    for seed in seeds:
        (tmp_path / name).write_bytes(damage(SOURCES[name], random.Random(seed)))
        try:
            source = open_source(tmp_path / name, kind={"p.xml": "page", "q.xml": "alto"}.get(name))
            for item in source.items():
                if isinstance(item, Sample):
                    check_sample(item, CheckOptions())
            read += 1
        except HwrError as error:
            assert "\n" not in str(error)
    assert read
