"""The skeleton of a PDF, against pdfium and by the rules of the table of places."""

import re
import zlib
from io import BytesIO

import pytest

from hwr.formats.pdf_objects import PdfObjects, text_string


def small_file() -> bytes:
    file = BytesIO()
    objects = PdfObjects(file)
    tree = objects.reserve()
    content = objects.add_stream(b"q Q")
    page = objects.add(f"<< /Type /Page /Parent {tree} 0 R /MediaBox [0 0 30 20] /Contents {content} 0 R >>")
    objects.add(f"<< /Type /Pages /Kids [{page} 0 R] /Count 1 >>", tree)
    root = objects.add(f"<< /Type /Catalog /Pages {tree} 0 R >>")
    objects.close(root, objects.add(f"<< /Title {text_string('é𝔘')} >>"))
    return file.getvalue()


def test_each_object_is_where_the_table_says() -> None:
    data = small_file()
    start = int(re.search(rb"startxref\n(\d+)\n%%EOF\n$", data)[1])  # type: ignore[index]
    head, rows = re.match(rb"xref\n0 (\d+)\n((?:.{19}\n)+)", data[start:]).groups()  # type: ignore[union-attr]
    places = [int(row[:10]) for row in re.findall(rb".{20}", rows, re.DOTALL)]
    assert int(head) == len(places) == 6 and {len(row) for row in rows.split(b"\n")[:-1]} == {19}
    for number, place in enumerate(places[1:], start=1):
        assert data[place:].startswith(b"%d 0 obj\n" % number)


def test_pdfium_opens_it() -> None:
    pdfium = pytest.importorskip("pypdfium2")
    document = pdfium.PdfDocument(small_file())
    assert len(document) == 1 and document[0].get_size() == (30, 20)
    assert document.get_metadata_dict()["Title"] == "é𝔘"


def test_streams_are_compressed_once() -> None:
    file = BytesIO()
    objects = PdfObjects(file)
    objects.add_stream(b"a" * 1000)
    objects.add_stream(b"raw", "/Filter /DCTDecode", packed=True)
    data = file.getvalue()
    stream = re.search(rb"/Filter /FlateDecode /Length (\d+) >>\nstream\n", data)
    assert stream is not None
    packed = data[stream.end() : stream.end() + int(stream[1])]
    assert zlib.decompress(packed) == b"a" * 1000 and data[stream.end() + len(packed) :].startswith(b"\nendstream")
    assert b"<< /Filter /DCTDecode /Length 3 >>\nstream\nraw\nendstream" in data


def test_an_object_that_was_promised_must_come() -> None:
    objects = PdfObjects(BytesIO())
    objects.reserve()
    with pytest.raises(AssertionError, match="never written"):
        objects.close(1, 1)
