"""PDFs that tests read, made by reportlab and Pillow."""

import io
from collections.abc import Sequence

from PIL import Image
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

A4 = (595.0, 842.0)

PDF_WITHOUT_PAGES = b"""%PDF-1.4
1 0 obj
<< /Type /Catalog /Pages 2 0 R >>
endobj
2 0 obj
<< /Type /Pages /Kids [] /Count 0 >>
endobj
trailer
<< /Root 1 0 R /Size 3 >>
%%EOF
"""


def scan_pdf(
    images: Sequence[Image.Image], size: tuple[float, float] = A4, rotation: int = 0, strips: int = 1
) -> bytes:
    """A PDF with an image on each page that fills it, stored without loss, cut into strips if asked for.

    Each page, of `size` before, is shown turned clockwise by `rotation` degrees.
    """
    file = io.BytesIO()
    # reportlab turns the page's box with the page
    canvas = Canvas(file, pagesize=size if rotation % 180 == 0 else size[::-1])
    for image in images:
        canvas.setPageRotation(rotation)  # of the pages from here on
        step, height = size[1] / strips, image.height // strips
        for number in range(strips):
            part = image.crop((0, number * height, image.width, (number + 1) * height))
            canvas.drawImage(ImageReader(part), 0, size[1] - (number + 1) * step, size[0], step)
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def text_pdf(
    texts: Sequence[str], size: tuple[float, float] = A4, password: str | None = None, stamp: Image.Image | None = None
) -> bytes:
    """A PDF with a word or nothing on each page, encrypted if there is a password, with a small image if asked for."""
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=size, encrypt=StandardEncryption(password) if password else None)
    for text in texts:
        if text:
            canvas.setFont("Helvetica", 40)
            canvas.drawString(100, size[1] - 100, text)
        if stamp is not None:
            canvas.drawImage(ImageReader(stamp), 400, 100, 60, 60)
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def without_page(data: bytes, number: int) -> bytes:
    """The PDF with the object of a page made something else, counted from 1."""
    marks = [place for place in range(len(data)) if data.startswith(b"/Type /Page\n", place)]
    place = marks[number - 1]
    return data[:place] + b"/Type /Nothing"[:11] + data[place + 11 :]
