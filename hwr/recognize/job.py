"""Read many documents: keep one page in memory at a time, report failures, and write results immediately."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

from hwr.errors import HwrError, InputError, Outcome, OutputError, UsageError
from hwr.files.documents import Document, choose_pages, describe_absent_pages, open_document, page_name
from hwr.files.pixels import PageImage, grey_of
from hwr.page.page import Page, mark_uncertain
from hwr.recognize.estimates import WORTHLESS, mean_confidence, words_of
from hwr.recognize.found_lines import (
    COLUMN_BY_COLUMN,
    PageOptions,
    find_layout,
)
from hwr.recognize.given_lines import GivenLines, read_given
from hwr.recognize.inputs import InputFile
from hwr.recognize.journal import Journal
from hwr.recognize.outputs import Output
from hwr.recognize.recognizer import Recognizer

LINES_AT_ONCE = 64
"""Maximum number of line images to read together: enough to fill batches of similar width."""
MAX_PIXELS_AT_ONCE = 30_000_000
"""Maximum of their pixels together."""


@dataclass(frozen=True)
class JobOptions:
    """Options for reading documents.

    Attributes:
        as_lines: each image is one line, not a page.
        colour: the output needs the colours of the pages.
        pages: numbers of the pages to read; all if empty.
        password: for encrypted PDFs.
        skip_existing: skip pages and documents whose result exists.
        min_confidence: mark words with a lower confidence.
        given: the lines to read; None: find lines.
        page: how lines are found and ordered.
    """

    as_lines: bool = False
    colour: bool = False
    pages: tuple[range, ...] = ()
    password: str | None = None
    skip_existing: bool = False
    min_confidence: float | None = None
    given: GivenLines | None = None
    page: PageOptions = COLUMN_BY_COLUMN


class Progress(Protocol):
    """Receives the events of a reading job."""

    def opened(self, pages: int) -> None:
        """A document was opened, of which `pages` pages will be read."""

    def begin(self, name: str) -> None:
        """The reading of a page begins."""

    def done(self) -> None:
        """A page was read, failed or was skipped."""

    def failed(self, error: HwrError) -> None:
        """A page or a document could not be read or written."""

    def note(self, text: str) -> None:
        """A message for the user that is not a failure."""


@dataclass
class Counts:
    """Numbers of pages by result; a document that could not be opened counts as one page.

    Attributes:
        read: pages that were read and written.
        partial: failed pages that were written in another format.
        resumed: pages that an interrupted job had read.
        doubtful: read pages with a low confidence.
        lines: lines on the read pages.
        lost_lines: lines of given files that could not be used.
    """

    read: int = 0
    failed: int = 0
    partial: int = 0
    skipped: int = 0
    resumed: int = 0
    doubtful: int = 0
    lines: int = 0
    lost_lines: int = 0

    @property
    def outcome(self) -> Outcome:
        """The outcome of the command."""
        return Outcome(self.read + self.partial + self.skipped, self.failed + self.lost_lines)

    @property
    def total(self) -> int:
        """All pages."""
        return self.read + self.failed + self.skipped


@dataclass
class ReadingJob:
    """Reads documents with one recognizer and writes them to one output.

    The recognizer is made as soon as there is a page to read, in a thread of its own: it is loaded while the page is
    decoded and its lines are found.

    Attributes:
        unfinished: pages that were read, of a document that is not written yet.
        make_settings: returns everything on which the reading of a page depends; pages of an interrupted job are used
            only under equal settings.
    """

    make_recognizer: Callable[[], Recognizer]
    output: Output
    options: JobOptions
    progress: Progress
    make_settings: Callable[[], str] = str
    counts: Counts = field(default_factory=Counts)
    _loaded: list[tuple[InputFile, PageImage]] = field(default_factory=list)
    _document: InputFile | None = None
    _journal: Journal | None = None
    unfinished: int = 0
    _unfinished_lines: int = 0
    _unfinished_doubtful: int = 0
    _lost: set[InputFile] = field(default_factory=set)

    @cached_property
    def _loading(self) -> Future[Recognizer]:
        """The recognizer, which a thread starts to load at the first use."""
        pool = ThreadPoolExecutor(1)
        try:
            return pool.submit(self.make_recognizer)
        finally:
            pool.shutdown(wait=False)

    @property
    def recognizer(self) -> Recognizer:
        """The reader of the pages; waits until it is loaded."""
        return self._loading.result()

    @cached_property
    def settings(self) -> str:
        """Everything on which the reading of a page depends."""
        return self.make_settings()

    @property
    def resumes(self) -> bool:
        """True if the same command would continue after the pages of the document that is not written yet."""
        return self.unfinished > 0 and self._journal is not None

    def read(self, files: Sequence[InputFile]) -> Counts:
        """Read all files and write the results; return how many pages were read, failed and were skipped.

        Failures are reported to `progress`, and the other pages are read. After an interruption, nothing remains of a
        document that was not completely written, except its journal (`Output.partial`).
        """
        at_once = _lines_at_once(files)
        if self.options.skip_existing and self.output.whole is not None and self.output.whole.exists():
            self.progress.note(f"{self.output.whole}: exists; no page is added. To write it again, use --force")
        try:
            for file, image in self._images(files):
                if self._loaded and self._loaded[-1][0].path.parent != file.path.parent:
                    self._handle()
                self._loaded.append((file, image))
                most = at_once[file.path.parent] if self.options.as_lines else 1
                if len(self._loaded) >= most or sum(i.pixels.size for _, i in self._loaded) > MAX_PIXELS_AT_ONCE:
                    self._handle()
            self._handle()
            self._settle(self.output.finish)
        finally:
            self.output.abandon()
            if self._journal is not None:
                self._journal.close()
        return self.counts

    def _images(self, files: Sequence[InputFile]) -> Iterator[tuple[InputFile, PageImage]]:
        """Yield the images of the pages to read; a document is open while its pages are requested."""
        options = self.options
        for file in files:
            if options.skip_existing and self.output.exists(file, 0, 1):
                self._skip()
                continue
            settings = self.settings  # outside the try: a missing model is named once, not for each file
            try:
                with open_document(file.path, password=options.password) as document:
                    numbers = choose_pages(options.pages, document)
                    self._check(file, document.count, len(numbers), settings)
                    absent = describe_absent_pages(options.pages, document)
                    self.progress.opened(len(numbers) + bool(absent))
                    if absent:
                        self._fail(InputError(absent))
                    for number in numbers:
                        if options.skip_existing and self.output.exists(file, number, document.count):
                            self._skip()
                        elif file in self._lost:
                            self._lose()
                        else:
                            yield from self._load(file, document, number)
                if self._document is file and not options.as_lines:  # an interruption must not lose a whole document
                    self._end_document()
            except HwrError as error:
                self._fail(error)

    def _check(self, file: InputFile, count: int, chosen: int, settings: str) -> None:
        given = self.options.given
        if chosen > 1 and given is not None and not given.path.is_dir() and len(given.pages(given.path)) == 1:
            raise UsageError(f"{file.path}: {count} pages, but --lines names one file; name a folder with their XML")
        self.output.check(file, count, chosen)
        if chosen < count and self.output.joins and self.output.exists(file, 0, count):
            self.progress.note(f"{file.path}: {chosen} of {count} pages replace an earlier result")
        path = self.output.partial(file, chosen)
        if self._journal is not None and path != self._journal.path:
            self._handle()
            self._end_document()
        if path is not None and self._journal is None:
            self._journal = Journal(path, settings)

    def _load(self, file: InputFile, document: Document, number: int) -> Iterator[tuple[InputFile, PageImage]]:
        """Yield the image of a page, unless it is broken."""
        self.progress.begin(page_name(document.name, number, document.count))
        try:
            self.output.protect(self._files_of(file, number, document.count))
            self.output.check_page(file, number, document.count)
            _ = self._loading
            image = document.page(number, self.options.colour)
        except HwrError as error:
            self._fail(error)
        else:
            yield file, image

    def _handle(self) -> None:
        """Read and write the loaded pages, and forget them."""
        if not self._loaded:
            return
        loaded, self._loaded = self._loaded, []
        for (file, image), page in zip(loaded, self._read_all(loaded), strict=True):
            if file in self._lost:
                self._lose()
                continue
            try:
                if isinstance(page, HwrError):
                    raise page
                if self._document not in (None, file):
                    self._end_document()
                self._document = file
                self._write(file, page, image)
            except HwrError as error:
                self._fail(error)

    def _read_all(self, loaded: Sequence[tuple[InputFile, PageImage]]) -> Sequence[Page | HwrError]:
        """Return the pages: those that an interrupted job read, and the rest read now."""
        known = [
            self._journal.find(self._files_of(file, image.number, image.count), image.number) if self._journal else None
            for file, image in loaded
        ]
        missing = [item for item, page in zip(loaded, known, strict=True) if page is None]
        self.counts.resumed += len(loaded) - len(missing)
        fresh = iter(self._read_now(missing) if missing else [])
        pages: list[Page | HwrError] = []
        for (file, image), found in zip(loaded, known, strict=True):
            page = found or next(fresh)
            if self._journal is not None and found is None and isinstance(page, Page):
                self._journal.add(self._files_of(file, image.number, image.count), image.number, page)
            pages.append(page)
        return pages

    def _files_of(self, file: InputFile, number: int, count: int) -> list[Path]:
        """Return the files that the reading of a page depends on."""
        files = [file.path]
        if self.options.given is not None:
            with suppress(InputError):  # which reading the page reports
                files.append(self.options.given.file_of(file.relative, number, count))
        return files

    def _read_now(self, loaded: Sequence[tuple[InputFile, PageImage]]) -> Sequence[Page | HwrError]:
        if self.options.as_lines:
            return self.recognizer.read_line_pages([(image.name, grey_of(image.pixels)) for _, image in loaded])
        if self.options.given is not None:
            return [self._read_given(file, image, self.options.given) for file, image in loaded]
        return [self._read_page(image) for _, image in loaded]

    def _read_page(self, image: PageImage) -> Page | HwrError:
        image = replace(image, pixels=grey_of(image.pixels))
        layout = find_layout(image.pixels, None, self.options.page)
        recognizer = self.recognizer  # outside the try: a broken model is named once, not for each page
        try:
            return recognizer.read_found(image, layout, self.options.page)
        except HwrError as error:
            return error

    def _read_given(self, file: InputFile, image: PageImage, given: GivenLines) -> Page | HwrError:
        recognizer = self.recognizer
        try:
            page, notes, lost = read_given(recognizer, image, file.relative, given)
        except HwrError as error:
            return error
        for note in notes:
            self.progress.note(note)
        self.counts.lost_lines += lost
        return page

    def _write(self, file: InputFile, page: Page, image: PageImage) -> None:
        if not page.lines and not page.warnings and self.options.given is None:
            kind = f"{self.options.page.only} writing" if self.options.page.only else "writing"
            self.progress.note(f"{page.image}: no {kind} found")
        for warning in page.warnings:
            self.progress.note(f"{page.image}: {warning}")
        if self.options.min_confidence is not None:
            page = mark_uncertain(page, self.options.min_confidence)
        try:
            self.output.add(file, page, image)
        except OutputError as error:
            if self.output.joins and not error.partial:  # pages of the document that were added before are lost with it
                self.counts.failed += self.unfinished
                self._forget_unfinished()
                self._lost.add(file)
            raise
        self.unfinished += 1
        self._unfinished_lines += len(page.lines)
        words = words_of(page.lines)
        self._unfinished_doubtful += bool(words) and mean_confidence(words) < WORTHLESS
        self.progress.done()

    def _end_document(self) -> None:
        """Finish the document that is being written, before another one."""
        self._document = None
        self._settle(self.output.end_document)

    def _settle(self, finish: Callable[[], bool]) -> None:
        """Finish results; count their pages as read, or as failed if they cannot be written."""
        try:
            if not finish():
                return
            self.counts.read += self.unfinished
            self.counts.lines += self._unfinished_lines
            self.counts.doubtful += self._unfinished_doubtful
            if self._journal is not None:
                self._journal.remove()
        except HwrError as error:
            self.progress.failed(error)
            self.counts.failed += self.unfinished
            self.counts.partial += self.unfinished * (isinstance(error, OutputError) and error.partial)
        self._journal = None
        self._forget_unfinished()

    def _forget_unfinished(self) -> None:
        self.unfinished = self._unfinished_lines = self._unfinished_doubtful = 0

    def _fail(self, error: HwrError) -> None:
        self.progress.failed(error)
        self.counts.failed += 1
        self.counts.partial += isinstance(error, OutputError) and error.partial
        self.progress.done()

    def _lose(self) -> None:
        """Count a page of a document that cannot be written, which was named before."""
        self.counts.failed += 1
        self.progress.done()

    def _skip(self) -> None:
        self.counts.skipped += 1
        self.progress.done()


def _lines_at_once(files: Sequence[InputFile]) -> dict[Path, int]:
    """Return the number of images of lines to read together in each folder: equal parts of at most `LINES_AT_ONCE`.

    Lines that are read together are a document, whose language is detected; a rest of a few lines would be too short.
    """
    counts = Counter(file.path.parent for file in files)
    return {folder: -(-count // -(-count // LINES_AT_ONCE)) for folder, count in counts.items()}
