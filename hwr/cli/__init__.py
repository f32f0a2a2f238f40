"""The command line: one thin module a command; nothing is computed here."""

import os
import sys
import traceback

import click

from hwr import __version__
from hwr.cli.lazy import LazyGroup
from hwr.errors import EXIT_ERROR, EXIT_INTERRUPTED, HwrError

COMMANDS = {
    "prepare": "Read outside data, check it, write a line store.",
    "train": "Train a model on line stores or bundles.",
    "recognize": "Read pages or lines of handwriting.",
    "eval": "Measure CER and WER, and fail a build on them.",
    "align": "Find the words of a known text on the image of its line.",
    "synth": "Make lines of handwriting from fonts, pen strokes and words.",
    "lm": "Build, tune and look at language models.",
    "models": "List the models that are installed.",
    "calibrate": "Fit the confidences of a model to data.",
    "export": "Write the ONNX file of a model.",
}
"""Each command lives in the module `hwr.cli.NAME` as the click command `command`; it is imported when it is called."""


@click.group(
    cls=LazyGroup, members=COMMANDS, prefix="hwr.cli.", context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="hwr")
@click.option("--verbose", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def cli(context: click.Context, verbose: bool) -> None:
    """Read handwriting: prepare data, train, recognize, evaluate."""
    context.obj = {"verbose": verbose}


def main() -> None:
    """Run the command line and leave with the exit code of the design (0, 1, 2, 3, 130)."""
    verbose = "--verbose" in sys.argv[1:]
    try:
        code = cli.main(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.Abort:
        sys.exit(EXIT_INTERRUPTED)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except click.ClickException as error:
        click.echo(f"hwr: error: {error.format_message()}", err=True)
        sys.exit(EXIT_ERROR)
    except HwrError as error:
        if verbose:
            traceback.print_exc()
        click.echo(f"hwr: error: {error}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of our output went away (`| head`): not an error of ours. The interpreter must not complain either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_ERROR)
