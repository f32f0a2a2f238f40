"""The file of each result, which is written completely or not at all."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.folders import touch
from hwr.errors import OutputError, UsageError
from hwr.files.atomic import check_free
from hwr.files.pixels import PageImage
from hwr.formats import DocumentWriter, Format, find_format
from hwr.page.page import Line, Page
from hwr.recognize.inputs import InputFile, find_inputs
from hwr.recognize.outputs import DocumentFiles, ManyOutputs, PageFiles, StreamOutput, make_file_output

TEXT = find_format("text")


def test_several_formats_need_a_folder(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "file")
    inputs = find_inputs([tmp_path / "a.png"])
    forms = [TEXT, find_format("alto")]
    for name in ("file", "a.txt"):
        with pytest.raises(UsageError, match="several formats need a folder"):
            make_file_output(forms, inputs, str(tmp_path / name))
    output = make_file_output(forms, inputs, str(tmp_path / "new"))
    output.add(inputs.files[0], *page(1, 1))
    assert output.end_document()
    assert sorted(files_below(tmp_path / "new")) == ["a.alto.xml", "a.txt"]


def test_existing_files_are_kept_without_force(tmp_path: Path) -> None:
    touch(tmp_path, "a.txt")
    check_free(tmp_path / "new.txt", force=False)
    check_free(tmp_path / "a.txt", force=True)
    with pytest.raises(OutputError, match="--force"):
        check_free(tmp_path / "a.txt", force=False)
    with pytest.raises(OutputError, match="folder"):
        check_free(tmp_path, force=True)


class PagedWriter:
    """A format that has a file a page: their names."""

    def __init__(self, file: io.BytesIO) -> None:
        self.file = file

    def add(self, page: Page, pixels: object, dpi: object) -> None:
        self.file.write(page.image.encode())

    def close(self) -> None:
        self.file.write(b".")


PAGED = Format("paged", ".x.xml", PagedWriter)
JOINED = Format("joined", ".joined", PagedWriter, joins=True)


def page(number: int, count: int, name: str = "book.pdf") -> tuple[Page, PageImage]:
    line = Line("l1", "r1", "default", f"text {number}", 1.0, (), ())
    image = PageImage(f"{name}#{number}", number, count, np.zeros((2, 2), np.uint8))
    return Page(image.name, 2, 2, "m", (), (line,)), image


def files_below(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


BOOK = InputFile(Path("book.pdf"), Path("book.pdf"))
OTHER = InputFile(Path("other.pdf"), Path("other.pdf"))


def test_pages_of_a_document_are_joined_where_the_format_can(tmp_path: Path) -> None:
    output = DocumentFiles(TEXT, {BOOK: tmp_path / "b" / "book.txt", OTHER: tmp_path / "other.txt"})
    output.add(BOOK, *page(1, 2))
    output.add(BOOK, *page(2, 2))
    assert not (tmp_path / "b" / "book.txt").exists()
    output.end_document()
    output.add(OTHER, *page(1, 1))
    output.end_document()
    output.end_document()
    assert files_below(tmp_path) == {"b/book.txt": "text 1\n\ftext 2\n", "other.txt": "text 1\n"}


def test_pages_have_files_where_it_cannot(tmp_path: Path) -> None:
    output = PageFiles(PAGED, {BOOK: tmp_path / "book.x.xml", OTHER: tmp_path / "other.x.xml"})
    for number in (1, 2):
        output.add(BOOK, *page(number, 2))
    output.add(OTHER, *page(1, 1))
    output.end_document()
    assert files_below(tmp_path) == {
        "book-0001.x.xml": "book.pdf#1.",
        "book-0002.x.xml": "book.pdf#2.",
        "other.x.xml": "book.pdf#1.",
    }


def test_several_pages_go_to_a_folder_if_the_output_has_no_ending(tmp_path: Path) -> None:
    output = PageFiles(PAGED, {BOOK: tmp_path / "out"})
    output.add(BOOK, *page(1, 2))
    output.add(BOOK, *page(2, 2))
    assert sorted(files_below(tmp_path)) == ["out/book-0001.x.xml", "out/book-0002.x.xml"]
    PageFiles(PAGED, {BOOK: tmp_path / "one"}).add(BOOK, *page(1, 1))
    assert (tmp_path / "one").is_file()


def test_what_exists_is_known_and_kept(tmp_path: Path) -> None:
    touch(tmp_path, "book-0002.x.xml", "book.joined")
    output = PageFiles(PAGED, {BOOK: tmp_path / "book.x.xml"})
    assert [output.exists(BOOK, number, 3) for number in (0, 1, 2, 3)] == [False, False, True, False]
    with pytest.raises(OutputError, match=r"book-0002\.x\.xml: already exists; --force"):
        output.add(BOOK, *page(2, 3))
    joined = DocumentFiles(JOINED, {BOOK: tmp_path / "book.joined"})
    assert [joined.exists(BOOK, number, 3) for number in (0, 1)] == [True, True]
    with pytest.raises(OutputError, match="--force"):
        joined.check(BOOK, 3, 3)
    forced = DocumentFiles(JOINED, {BOOK: tmp_path / "book.joined"}, force=True)
    forced.check(BOOK, 3, 3)
    forced.add(BOOK, *page(1, 1))
    forced.end_document()
    assert (tmp_path / "book.joined").read_text() == "book.pdf#1."


def test_two_pages_never_share_a_file(tmp_path: Path) -> None:
    single = InputFile(Path("book-0001.png"), Path("book-0001.png"))
    output = PageFiles(PAGED, {BOOK: tmp_path / "book.x.xml", single: tmp_path / "book-0001.x.xml"}, force=True)
    output.add(BOOK, *page(1, 2))
    with pytest.raises(OutputError, match="written another page there"):
        output.add(single, *page(1, 1))


def test_an_abandoned_document_leaves_nothing(tmp_path: Path) -> None:
    touch(tmp_path, "book.joined")
    output = DocumentFiles(JOINED, {BOOK: tmp_path / "book.joined"}, force=True)
    output.add(BOOK, *page(1, 2))
    output.abandon()
    output.abandon()
    assert files_below(tmp_path) == {"book.joined": "x"}


def test_a_full_disk_is_one_error_a_page_and_no_file(tmp_path: Path) -> None:
    class FullWriter(PagedWriter):
        def add(self, page: Page, pixels: object, dpi: object) -> None:
            if page.image.endswith("2"):
                raise OSError(28, "No space left on device")

    def opened(file: io.BytesIO) -> DocumentWriter:
        return FullWriter(file)

    output = DocumentFiles(Format("full", ".full", opened, joins=True), {BOOK: tmp_path / "book.full"})
    output.add(BOOK, *page(1, 3))
    for number in (2, 3):
        with pytest.raises(OutputError, match=r"book\.full: cannot be written"):
            output.add(BOOK, *page(number, 3))
    output.end_document()
    assert files_below(tmp_path) == {}


def test_a_stream_has_headers_between_several_pages() -> None:
    stream = io.BytesIO()
    output = StreamOutput(TEXT, stream, several=False)
    output.add(BOOK, *page(1, 1))
    output.add(BOOK, *page(2, 3))
    output.end_document()
    assert stream.getvalue().decode() == "text 1\n==> book.pdf#2 <==\ntext 2\n"


def test_a_stream_takes_one_document_of_a_format_that_joins() -> None:
    stream = io.BytesIO()
    output = StreamOutput(JOINED, stream, several=False)
    output.check(BOOK, 2, 2)
    for number in (1, 2):
        output.add(BOOK, *page(number, 2))
    output.end_document()
    assert stream.getvalue() == b"book.pdf#1book.pdf#2."
    with pytest.raises(UsageError, match=r"2 pages cannot be written to stdout as paged; name a folder with -o"):
        StreamOutput(PAGED, stream, several=False).check(BOOK, 7, 2)
    StreamOutput(PAGED, stream, several=False).check(BOOK, 7, 1)


def test_documents_are_merged_where_they_have_one_target(tmp_path: Path) -> None:
    output = DocumentFiles(TEXT, {BOOK: tmp_path / "all.txt", OTHER: tmp_path / "all.txt"})
    for file, number in ((BOOK, 1), (BOOK, 2), (OTHER, 3)):
        output.check(file, 2, 2)
        output.add(file, *page(number, 2))
        assert not output.end_document()
    assert files_below(tmp_path).keys() != {"all.txt"}
    assert output.finish()
    assert files_below(tmp_path) == {"all.txt": "text 1\n\ftext 2\n\ftext 3\n"}


def test_one_format_that_fails_does_not_keep_the_others_from_being_written(tmp_path: Path) -> None:
    touch(tmp_path, "a.x.xml")
    output = ManyOutputs(
        [PageFiles(PAGED, {BOOK: tmp_path / "a.x.xml"}), DocumentFiles(TEXT, {BOOK: tmp_path / "a.txt"})]
    )
    with pytest.raises(OutputError, match=r"a\.x\.xml: already exists"):
        output.add(BOOK, *page(1, 1))
    assert output.end_document()
    assert files_below(tmp_path) == {"a.x.xml": "x", "a.txt": "text 1\n"}


def test_a_joined_format_that_fails_is_named_once_and_the_others_get_all_pages(tmp_path: Path) -> None:
    class FullWriter(PagedWriter):
        def add(self, page: Page, pixels: object, dpi: object) -> None:
            raise OSError(28, "No space left on device")

    full = Format("full", ".full", FullWriter, joins=True)
    output = ManyOutputs(
        [DocumentFiles(full, {BOOK: tmp_path / "a.full"}), DocumentFiles(TEXT, {BOOK: tmp_path / "a.txt"})]
    )
    output.add(BOOK, *page(1, 2))
    output.add(BOOK, *page(2, 2))
    with pytest.raises(OutputError, match=r"^[^;]*a\.full: cannot be written: No space left on device$") as found:
        output.end_document()
    assert found.value.partial and files_below(tmp_path) == {"a.txt": "text 1\n\ftext 2\n"}


def test_only_missing_formats_are_written_if_results_are_kept(tmp_path: Path) -> None:
    touch(tmp_path, "a-0002.x.xml")
    outputs = [PageFiles(PAGED, {BOOK: tmp_path / "a.x.xml"}), DocumentFiles(TEXT, {BOOK: tmp_path / "a.txt"})]
    output = ManyOutputs(outputs, keep=True)
    output.check(BOOK, 2, 2)
    for number in (1, 2):
        output.add(BOOK, *page(number, 2))
    assert output.end_document()
    assert files_below(tmp_path) == {
        "a-0001.x.xml": "book.pdf#1.",
        "a-0002.x.xml": "x",
        "a.txt": "text 1\n\ftext 2\n",
    }


def test_a_device_has_no_unfinished_file_next_to_it(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/dev/null")
    for target, unfinished in (("link", None), ("book", tmp_path / ".book.partial")):
        assert DocumentFiles(TEXT, {BOOK: tmp_path / target}).partial(BOOK, 2) == unfinished


def test_a_newline_in_a_name_forges_no_header() -> None:
    stream = io.BytesIO()
    found, image = page(1, 1)
    StreamOutput(TEXT, stream, several=True).add(BOOK, replace(found, image="a\n==> b <=="), image)
    assert stream.getvalue().decode().splitlines() == ["==> a\\n==> b <== <==", "text 1"]
