"""Where results go: a file for each document or page, written aside and renamed, or the standard output."""

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import BinaryIO, Protocol

from hwr.errors import OutputError, UsageError
from hwr.files.atomic import atomic_write
from hwr.files.pixels import PageImage
from hwr.formats import DocumentWriter, Format, to_bytes
from hwr.page.page import Page
from hwr.recognize.inputs import InputFile, Inputs

NUMBER_DIGITS = 4
"""Digits of the page numbers in names of files, at least."""


class Output(Protocol):
    """Takes the pages of one document, is closed, and takes those of the next."""

    def exists(self, file: InputFile, number: int, count: int) -> bool:
        """Whether the result of a page of `count` stands there already; `number` 0 asks for the whole document."""

    def check(self, file: InputFile, count: int, chosen: int) -> None:
        """Raise what speaks against reading `chosen` of the `count` pages of a document.

        Raises:
            OutputError, UsageError: its results cannot be written.
        """

    def add(self, file: InputFile, page: Page, image: PageImage) -> None:
        """Write a page.

        Raises:
            OutputError: it cannot be written.
        """

    def close(self) -> None:
        """End the document, if one was begun.

        Raises:
            OutputError: it cannot be written.
        """

    def abandon(self) -> None:
        """Leave nothing of a document that is not whole yet."""


class FileOutput:
    """Results in files: one for each document where the format joins pages, otherwise one for each page."""

    def __init__(self, form: Format, targets: dict[InputFile, Path], force: bool = False) -> None:
        """Make an output.

        Args:
            targets: the file that each document's result goes to; pages of a document get a number in its name.
            force: overwrite files.
        """
        self._form, self._targets, self._force = form, targets, force
        self._written: set[Path] = set()
        self._inputs = {file.path.resolve() for file in targets}
        self._stack = ExitStack()
        self._writer: DocumentWriter | None = None
        self._broken: InputFile | None = None

    def exists(self, file: InputFile, number: int, count: int) -> bool:
        target = self._targets[file]
        if number == 0 or self._form.joins:
            return target.is_file()
        return numbered(target, self._form.suffix, number, count).is_file()

    def check(self, file: InputFile, count: int, chosen: int) -> None:
        if self._form.joins or count == 1:
            self._check_free(self._targets[file])

    def add(self, file: InputFile, page: Page, image: PageImage) -> None:
        if not self._form.joins:
            target = numbered(self._targets[file], self._form.suffix, image.number, image.count)
            self._check_free(target)
            with atomic_write(target) as temporary:
                temporary.write_bytes(to_bytes(self._form, page, image.pixels, image.dpi))
            self._written.add(target)
            return
        target = self._targets[file]
        if self._broken == file:
            raise OutputError(f"{target}: cannot be written")
        if self._writer is None:
            self._begin(target)
        assert self._writer is not None
        try:
            self._writer.add(page, image.pixels, image.dpi)
        except OSError as error:
            self._broken = file
            self.abandon()
            raise OutputError(f"{target}: cannot be written: {error.strerror or error}") from error

    def close(self) -> None:
        if self._writer is None:
            return
        writer, stack = self._writer, self._forget()
        with stack:
            writer.close()

    def abandon(self) -> None:
        if self._writer is None:
            return
        with suppress(_Abandoned), self._forget():
            raise _Abandoned

    def _begin(self, target: Path) -> None:
        self._check_free(target)
        temporary = self._stack.enter_context(atomic_write(target))
        try:
            stream = self._stack.enter_context(temporary.open("wb"))
        except OSError as error:
            self._forget()
            raise OutputError(f"{target}: cannot be written: {error.strerror or error}") from error
        self._written.add(target)
        self._writer = self._form.open(stream)

    def _forget(self) -> ExitStack:
        """The open files, which are no longer this object's."""
        self._writer = None
        return self._stack.pop_all()

    def _check_free(self, target: Path) -> None:
        if target in self._written:
            raise OutputError(f"{target}: another page was written there in this run; read the inputs one by one")
        if target.resolve() in self._inputs:
            raise OutputError(f"{target}: the result would go over an input")
        check_free(target, self._force)


