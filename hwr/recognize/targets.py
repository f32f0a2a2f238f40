"""Names of results: the file for each document or page, and the results of earlier runs among the inputs."""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from hwr.errors import UsageError
from hwr.formats import Format
from hwr.recognize.inputs import InputFile, Inputs

NUMBER_DIGITS = 4
"""Minimum number of digits of the page numbers in names of files."""

PAGE_NUMBER = re.compile(rf"-\d{{{NUMBER_DIGITS},}}$")
"""End of the name of a page's file, without ending."""

WOULD_OVERWRITE = "the result would overwrite an input, or a file that it is made from; choose another name or folder"


def without_results(inputs: Inputs, output: str, forms: Sequence[Format]) -> tuple[Inputs, list[InputFile]]:
    """Return the inputs without results that the same command wrote among them before, and those results.

    A result has the name of `output`, or that of another input in `output` with the ending of a format. Files that the
    user named are inputs, and so are PDFs that another program made.
    """
    folder = Path(output)
    names = Counter(
        (folder / name).resolve() for file in inputs.files for name in (file.relative.with_suffix(""), file.relative)
    )

    def is_result(file: InputFile) -> bool:
        path = file.path.resolve()
        own = [(folder / name).resolve() for name in (file.relative.with_suffix(""), file.relative)]
        bases = [path.with_name(base) for form in forms for base in _bases(path.name, form)]
        if path != folder.resolve() and not any(names[base] > own.count(base) for base in bases):
            return False
        return path.suffix.lower() != ".pdf" or is_made(path)

    results = [file for file in inputs.files if file.found and is_result(file)]
    left_out = set(results)
    kept = tuple(file for file in inputs.files if file not in left_out)
    return (replace(inputs, files=kept), results) if kept else (inputs, [])


def is_made(path: Path) -> bool:
    """Return whether a file is a PDF that hwr made."""
    if path.suffix.lower() != ".pdf":
        return False
    from hwr.formats.pdf import is_our_pdf  # PDFium takes time to load, and few folders have PDFs among their results

    return is_our_pdf(path)


def _bases(name: str, form: Format) -> list[str]:
    """Return the names of the documents that a result may be of, without an ending; the pages of one are numbered."""
    if not name.endswith(form.suffix):
        return []
    stem = name.removesuffix(form.suffix)
    return [stem] if form.joins else [stem, PAGE_NUMBER.sub("", stem)]


def find_targets(inputs: Inputs, output: str, form: Format, read: Collection[Path] = ()) -> list[Path]:
    """Return the file for the result of each document, in the order of the inputs.

    One input goes to the file `output`, or into it if it is a folder or ends in a slash. Several inputs go to one file
    if `output` names one and the format joins pages. Otherwise they go to the same relative paths below the folder
    `output`, with the format's suffix instead of the image's; if two of them would collide (a.png and a.jpg), both keep
    the image's suffix (a.png.txt).

    Args:
        read: files that are read besides the inputs.

    Raises:
        UsageError: several inputs, and `output` is the name of a file in a format that has a file for each page; two
            inputs would go to one file; a result would overwrite a file that is read.
    """
    folder = Path(output)
    is_folder = folder.is_dir() or output.endswith("/")
    if not is_folder and (not inputs.several or folder.exists() or names_file(output)):
        if inputs.several and not form.joins:
            raise UsageError(
                f"-o {output}: the format {form.name} has one file for each page, so several inputs need a folder, "
                f"such as {folder.with_name(folder.name.partition('.')[0] or folder.name)}/"
            )
        targets = [folder] * len(inputs.files)
    else:
        targets = _targets_below(folder, inputs, form.suffix)
        _check_distinct(inputs, targets)
    protected = {path.resolve() for path in (*(file.path for file in inputs.files), *read)}
    for target in targets:
        if target.resolve() in protected:
            raise UsageError(f"{target}: {WOULD_OVERWRITE}")
    return targets


def names_file(output: str) -> bool:
    """Return whether the name given with `-o` ends like a file that `hwr` writes, and not like a folder."""
    from hwr.formats import FORMATS

    endings = {Path(f"x{form.suffix}").suffix for form in FORMATS.values()}
    return not output.endswith("/") and Path(output).suffix.lower() in endings


def _targets_below(folder: Path, inputs: Inputs, suffix: str) -> list[Path]:
    plain = Counter(file.relative.with_suffix("") for file in inputs.files)
    return [
        folder / file.relative.with_name(file.relative.name + suffix)
        if plain[file.relative.with_suffix("")] > 1
        else folder / file.relative.with_suffix(suffix)
        for file in inputs.files
    ]


def _check_distinct(inputs: Inputs, targets: Sequence[Path]) -> None:
    twice = [target for target, count in Counter(targets).items() if count > 1]
    if twice:
        both = [str(file.path) for file, target in zip(inputs.files, targets, strict=True) if target == twice[0]]
        raise UsageError(f"{' and '.join(both)} would both be written to {twice[0]}; name a folder that contains both")


def numbered(path: Path, suffix: str, number: int, count: int) -> Path:
    """Return the file of one page: `book.alto.xml` becomes `book-0003.alto.xml` if the document has several pages.

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
