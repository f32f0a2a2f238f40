"""Options that several commands share."""

import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from hwr.cli.completion import complete_formats, complete_language, complete_language_model, complete_model
from hwr.cli.terminal import complain
from hwr.cli.values import FILE, NEW, Number
from hwr.errors import InputError, OutputError, UsageError
from hwr.recognize import DEFAULT_MODEL

if TYPE_CHECKING:
    from hwr.formats import Format
    from hwr.recognize.decoder import DecoderOptions
    from hwr.recognize.inputs import Inputs
    from hwr.recognize.models import Precision
    from hwr.recognize.outputs import Output
    from hwr.recognize.recognizer import Recognizer
    from hwr.store.columns import Columns
    from hwr.text import Alphabet

Item = TypeVar("Item")
Loaded = TypeVar("Loaded")

NONE = "none"
"""The name for --lm that switches the language model off."""

COLUMNS = ("image", "text", "id", "writer", "page")
DECODER = (
    "decoder",
    "careful",
    "language",
    "language_models",
    "weight",
    "insertion_bonus",
    "width",
    "lexicon",
    "unknown_cost",
)
"""Parameters of `decoder_options`, for the sections of a command's help."""
COLUMN_NAMES = tuple(f"{name}_column" for name in COLUMNS)
"""Parameters of `column_options`."""

MODEL_SUFFIX = ".safetensors"

INSTALL_TORCH = "pip install torch==2.11.0 torchaudio==2.11.0 safetensors onnx"

Function = TypeVar("Function", bound=Callable[..., Any])


def model_option(command: Function) -> Function:
    """Add the option that names the model, `model`."""
    help = "Name of an installed model, a model file, or a run folder."
    option = click.option(
        "-m",
        "--model",
        default=DEFAULT_MODEL,
        show_default=True,
        metavar="NAME|FILE",
        shell_complete=complete_model,
        help=help,
    )
    return option(command)


def precision_option(command: Function) -> Function:
    """Add the option for the precision of the network, `precision`."""
    help = "Run the network in 8-bit integers or 32-bit floats.  [default: int8 if the model has an int8 file]"
    return click.option("--precision", type=click.Choice(["int8", "fp32"]), help=help)(command)


def set_options(verb: str = "Read") -> Callable[[Function], Function]:
    """Return a decorator that adds the options of commands that read line stores: `split` and `limit`."""

    def add(command: Function) -> Function:
        help = f"{verb} only the first N lines of each set."
        command = click.option("--limit", type=click.IntRange(1), metavar="N", help=help)(command)
        help = "Split of each store to use, the file STORE/SPLIT.parquet."
        return click.option("--split", default="val", show_default=True, metavar="SPLIT", help=help)(command)

    return add


def column_options(*names: str) -> Callable[[Function], Function]:
    """Return a decorator that adds an option for each Parquet column that may have another name."""

    def add(command: Function) -> Function:
        for name in reversed(names):
            help = f"Parquet column of the {name}."
            option = click.option(f"--{name}-column", default=name, show_default=True, metavar="NAME", help=help)
            command = option(command)
        return command

    return add


def make_columns(values: dict[str, Any]) -> "Columns":
    """Return the columns that `column_options` collected."""
    from hwr.store.columns import Columns

    return Columns(**{name: values[f"{name}_column"] for name in COLUMNS if f"{name}_column" in values})


