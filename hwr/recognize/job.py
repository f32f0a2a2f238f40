"""Read many documents: one page in memory, failures named, results written as they come."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Protocol

from hwr.errors import HwrError, UsageError
from hwr.files.documents import choose_pages, open_document, page_name
from hwr.files.pixels import PageImage, grey_of
from hwr.page.page import Page, mark_uncertain
from hwr.recognize.given_lines import GivenLines, read_given
from hwr.recognize.inputs import InputFile
from hwr.recognize.outputs import Output, numbered
from hwr.recognize.recognizer import COLUMN_BY_COLUMN, PageOptions, Recognizer

LINES_AT_ONCE = 64
"""Line images that are read together: enough to fill batches of like width."""
PIXELS_AT_ONCE = 30_000_000
"""... but no more of them than have so many pixels."""


@dataclass(frozen=True)
class RunOptions:
    """How documents are read.

    Attributes:
        as_lines: each image is one line, not a page.
        colour: the output wants the colours of the pages.
        pages: numbers of the pages that are read; all if empty.
        password: of encrypted PDFs.
        skip_existing: pages and documents whose result is there are left out.
        min_confidence: words below it are marked.
        given: the lines to read; they are found if it is None.
        page: of the lines that are found.
    """

    as_lines: bool = False
    colour: bool = False
    pages: tuple[range, ...] = ()
    password: str | None = None
    skip_existing: bool = False
    min_confidence: float | None = None
    given: GivenLines | None = None
    page: PageOptions = COLUMN_BY_COLUMN


class Watcher(Protocol):
    """Is told what happens."""

    def opened(self, pages: int) -> None:
        """A document was opened, of which so many pages are read."""

    def begin(self, name: str) -> None:
        """A page is read now."""

    def done(self, pages: int = 1) -> None:
        """So many pages are dealt with: read, failed or skipped."""

    def failed(self, error: HwrError) -> None:
        """A page or a document could not be read or written."""

    def note(self, text: str) -> None:
        """Something that the user should know, and that is no failure."""


@dataclass
class Counts:
    """What became of the pages; a document that could not be opened counts as one."""

    read: int = 0
    failed: int = 0
    skipped: int = 0

    @property
    def total(self) -> int:
        """All pages."""
        return self.read + self.failed + self.skipped


@dataclass(frozen=True)
class Task:
    """A page that is to be read; it can be loaded until the next one is asked for."""

    file: InputFile
    name: str
    load: Callable[[], PageImage]


@dataclass
class Run:
    """Reads documents with one recognizer to one output.

    The recognizer is made when the first page has been loaded: where there is nothing to read, nothing is waited for.
    """

    make_recognizer: Callable[[], Recognizer]
    output: Output
    options: RunOptions
    watcher: Watcher
    counts: Counts = field(default_factory=Counts)
    _loaded: list[tuple[InputFile, PageImage]] = field(default_factory=list)
    _document: InputFile | None = None

    @cached_property
    def recognizer(self) -> Recognizer:
        """Reads the pages."""
        return self.make_recognizer()

    def read(self, files: Sequence[InputFile]) -> Counts:
        """Read all files and write what was read; returns how many pages were read, failed and were skipped.

        What fails is told to the watcher; the others go on. When it is interrupted, nothing is left of a document
        that was not written to its end.
        """
        at_once = LINES_AT_ONCE if self.options.as_lines else 1
        try:
            for task in self._tasks(files):
                self._load(task)
                if len(self._loaded) >= at_once or sum(i.pixels.size for _, i in self._loaded) > PIXELS_AT_ONCE:
                    self._handle()
            self._handle()
            self._end_document(None)
        finally:
            self.output.abandon()
        return self.counts

    def _tasks(self, files: Sequence[InputFile]) -> Iterator[Task]:
        """The pages to read; a document is open while its pages are asked for."""
        skip, options = self.options.skip_existing, self.options
        for file in files:
            if skip and self.output.exists(file, 0, 1):
                self._skip()
                continue
            try:
                with open_document(file.path, password=options.password) as document:
                    numbers = choose_pages(options.pages, document)
                    self._check(file, document.count, len(numbers))
                    self.watcher.opened(len(numbers))
                    for number in numbers:
                        if skip and self.output.exists(file, number, document.count):
                            self._skip()
                            continue
                        name = page_name(document.name, number, document.count)
                        yield Task(file, name, partial(document.page, number, options.colour))
            except HwrError as error:
                self._fail(error)

    def _check(self, file: InputFile, count: int, chosen: int) -> None:
        if chosen > 1 and self.options.given is not None and not self.options.given.path.is_dir():
            raise UsageError(f"{file.path}: {count} pages, but --lines names one file; name a folder with their XML")
        self.output.check(file, count, chosen)

    def _load(self, task: Task) -> None:
        self.watcher.begin(task.name)
        try:
            self._loaded.append((task.file, task.load()))
        except HwrError as error:
            self._fail(error)

    def _handle(self) -> None:
        """Read and write the pages that are loaded, and forget them."""
        if not self._loaded:
            return
        pages = self._read_all()
        for (file, image), page in zip(self._loaded, pages, strict=True):
            try:
                if isinstance(page, HwrError):
                    raise page
                if file != self._document:
                    self._end_document(file)
                self._write(file, page, image)
            except HwrError as error:
                self._fail(error)
        self._loaded.clear()

    def _read_all(self) -> Sequence[Page | HwrError]:
        if self.options.as_lines:
            return self.recognizer.read_line_pages([(image.name, grey_of(image.pixels)) for _, image in self._loaded])
        pages: list[Page | HwrError] = []
        for file, image in self._loaded:
            try:
                pages.append(self._read_page(file, image))
            except HwrError as error:
                pages.append(error)
        return pages

    def _read_page(self, file: InputFile, image: PageImage) -> Page:
        if self.options.given is None:
            return self.recognizer.read(image, options=self.options.page)
        relative = numbered(file.relative, file.relative.suffix, image.number, image.count)
        page, notes = read_given(self.recognizer, image, relative, self.options.given)
        for note in notes:
            self.watcher.note(note)
        return page

    def _write(self, file: InputFile, page: Page, image: PageImage) -> None:
        if not page.lines:
            kind = f"{self.options.page.only} writing" if self.options.page.only else "writing"
            self.watcher.note(f"{page.image}: no {kind} found")
        if self.options.min_confidence is not None:
            page = mark_uncertain(page, self.options.min_confidence)
        self.output.add(file, page, image)
        self.counts.read += 1
        self.watcher.done()

    def _end_document(self, following: InputFile | None) -> None:
        """Finish the document that is being written, before another one."""
        before, self._document = self._document, following
        try:
            self.output.close()
        except HwrError as error:
            assert before is not None
            self.watcher.failed(error)
            self.counts.failed += 1

    def _fail(self, error: HwrError) -> None:
        self.watcher.failed(error)
        self.counts.failed += 1
        self.watcher.done()

    def _skip(self) -> None:
        self.counts.skipped += 1
        self.watcher.done()
