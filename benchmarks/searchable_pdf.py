"""Share of words that readers find whole in a searchable PDF, and in their order.

    python -m benchmarks.searchable_pdf ../shared/data/page-geometry/val.parquet
    python -m benchmarks.searchable_pdf ../shared/data/page-geometry/val.parquet --pdfjs FOLDER

Each page is read and written as PDF. `pdftotext` (poppler) and PDFium, the reader of Chrome, extract its text; so does
pdf.js, the reader of Firefox, if FOLDER is one in which `npm install pdfjs-dist` was run. A word
counts as found if the extracted text has it between spaces, in an alignment with the words that were read; `touch` is
the share of neighbouring words whose boxes touch.
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from functools import partial
from pathlib import Path

import pypdfium2

from benchmarks.true_pages import chosen_pages, make_recognizer, page_arguments
from hwr.files.documents import page_of
from hwr.formats import find_format, to_bytes
from hwr.page.page import Page


def words_in_order(wanted: Sequence[str], found: Sequence[str]) -> int:
    """Return the number of words in a longest common run of both, in order."""
    return sum(block.size for block in SequenceMatcher(None, wanted, found, autojunk=False).get_matching_blocks())


def read_with_poppler(data: bytes) -> list[str]:
    """Return the words that pdftotext extracts, in the order of the file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.pdf"
        path.write_bytes(data)
        command = ["pdftotext", "-raw", "-enc", "UTF-8", str(path), "-"]
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()


def read_with_pdfium(data: bytes) -> list[str]:
    """Return the words that PDFium extracts."""
    document = pypdfium2.PdfDocument(data)
    text: str = document[0].get_textpage().get_text_range()
    return text.split()


def read_with_pdfjs(folder: Path, data: bytes) -> list[str]:
    """Return the words that pdf.js extracts."""
    with tempfile.NamedTemporaryFile(suffix=".pdf") as file:
        file.write(data)
        file.flush()
        command = ["node", str(Path(__file__).with_name("pdfjs_words.mjs")), str(folder.resolve()), file.name]
        done = subprocess.run(command, capture_output=True, check=True, text=True)
    words: list[str] = json.loads(done.stdout)
    return words


def touching(page: Page) -> tuple[int, int]:
    """Return the number of neighbouring words whose boxes touch, and the number of neighbours."""
    pairs = [pair for line in page.lines for pair in zip(line.words, line.words[1:], strict=False)]
    return sum(right.box[0] - left.box[2] <= 1 for left, right in pairs), len(pairs)


def main() -> None:
    """Print the table."""
    parser = page_arguments(__doc__)
    parser.add_argument("--pdfjs", type=Path, metavar="FOLDER", help="with node_modules/pdfjs-dist")
    arguments = parser.parse_args()
    readers: dict[str, Callable[[bytes], list[str]]] = {"PDFium": read_with_pdfium}
    if shutil.which("pdftotext"):
        readers["poppler"] = read_with_poppler
    if arguments.pdfjs is not None:
        readers["pdf.js"] = partial(read_with_pdfjs, arguments.pdfjs)
    recognizer = make_recognizer(arguments)
    total, whole, pairs, touch = 0, dict.fromkeys(readers, 0), 0, 0
    print(f"{'page':50} {'words':>6} {'touch':>7} " + " ".join(f"{name:>8}" for name in readers))
    for page in chosen_pages(arguments):
        image = page_of(page.image, page.id)
        read = recognizer.read(image)
        data = to_bytes(find_format("pdf"), read, image.pixels, image.dpi)
        wanted = [word.text for line in read.lines for word in line.words]
        found = {name: words_in_order(wanted, reader(data)) for name, reader in readers.items()}
        near, neighbours = touching(read)
        total, touch, pairs = total + len(wanted), touch + near, pairs + neighbours
        whole = {name: whole[name] + count for name, count in found.items()}
        shares = " ".join(f"{count / max(1, len(wanted)):8.4f}" for count in found.values())
        print(f"{page.id[-50:]:50} {len(wanted):6} {near / max(1, neighbours):7.3f} {shares}", flush=True)
    shares = " ".join(f"{count / max(1, total):8.4f}" for count in whole.values())
    print(f"{'all pages':50} {total:6} {touch / max(1, pairs):7.3f} {shares}")


if __name__ == "__main__":
    main()
