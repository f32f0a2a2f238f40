"""Hostile images, documents, XML, JSON and zips, and the commands that read them."""

import functools
import io
import json
import random
import re
import struct
import zipfile
import zlib
from pathlib import Path

from PIL import Image

from fuzz.damage import TEXTS, damaged, with_other_numbers, with_other_value
from helpers.line_images import image_file
from helpers.page_files import alto_block, alto_line, alto_xml, page_line, page_region, page_xml
from hwr.formats.json import write_json
from hwr.formats.read_file import read_page_file

SIZE = (400, 300)
FORMATS = ("text", "markdown", "json", "tsv", "hocr", "alto", "page", "pdf", "overlay")
NUMBER = r'(?:points|POINTS|BASELINE|HPOS|VPOS|WIDTH|HEIGHT|imageWidth|imageHeight|conf|WC|row|col|index|x|y)="([^"]*)"'

TABLE = (
    '<TableRegion id="t"><Coords points="0,180 390,180 390,290 0,290"/><TableCell id="c" row="0" col="0">'
    '<Coords points="0,180 390,180 390,290 0,290"/>' + page_line("l3", 200, "three") + "</TableCell></TableRegion>"
)
PAGE = page_xml(
    '<ReadingOrder><OrderedGroup id="g"><RegionRefIndexed index="0" regionRef="r"/></OrderedGroup></ReadingOrder>'
    + page_region("r", page_line("l0", 0, "one", more='custom="readingOrder {index:0;}"') + page_line("l1", 60, "two"))
    + TABLE,
    SIZE,
    "a.png",
).decode()
ALTO = alto_xml(alto_block("b", alto_line("x", 0, "three") + alto_line("y", 90, "four")), SIZE, "a.png").decode()
INSERTED = ("<![CDATA[", "<!--", "&lt;", "&#0;", "&#xD800;", "\0", "\x1b[31m", "<?php ?>", "&b;")
ATTRIBUTES = (
    *TEXTS,
    *("readingOrder {index:-1;}", "readingOrder {index:" + "1" * 5000 + ";}", "readingOrder {index:²;}"),
    *("structure {type:\\uD800;}", "&#10;", "&#x1F600;", "custom{" * 500, "{index:"),
)


@functools.cache
def images() -> dict[str, bytes]:
    """An image in each format that Pillow writes here."""
    grey = Image.open(io.BytesIO(image_file(200, 40)))
    colour, made = grey.convert("RGB"), {}
    kinds = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "PPM", "JPEG2000", "TGA", "PCX", "SGI", "DDS", "ICNS", "AVIF")
    for kind in (*kinds, "QOI", "MPO", "BLP", "SPIDER", "EPS"):
        mode = {"BLP": colour.quantize(16), "SPIDER": grey.convert("F"), "ICNS": colour.resize((128, 128))}
        buffer = io.BytesIO()
        try:
            mode.get(kind, colour).save(buffer, kind)
        except (OSError, ValueError, KeyError):  # not built into this Pillow
            continue
        made[kind.lower()] = buffer.getvalue()
    for name, image, options in (
        ("tiff-pages", grey, {"format": "TIFF", "save_all": True, "append_images": [colour, grey]}),
        ("tiff-lzw", colour, {"format": "TIFF", "compression": "tiff_lzw"}),
        ("tiff-g4", grey.convert("1"), {"format": "TIFF", "compression": "group4"}),
        ("png-palette", colour.quantize(16), {"format": "PNG", "transparency": 3}),
        ("png-bit", grey.convert("1"), {"format": "PNG"}),
        ("png-alpha", grey.convert("LA"), {"format": "PNG"}),
        ("png-16", grey.convert("I;16"), {"format": "PNG"}),
    ):
        image.save(buffer := io.BytesIO(), **options)
        made[name] = buffer.getvalue()
    return made


def _with_checksums(data: bytes) -> bytes:
    """Return a damaged PNG with right checksums, so that its damage is read."""
    made, place = bytearray(data[:8]), 8
    while place + 12 <= len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        if place + 12 + length > len(data):
            break
        chunk = data[place + 4 : place + 8 + length]
        made += data[place : place + 4] + chunk + struct.pack(">I", zlib.crc32(chunk))
        place += 12 + length
    return bytes(made + data[place:])


def image(generator: random.Random, folder: Path) -> list[str]:
    """Read a damaged image as a line."""
    kind = generator.choice(sorted(images()))
    data = damaged(images()[kind], generator)
    if kind.startswith("png") and generator.random() < 0.7:
        data = _with_checksums(data)
    path = folder / ("x.png" if generator.random() < 0.1 else f"x.{kind.split('-')[0]}")
    path.write_bytes(data)
    return ["recognize", "--line", str(path), "--format", generator.choice(FORMATS), "-o", str(folder / "out") + "/"]


@functools.cache
def documents() -> dict[str, bytes]:
    """PDFs with a scanned page, as Pillow and reportlab write them; one has a password."""
    from reportlab.lib.pdfencrypt import StandardEncryption
    from reportlab.lib.utils import ImageReader
    from reportlab.pdfgen import canvas

    def drawn(**options: object) -> bytes:
        file = canvas.Canvas(buffer := io.BytesIO(), pagesize=(144, 36), **options)
        for _ in range(2):
            file.drawImage(ImageReader(scan), 0, 0, 144, 20)
            file.showPage()
        file.save()
        return buffer.getvalue()

    scan = Image.open(io.BytesIO(image_file(200, 40)))
    scan.save(pillow := io.BytesIO(), "PDF")
    return {
        "pillow": pillow.getvalue(),
        "plain": drawn(pageCompression=0),
        "locked": drawn(encrypt=StandardEncryption("k")),
    }