def decoder_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of the decoder; the command receives them as `decoding`, for `make_decoder_options`."""

    @wraps(command)
    def collected(*args: Any, **kwargs: Any) -> Any:
        return command(*args, decoding={name: kwargs.pop(name) for name in DECODER}, **kwargs)

    for option in reversed(_DECODER_OPTIONS):
        collected = option(collected)
    return collected


_DECODER_OPTIONS = (
    click.option(
        "--decoder",
        type=click.Choice(["greedy", "beam"]),
        help="Take the most probable character at each time step, or search with language models.  "
        "[default: what the model was tuned for]",
    ),
    click.option(
        "--careful", is_flag=True, help="Read each line in three views: fewer errors, but three times as slow."
    ),
    click.option(
        "--language",
        default="auto",
        show_default=True,
        metavar="CODE|auto",
        shell_complete=complete_language,
        help="Use the language model of this language, such as de; auto detects the language of each document.",
    ),
    click.option(
        "--lm",
        "language_models",
        multiple=True,
        metavar="NAME|FILE",
        shell_complete=complete_language_model,
        help="Language model for the search (.lm or ARPA). Repeat it to let several compete; shipped: all that ship; "
        "none: search without.",
    ),
    click.option(
        "--lm-weight",
        "weight",
        type=Number(0, 100),
        metavar="W",
        help="Weight of the language model's log-probabilities.  [default: as tuned for the model]",
    ),
    click.option(
        "--insertion-bonus",
        type=Number(-100, 100),
        metavar="B",
        help="Bonus for each character, as a natural logarithm.  [default: as tuned for the model]",
    ),
    click.option(
        "--beam-width",
        "width",
        type=click.IntRange(1, 4096),
        metavar="N",
        help="Number of candidate texts to keep.  [default: as tuned for the model]",
    ),
    click.option("--lexicon", type=FILE, metavar="FILE", help="Prefer the words in this file, one per line."),
    click.option(
        "--unknown-cost",
        type=Number(0, infinite=True),
        metavar="C",
        help="Cost of a word outside the lexicon, as a natural logarithm; inf allows no such word.  [default: 5]",
    ),
)


def make_decoder_options(decoding: dict[str, Any]) -> "DecoderOptions":
    """Return the options that `decoder_options` collected.

    Raises:
        UsageError: they do not fit together.
    """
    from hwr.recognize.decoder import DecoderOptions

    names = decoding["language_models"]
    if NONE in names and len(names) > 1:
        raise UsageError(f"--lm {NONE} cannot be combined with other language models")
    models = tuple(name for name in names if name != NONE) if names else None
    return DecoderOptions(**{**decoding, "language_models": models})


@dataclass(frozen=True)
class ModelChoice:
    """A model to read with, and the options to read with it."""

    model: str
    decoder: "DecoderOptions"
    precision: "Precision | None"
    alternatives: int = 0

    def load(self) -> "Recognizer":
        """Load the model."""
        from hwr.recognize.recognizer import Recognizer

        return Recognizer(self.model, decoder=self.decoder, precision=self.precision, alternatives=self.alternatives)

    def identify(self) -> list[object]:
        """Return the options, and the versions of all files that they name, without reading the files."""
        from hwr.recognize.journal import describe_file
        from hwr.recognize.models import find_model

        named = [Path(name) for name in self.decoder.language_models or ()]
        files = [find_model(self.model).safetensors, *named, self.decoder.lexicon]
        versions = [describe_file(path) for path in files if path is not None]
        return [self.precision, self.decoder, self.alternatives, *versions]


@contextmanager
def text_file(
    path: Path | None, instead: Callable[[str], None] = lambda text: None, head: str = ""
) -> Iterator[Callable[[str], None]]:
    """Yield a function that writes to a text file; without a path, the function `instead`.

    The file gets its name when the block ends. It is opened at once, so that a folder that cannot be written is noticed
    before a long reading.

    Args:
        head: the beginning of all such files. An existing file with another one is not replaced: it may be an input.

    Raises:
        OutputError: it cannot be written; also when the function is called.
    """
    from hwr.files.atomic import atomic_write, is_device

    if path is None:
        yield instead
        return
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; name a file")
    if head and path.is_file() and not is_device(path):
        with path.open("rb") as old:
            if old.read(len(head)) not in (b"", head.encode()):
                raise OutputError(f"{path}: exists, and is not a report of hwr; choose another name")
    with atomic_write(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:

        def write(text: str) -> None:
            try:
                file.write(text)
                file.flush()
            except OSError as error:  # only here is it known which of several files failed
                raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error

        yield write


def parse_formats(text: str) -> tuple[str, ...]:
    """Parse names of output formats that are separated by commas.

    Raises:
        BadParameter: the format is unknown.
    """
    from hwr.formats import FORMATS, format_of_name

    names = tuple(part.strip() for part in text.split(","))
    for name in names:
        if name not in FORMATS:
            meant = format_of_name(f".{name.lower()}") or FORMATS.get(name.lower())
            advice = f" Did you mean {meant.name}?" if meant else ""
            raise click.BadParameter(f"{name!r} is not one of {', '.join(FORMATS)}.{advice}")
    return names


def format_option(command: Function) -> Function:
    """Add the option for output formats, `formats`: a tuple of names for each time it is given."""
    from hwr.formats import FORMATS

    help = f"{', '.join(FORMATS)}. Several are separated by commas.  [default: from the ending of FILE, or text]"
    return click.option(
        "--format",
        "formats",
        type=parse_formats,
        multiple=True,
        metavar="NAME,...",
        shell_complete=complete_formats,
        help=help,
    )(command)


def choose_formats(formats: Iterable[tuple[str, ...]], output: str | None, several: bool = False) -> "list[Format]":
    """Return the named formats, or the one for the ending of the output, or text.

    Args:
        several: there may be several inputs, so that an output without an ending is a folder, even `scans.2024`.

    Raises:
        UsageError: the output is a file with an ending that no format has.
    """
    from hwr.formats import FORMATS, format_of_name

    if names := [name for names in formats for name in names]:
        return [FORMATS[name] for name in dict.fromkeys(names)]
    form = format_of_name(output) if output else None
    if output is None or form is not None or output.endswith("/") or Path(output).is_dir():
        return [form or FORMATS["text"]]
    ending = Path(output).suffix
    if not ending or (several and ending[1:].isdecimal()):
        return [FORMATS["text"]]
    advice = f"choose one with --format, or write {output}/ for a folder" if several else "choose one with --format"
    raise UsageError(f"-o {output}: no format has the ending {ending}; {advice}")


def find_output(
    forms: "Sequence[Format]",
    inputs: "Inputs",
    output: str | None,
    force: bool,
    keep: bool | None = None,
    read: Collection[Path] = (),
) -> "Output":
    """Return the output for the results; see `hwr.recognize.outputs.make_file_output`.

    Raises:
        UsageError: they do not fit there.
    """
    from hwr.recognize.outputs import StreamOutput, make_file_output

    if output is not None:
        return make_file_output(forms, inputs, output, force, keep, read)
    if len(forms) > 1:
        raise UsageError(f"{' and '.join(form.name for form in forms)} need a folder: name one with -o")
    (form,) = forms
    if inputs.several and not (form.headed or form.streams):
        raise UsageError(f"several inputs cannot be written to stdout as {form.name}; name a file or folder with -o")
    if form.binary and sys.stdout.isatty():
        raise UsageError(f"{form.name} is binary and is never written to a terminal; name a file with -o")
    return StreamOutput(form, sys.stdout.buffer, inputs.several)


def force_option(command: Function) -> Function:
    """Add the option that allows files to be overwritten."""
    return click.option("--force", is_flag=True, help="Overwrite existing files.")(command)


def text_options(command: Function) -> Function:
    """Add the options of commands that read texts for language models, `wrap` and `plain`."""
    help = "Replace typographic quotes and dashes by plain ones, or keep them.  [default: plain]"
    command = click.option("--plain/--as-printed", default=True, help=help)(command)
    help = "Break paragraphs into lines of this many characters, as writers do; 0 keeps them as they are."
    return click.option("--wrap", type=click.IntRange(0), default=60, show_default=True, metavar="N", help=help)(
        command
    )


def load_each(items: Iterable[Item], load: Callable[[Item], Loaded]) -> tuple[list[Loaded], int]:
    """Return what `load` returns for each item that it can read, and the number of the others, which are named.

    Raises:
        InputError: none of them can be read.
    """
    loaded, errors = [], []
    for item in items:
        try:
            loaded.append(load(item))
        except InputError as error:
            errors.append(error)
    for failure in errors[not loaded :]:
        complain(failure)
    if not loaded:
        raise errors[0]
    return loaded, len(errors)


def bits_option(default: str) -> Callable[[Function], Function]:
    """Return a decorator that adds the option for the size of a probability in a `.lm` file, `bits`."""
    help = "Size of a probability in a .lm file."
    return click.option("--bits", type=click.Choice(["8", "16"]), default=default, show_default=True, help=help)


def settings_options(kind: str) -> Callable[[Function], Function]:
    """Return a decorator for commands that store settings in a model: adds `write`, `output` and `force`."""

    def add(command: Function) -> Function:
        command = force_option(command)
        help = f"Store the {kind} in copies of the model's files with this name."
        command = click.option("-o", "--output", type=NEW, metavar="FILE", help=help)(command)
        return click.option("--write", is_flag=True, help=f"Store the {kind} in the model's files.")(command)

    return add


def check_settings_target(model: str, write: bool, output: Path | None, force: bool) -> Path:
    """Check that the settings can be stored before lines are read, which takes minutes; return the model's file.

    Raises:
        UsageError: both options, or a name that is not that of a model file.
        OutputError: a file would be overwritten and `force` is not set, or cannot be written.
    """
    from hwr.files.atomic import check_free, check_writable
    from hwr.model.files import ONNX_SUFFIXES
    from hwr.recognize.models import find_model

    source = find_model(model).safetensors
    if write and output is not None:
        raise UsageError("--write changes the model's own files and -o makes new ones: give only one")
    if write:
        check_writable(source)
    if output is not None:
        if output.suffix != MODEL_SUFFIX:
            raise UsageError(f"{output}: name a model file, {MODEL_SUFFIX}")
        for suffix in (MODEL_SUFFIX, *ONNX_SUFFIXES):
            check_free(output.with_suffix(suffix), force, [source.with_suffix(suffix)])
    return source


def find_alphabet(name: str | None) -> "Alphabet | None":
    """Return the alphabet of a text file, a store or a model."""
    from hwr.prepare.alphabets import read_alphabet

    if name is None:
        return None
    path = Path(name)
    if (path.suffix == "" and not path.exists()) or (path.is_dir() and not (path / "manifest.json").exists()):
        from hwr.recognize.models import find_model

        path = find_model(name).safetensors
    return read_alphabet(path)
