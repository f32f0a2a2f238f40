"""Destinations of results: files, one for each document or page, or stdout. A file exists completely or not at all."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import BinaryIO

from hwr.errors import HwrError, OutputError, UsageError
from hwr.files.atomic import FORCE_OVERWRITES, atomic_write, check_free, check_writable, is_device
from hwr.files.pixels import PageImage
from hwr.formats import DocumentWriter, Format, to_bytes
from hwr.page.page import Page
from hwr.recognize.inputs import InputFile, Inputs
from hwr.recognize.targets import WOULD_OVERWRITE, find_targets, names_file, numbered
from hwr.text import printable

Targets = Mapping[InputFile, Path]


class Output(ABC):
    """Receives the pages of the documents, document by document.

    Attributes:
        joins: the pages of a document, or of all documents, are lost together if their file cannot be written.
        whole: the file for all documents, if they have the same.
    """

    joins = False
    whole: Path | None = None

    def exists(self, file: InputFile, number: int, count: int) -> bool:
        """Return whether the result of page `number` of `count` exists; `number` 0 asks for the whole document."""
        return False

    def check(self, file: InputFile, count: int, chosen: int) -> None:  # noqa: B027 - may be empty
        """Check, before `chosen` of the `count` pages of a document are read, that their results can be written.

        Raises:
            OutputError, UsageError: they cannot.
        """

    def check_page(self, file: InputFile, number: int, count: int) -> None:  # noqa: B027 - may be empty
        """Check, before page `number` of `count` is read, that its result can be written; errors as of `check`."""

    def protect(self, paths: Iterable[Path]) -> None:  # noqa: B027 - may be empty
        """Never overwrite these files, from which results are made, as if they were inputs."""

    def partial(self, file: InputFile, chosen: int) -> Path | None:
        """Return the file that keeps `chosen` pages of a document until the result is complete, or None."""
        return None

    @abstractmethod
    def add(self, file: InputFile, page: Page, image: PageImage) -> None:
        """Write a page.

        Raises:
            OutputError: it cannot be written.
        """

    def end_document(self) -> bool:
        """End the document, if one was begun; return whether the results of all pages so far are written.

        Raises:
            OutputError: they cannot be written.
        """
        return True

    def finish(self) -> bool:
        """Finish the results of all documents, as `end_document` does for one."""
        return self.end_document()

    def abandon(self) -> None:  # noqa: B027 - may be empty
        """Remove what is not finished."""


class PageFiles(Output):
    """A file for each page."""

    def __init__(self, form: Format, targets: Targets, force: bool = False, advice: str = FORCE_OVERWRITES) -> None:
        """Make an output.

        Args:
            targets: the file for each document's result; pages of a document get a number in its name.
            force: overwrite files.
            advice: the options of the command for a file that exists.
        """
        self._form, self._targets = form, targets
        self._guard = _Guard(targets, force, advice)

    def exists(self, file: InputFile, number: int, count: int) -> bool:
        return self._target(file, number, count).is_file()

    def check(self, file: InputFile, count: int, chosen: int) -> None:
        if count == 1:
            self._guard.check(self._targets[file])

    def check_page(self, file: InputFile, number: int, count: int) -> None:
        self._guard.check(self._target(file, number, count))

    def protect(self, paths: Iterable[Path]) -> None:
        self._guard.protect(paths)

    def add(self, file: InputFile, page: Page, image: PageImage) -> None:
        target = self._target(file, image.number, image.count)
        self._guard.check(target)
        with atomic_write(target) as temporary:
            temporary.write_bytes(to_bytes(self._form, page, image.pixels, image.dpi))
        self._guard.written.add(target)

    def _target(self, file: InputFile, number: int, count: int) -> Path:
        target = self._targets[file]
        if not number:
            return target
        if count > 1 and not target.suffix:  # a folder, whose name needs no slash as there is more than one page
            target = target / file.relative.with_suffix(self._form.suffix).name
        return numbered(target, self._form.suffix, number, count)


class DocumentFiles(Output):
    """A file for each document, or one for all documents if they have the same target."""

    joins = True

    def __init__(self, form: Format, targets: Targets, force: bool = False, advice: str = FORCE_OVERWRITES) -> None:
        """Make an output; the arguments are those of `PageFiles`."""
        self._form, self._targets = form, targets
        self._guard = _Guard(targets, force, advice)
        self.whole = next(iter(targets.values())) if len(targets) > 1 and len(set(targets.values())) == 1 else None
        self._stack = ExitStack()
        self._writer: DocumentWriter | None = None
        self._broken: Path | None = None

    def exists(self, file: InputFile, number: int, count: int) -> bool:
        return self._targets[file].is_file()

    def check(self, file: InputFile, count: int, chosen: int) -> None:
        if not (self.whole and self._writer):
            self._guard.check(self._targets[file])

    def protect(self, paths: Iterable[Path]) -> None:
        self._guard.protect(paths)

    def partial(self, file: InputFile, chosen: int) -> Path | None:
        target = self._targets[file]
        if is_device(target) or not (chosen > 1 or self.whole):
            return None
        return target.with_name(f".{target.name}.partial")

    def add(self, file: InputFile, page: Page, image: PageImage) -> None:
        target = self._targets[file]
        if self._broken == target:
            raise OutputError(f"{target}: cannot be written")
        if self._writer is None:
            self._begin(target)
        assert self._writer is not None
        try:
            self._guard.check_read(target)
            self._writer.add(page, image.pixels, image.dpi)
        except (OSError, OutputError) as error:
            self._broken = target
            self.abandon()
            if isinstance(error, OutputError):
                raise
            raise OutputError(f"{target}: cannot be written: {error.strerror or error}") from error

    def end_document(self) -> bool:
        return not self.whole and self.finish()

    def finish(self) -> bool:
        if self._writer is not None:
            writer, stack = self._writer, self._forget()
            with stack:
                writer.close()
        return True

    def abandon(self) -> None:
        if self._writer is None:
            return
        with suppress(_Abandoned), self._forget():
            raise _Abandoned

    def _begin(self, target: Path) -> None:
        self._guard.check(target)
        temporary = self._stack.enter_context(atomic_write(target))
        try:
            stream = self._stack.enter_context(temporary.open("wb"))
        except OSError as error:
            self._forget()
            raise OutputError(f"{target}: cannot be written: {error.strerror or error}") from error
        self._guard.written.add(target)
        self._writer = self._form.open(stream)

    def _forget(self) -> ExitStack:
        """Return the open files, which this object no longer owns."""
        self._writer = None
        return self._stack.pop_all()


class _Abandoned(Exception):
    """Makes `atomic_write` discard a file."""


class _Guard:
    """Refuses targets that exist, that are read, or that this run has written."""

    def __init__(self, targets: Targets, force: bool, advice: str) -> None:
        self._read: set[Path] = set()
        self.protect(file.path for file in targets)
        self._force, self._advice = force, advice
        self.written: set[Path] = set()

    def protect(self, paths: Iterable[Path]) -> None:
        self._read.update(path.resolve() for path in paths)

    def check(self, target: Path) -> None:
        if target in self.written:
            raise OutputError(f"{target}: this run has written another page there; read the inputs one by one")
        self.check_read(target)
        check_free(target, self._force, advice=self._advice)

    def check_read(self, target: Path) -> None:
        if target.resolve() in self._read:
            raise OutputError(f"{target}: {WOULD_OVERWRITE}")


class ManyOutputs(Output):
    """The same pages in several formats; if one format fails, the others are still written.

    A format that joins pages and fails is left out until the end of the document, and named there.
    """

    def __init__(self, outputs: Sequence[Output], keep: bool = False) -> None:
        """Make an output.

        Args:
            keep: keep results that exist, and write only the formats that are missing.
        """
        self._outputs, self._keep = outputs, keep
        self._broken: dict[Output, str] = {}
        self.joins = any(output.joins for output in outputs)

    def exists(self, file: InputFile, number: int, count: int) -> bool:
        return all(output.exists(file, number, count) for output in self._outputs)

    def check(self, file: InputFile, count: int, chosen: int) -> None:
        for output in self._outputs:
            if not self._is_kept(output, file, 1, count):
                output.check(file, count, chosen)

    def check_page(self, file: InputFile, number: int, count: int) -> None:
        errors, missing = [], [output for output in self._outputs if not self._is_kept(output, file, number, count)]
        for output in missing:
            try:
                output.check_page(file, number, count)
            except HwrError as error:
                errors.append(str(error))
        if errors and len(errors) == len(missing):
            raise OutputError("; ".join(errors))

    def protect(self, paths: Iterable[Path]) -> None:
        files = list(paths)
        for output in self._outputs:
            output.protect(files)

    def partial(self, file: InputFile, chosen: int) -> Path | None:
        return next((path for output in self._outputs if (path := output.partial(file, chosen))), None)

    def add(self, file: InputFile, page: Page, image: PageImage) -> None:
        written, errors = 0, []
        for output in self._outputs:
            if output in self._broken:
                continue
            try:
                if not self._is_kept(output, file, image.number, image.count):
                    output.add(file, page, image)
                written += 1
            except HwrError as error:
                if output.joins:
                    self._broken[output] = str(error)
                else:
                    errors.append(str(error))
        if not written:
            errors = [*self._broken.values(), *errors]
            self._broken.clear()
        if errors:
            raise OutputError("; ".join(errors), partial=written > 0)

    def end_document(self) -> bool:
        return self._end(lambda output: output.end_document())

    def finish(self) -> bool:
        return self._end(lambda output: output.finish())

    def _is_kept(self, output: Output, file: InputFile, number: int, count: int) -> bool:
        return self._keep and output.exists(file, number, count)

    def _end(self, act: Callable[[Output], bool]) -> bool:
        ended, errors = [], list(self._broken.values())
        for output in self._outputs:
            if output in self._broken:
                continue
            try:
                ended.append(act(output))
            except HwrError as error:
                errors.append(str(error))
        self._broken.clear()
        if errors:
            raise OutputError("; ".join(errors), partial=bool(ended))
        return all(ended)

    def abandon(self) -> None:
        for output in self._outputs:
            output.abandon()


class StreamOutput(Output):
    """Results on one stream, page by page, each with a header if there are several pages and the format has headers."""

    def __init__(self, form: Format, stream: BinaryIO, several: bool) -> None:
        self._form, self._stream, self._several = form, stream, several
        self._writer: DocumentWriter | None = None

    def check(self, file: InputFile, count: int, chosen: int) -> None:
        if chosen > 1 and not self._form.joins:
            raise UsageError(
                f"{file.path}: its {chosen} pages cannot be written to stdout as {self._form.name}; "
                "name a folder with -o"
            )

    def add(self, file: InputFile, page: Page, image: PageImage) -> None:
        if self._form.headed or self._form.streams:
            if self._form.headed and (self._several or image.count > 1):
                # A newline in the name of a file must not forge the header of another page.
                name = printable(page.image).encode(errors="backslashreplace")
                self._stream.write(b"==> %s <==\n" % name)
            self._stream.write(to_bytes(self._form, page, image.pixels, image.dpi))
        else:
            if self._writer is None:
                self._writer = self._form.open(self._stream)
            self._writer.add(page, image.pixels, image.dpi)
        self._stream.flush()

    def end_document(self) -> bool:
        if self._writer is not None:
            self._writer.close()
            self._stream.flush()
            self._writer = None
        return True


def make_file_output(
    forms: Sequence[Format],
    inputs: Inputs,
    output: str,
    force: bool = False,
    keep: bool | None = None,
    read: Collection[Path] = (),
) -> Output:
    """Return the output for `-o`, in one or several formats; see `find_targets`.

    Args:
        force: overwrite files.
        keep: of several formats, write only those whose results do not exist; None: the command has no such option.
        read: files that are read besides the inputs, and never overwritten.

    Raises:
        UsageError: several formats, and `output` is not a folder; see also `find_targets`.
        OutputError: the file for all documents exists, or the folder cannot be written.
    """
    if len(forms) > 1 and (Path(output).is_file() or names_file(output)):
        raise UsageError(f"-o {output}: several formats need a folder, such as {Path(output).with_suffix('')}/")
    folder = f"{output.rstrip('/')}/" if len(forms) > 1 else output
    advice = FORCE_OVERWRITES if keep is None else f"{FORCE_OVERWRITES}, and --skip-existing keeps it"
    outputs: list[Output] = []
    for form in forms:
        targets = dict(zip(inputs.files, find_targets(inputs, folder, form, read), strict=True))
        outputs.append((DocumentFiles if form.joins else PageFiles)(form, targets, force, advice))
    made = outputs[0] if len(outputs) == 1 else ManyOutputs(outputs, bool(keep))
    made.protect(read)
    if made.whole and not (keep and made.whole.exists()):  # named once, not for each input
        check_free(made.whole, force, advice=advice)
    elif not keep and inputs.files and Path(output) not in targets.values():
        check_writable(targets[inputs.files[0]])
    return made