def pdf(generator: random.Random, folder: Path) -> list[str]:
    """Read a damaged PDF."""
    data = documents()[generator.choice(sorted(documents()))]
    if generator.random() < 0.5:
        text = with_other_numbers(data.decode("latin-1"), r"(\d+)", generator)
        data = text.encode("latin-1", "replace")
    else:
        data = damaged(data, generator)
    (folder / "x.pdf").write_bytes(data)
    options = generator.choice(([], [], ["--password", "k"], ["--password", ""], ["--pages", "2-"], ["--pages", "7"]))
    form = generator.choice(FORMATS)
    return ["recognize", "--line", str(folder / "x.pdf"), "--format", form, "-o", f"{folder}/out/", *options]


def _hostile_xml(generator: random.Random) -> bytes:
    """Return PAGE XML or ALTO with other numbers, structure, attributes or bytes."""
    text = generator.choice((PAGE, ALTO))
    match generator.randrange(4):
        case 0:
            return damaged(text.encode(), generator)
        case 1:
            text = with_other_numbers(text, NUMBER, generator)
        case 2:
            text = _with_other_structure(text, generator)
        case 3:
            names = r'\b(id|ID|type|regionRef|custom|imageFilename|TAGREFS|CONTENT)="[^"]*"'
            value = generator.choice(ATTRIBUTES).replace('"', "&quot;")
            text = re.sub(names, lambda found: f'{found[1]}="{value}"' if generator.random() < 0.5 else found[0], text)
    return text.encode("utf-8", "surrogatepass")


def _with_other_structure(text: str, generator: random.Random) -> str:
    tags = [found.span() for found in re.finditer("<[^>]*>", text)]
    (start, end), (other, last) = generator.choice(tags), generator.choice(tags)
    depth = generator.choice((2, 100, 20_000))
    entities = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;"><!ENTITY c SYSTEM "file:///etc/passwd">]>'
    return generator.choice(
        (
            text[:start] + text[end:],
            text[:end] + text[start:end] * depth + text[end:],
            text[:start] + text[other:last] + text[end:],
            text[:start] + "<TextRegion>" * depth + text[start:end] + "</TextRegion>" * depth + text[end:],
            text.replace("\n", "\n" + entities, 1).replace("one", "&b;&c;"),
            re.sub(r'\b(id|ID)="[^"]*"', 'id="same"', text),
            text.replace("TextLine", generator.choice(("Word", "TextRegion", "TableCell", "Page"))),
            text[:start] + generator.choice(INSERTED) + text[start:],
        )
    )


def xml(generator: random.Random, folder: Path) -> list[str]:
    """Prepare the lines of hostile XML, read its lines, or convert it."""
    (folder / "a.png").write_bytes(image_file(*SIZE))
    path = folder / "a.xml"
    path.write_bytes(_hostile_xml(generator))
    form = generator.choice(FORMATS)
    return generator.choice(
        (
            [
                "prepare",
                str(path),
                "-o",
                f"{folder}/s",
                *generator.choice(([], ["--from", "page"], ["--from", "alto"])),
            ],
            ["recognize", str(folder / "a.png"), "--lines", str(path), "--format", form, "-o", f"{folder}/out/"],
            ["convert", str(path), "--format", form, "-o", f"{folder}/out/"],
        )
    )


def page_json(generator: random.Random, folder: Path) -> list[str]:
    """Convert hostile JSON of pages."""
    data = write_json(read_page_file(PAGE.encode(), "a.xml")).encode()
    if generator.random() < 0.7:
        value = with_other_value(json.loads(data), generator)
        data = json.dumps(value).encode("utf-8", "surrogatepass")
    else:
        data = damaged(data, generator)
    (folder / "a.json").write_bytes(data)
    (folder / "a.png").write_bytes(image_file(*SIZE))
    return ["convert", f"{folder}/a.json", "--format", generator.choice(FORMATS), "-o", f"{folder}/out/"]


def zip_file(generator: random.Random, folder: Path) -> list[str]:
    """Prepare the pages of a hostile zip."""
    kinds = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2)
    below = (
        "",
        "doc/",
        "train/",
        "page/",
        "../",
        "/",
        "C:\\",
        "..\\",
        "é/",
        "a" * 300 + "/",
        "\x1b[31m/",
        ".hid/",
        "x//",
    )
    with zipfile.ZipFile(buffer := io.BytesIO(), "w", generator.choice(kinds)) as archive:
        prefix = generator.choice(below)
        archive.writestr(prefix + generator.choice(("a.xml", "A.XML", "b.xml")), _hostile_xml(generator))
        archive.writestr(prefix + generator.choice(("a.png", "A.PNG")), image_file(*SIZE))
        if generator.random() < 0.1:
            archive.writestr("bomb.xml", "<PcGts>" + " " * 40_000_000 + "</PcGts>")
        if generator.random() < 0.2:
            link = zipfile.ZipInfo("link.png")
            link.external_attr = 0o120777 << 16
            archive.writestr(link, "/etc/passwd")
    data = buffer.getvalue()
    (folder / "e.zip").write_bytes(damaged(data, generator) if generator.random() < 0.6 else data)
    kind = generator.choice(([], [], ["--from", "page"], ["--from", "sidecar"], ["--from", "table"]))
    return ["prepare", f"{folder}/e.zip", "-o", f"{folder}/s", *kind]
