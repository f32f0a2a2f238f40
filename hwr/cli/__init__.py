"""The command line: one thin module for each command; nothing is computed here."""

import gc
import os
import shlex
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import click

from hwr import __version__
from hwr.cli.base import LazyGroup
from hwr.cli.terminal import StreamError, complain, say, standard_streams
from hwr.errors import EXIT_BROKEN_PIPE, EXIT_ERROR, EXIT_FAULT, EXIT_INTERRUPTED, EXIT_PARTIAL, HwrError, Outcome
from hwr.files.atomic import files_written

COMMANDS = {
    "recognize": "Read pages or lines of handwriting.",
    "convert": "Write pages in other formats, without reading them again.",
    "align": "Find the words of a known text in the image of its line.",
    "prepare": "Turn images and transcripts into a line store.",
    "train": "Train a model on line stores.",
    "eval": "Measure CER and WER; fail a build if they are too high.",
    "calibrate": "Calibrate a model's confidences on your data.",
    "lm": "Build, tune and inspect language models.",
    "synth": "Make lines of handwriting from fonts and texts.",
    "models": "List the installed models.",
    "export": "Write a model as an ONNX file.",
    "help": "Show the help of a command.",
}
"""Each command is the click command `command` of the module `hwr.cli.NAME`, which is imported when it is called."""

EXAMPLES = (
    ("hwr recognize page.png", "Print the text of a page."),
    ("hwr help recognize", "Show the options and more examples of a command."),
)


@click.group(
    cls=LazyGroup,
    members=COMMANDS,
    prefix="hwr.cli.",
    examples=EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, "-v", "-V", "--version", prog_name="hwr")
@click.option("--verbose", is_flag=True, help="Show details, and the traceback of an error.")
@click.pass_context
def cli(context: click.Context, verbose: bool) -> None:
    """Read handwriting, and train models that read it."""
    context.obj = {"verbose": verbose}


def main() -> None:
    """Run the command line and exit with a code of `hwr.errors`."""
    os.environ["PYTHONSAFEPATH"] = "1"  # no child process imports from the working folder
    before = files_written()
    try:
        verbose = "--verbose" in sys.argv[1:]
        with standard_streams(verbose), _ended_by_signals():
            code = _run(verbose)
    except StreamError as error:
        code = _exit_code_of(error, error.written or files_written() > before)
    gc.freeze()  # at exit Python would search all objects for garbage, a tenth of the time for reading a line
    sys.exit(code)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the command as Ctrl-C does: with a message, and without temporary files.

    A signal that is ignored, as under nohup, stays so.
    """
    owner = os.getpid()

    def stop(number: int, frame: FrameType | None) -> None:
        if os.getpid() == owner:
            raise KeyboardInterrupt
        signal.signal(number, signal.SIG_DFL)  # a process that was forked
        os.kill(os.getpid(), number)

    named = (getattr(signal, name, None) for name in ("SIGTERM", "SIGHUP"))  # Windows has no SIGHUP
    numbers = [number for number in named if number is not None and signal.getsignal(number) is signal.SIG_DFL]
    for number in numbers:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def _run(verbose: bool) -> int:
    """Run the command, report the error that ended it, and return the exit code."""
    try:
        result = cli.main(prog_name="hwr", standalone_mode=False)
        return result.exit_code if isinstance(result, Outcome) else int(result or 0)
    except (click.exceptions.Abort, KeyboardInterrupt) as error:
        say(str(error.__cause__ or error) or "interrupted")
        return EXIT_INTERRUPTED
    except StreamError:
        raise
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)
        return EXIT_ERROR
    except click.ClickException as error:
        complain(error.format_message() + _advice(error))
        return EXIT_ERROR
    except (HwrError, OSError) as error:
        if verbose:
            traceback.print_exc()
        complain(_as_line(error))
        return error.exit_code if isinstance(error, HwrError) else EXIT_ERROR
    except Exception as error:
        _report_fault(error, verbose)
        return EXIT_FAULT


def _advice(error: click.ClickException) -> str:
    """Return where the help is, for an error that does not say what to do."""
    if not isinstance(error, click.MissingParameter | click.NoSuchOption) or error.ctx is None:
        return ""
    if isinstance(error, click.NoSuchOption):
        meant = (word for word in sys.argv[1:] if word.startswith(error.option_name) and Path(word).exists())
        if file := next(meant, None):
            return f" For the file of this name, write {shlex.quote(f'./{file}')}."
        if error.possibilities:
            return ""
    return f" See {error.ctx.command_path} --help."


def _as_line(error: HwrError | OSError) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def _report_fault(error: Exception, verbose: bool) -> None:
    """Report a bug of hwr in one line, with the place of its traceback."""
    trace = "".join(traceback.format_exception(error))
    if verbose:
        sys.stderr.write(trace)
        where = "the traceback is above"
    else:
        try:
            with tempfile.NamedTemporaryFile("w", prefix="hwr-", suffix=".log", delete=False, encoding="utf-8") as file:
                file.write(trace)
            where = f"the traceback is in {file.name}"
        except OSError:
            where = "hwr --verbose shows the traceback"
    complain(f"internal error in hwr {__version__}: {type(error).__name__}: {error} ({where})")


def _exit_code_of(error: StreamError, written: bool) -> int:
    """Report that results could not be written; say nothing if the reading program has ended (`| head`).

    Args:
        written: other results were written, to the stream or to files.
    """
    if error.broken_pipe:
        return EXIT_BROKEN_PIPE
    with suppress(OSError, AttributeError, ValueError):  # stderr may be closed or full as well
        sys.stderr.write(f"hwr: error: {error}\n")
    return EXIT_PARTIAL if written else EXIT_ERROR