class _Abandoned(Exception):
    """Makes `atomic_write` throw a file away."""


class StreamOutput:
    """Results on one stream: page after page, each with a header where there are several and the format has headers."""

    def __init__(self, form: Format, stream: BinaryIO, several: bool) -> None:
        self._form, self._stream, self._several = form, stream, several
        self._writer: DocumentWriter | None = None

    def exists(self, file: InputFile, number: int, count: int) -> bool:
        return False

    def check(self, file: InputFile, count: int, chosen: int) -> None:
        if chosen > 1 and not self._form.joins:
            raise UsageError(
                f"{file.path}: its {chosen} pages as {self._form.name} do not fit on the standard output; "
                "give a folder with -o, or choose one page with --pages"
            )

    def add(self, file: InputFile, page: Page, image: PageImage) -> None:
        if self._form.headed or self._form.streams:
            if self._form.headed and (self._several or image.count > 1):
                self._stream.write(f"==> {page.image} <==\n".encode(errors="backslashreplace"))
            self._stream.write(to_bytes(self._form, page, image.pixels, image.dpi))
        else:
            if self._writer is None:
                self._writer = self._form.open(self._stream)
            self._writer.add(page, image.pixels, image.dpi)
        self._stream.flush()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._stream.flush()
            self._writer = None

    def abandon(self) -> None:
        """What was written cannot be taken back."""


def numbered(path: Path, suffix: str, number: int, count: int) -> Path:
    """The file of one page: `book.alto.xml` becomes `book-0003.alto.xml` where the document has several pages.

    Args:
        path: the file of the document.
        suffix: its ending, before which the number goes; before the last suffix if it has another one.
    """
    if count == 1:
        return path
    ending = suffix if suffix and path.name.endswith(suffix) else path.suffix
    stem = path.name.removesuffix(ending) if ending else path.name
    digits = max(NUMBER_DIGITS, len(str(count)))
    return path.with_name(f"{stem}-{number:0{digits}}{ending}")


def find_targets(inputs: Inputs, output: str, suffix: str) -> list[Path]:
    """The file that the result of each document goes to, in the order of the inputs.

    One input goes to the file `output`, or into it where it is a folder or ends in a slash. Several inputs go to the
    same relative paths below the folder `output`, with the format's suffix in the place of the image's; where two of
    them would meet (a.png and a.jpg), both keep the image's suffix (a.png.txt).

    Raises:
        UsageError: `output` is a file though there are several inputs; two inputs would go to one file; a result
            would go over an input.
    """
    folder = Path(output)
    if not inputs.several and not folder.is_dir() and not output.endswith("/"):
        targets = [folder]
    else:
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"-o {output}: a file; several inputs need a folder")
        plain = Counter(file.relative.with_suffix("") for file in inputs.files)
        targets = [
            folder / file.relative.with_name(file.relative.name + suffix)
            if plain[file.relative.with_suffix("")] > 1
            else folder / file.relative.with_suffix(suffix)
            for file in inputs.files
        ]
    _check_targets(inputs, targets)
    return targets


def _check_targets(inputs: Inputs, targets: Sequence[Path]) -> None:
    twice = [target for target, count in Counter(targets).items() if count > 1]
    if twice:
        both = [str(file.path) for file, target in zip(inputs.files, targets, strict=True) if target == twice[0]]
        raise UsageError(f"{' and '.join(both)} would both be written to {twice[0]}; read them one by one")
    read = {file.path.resolve() for file in inputs.files}
    for target in targets:
        if target.resolve() in read:
            raise UsageError(f"{target}: the result would go over an input image")


def check_free(target: Path, force: bool) -> None:
    """Refuse to write over a file.

    Raises:
        OutputError: `target` exists and `force` is not set, or it is a folder.
    """
    if target.is_dir():
        raise OutputError(f"{target}: a folder stands where the result would go")
    if target.exists() and not force:
        raise OutputError(f"{target}: exists already; --force overwrites it")
