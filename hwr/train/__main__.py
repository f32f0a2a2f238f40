"""`python -m hwr.train`: training where only torch, torchaudio, NumPy, Pillow and safetensors are installed.

`hwr train` has more options and a live table; this runs the same recipes on bundles.
"""

import argparse
import os
import sys
from pathlib import Path

from hwr.errors import EXIT_INTERRUPTED, EXIT_OK, HwrError, UsageError


def main() -> int:
    """Run a recipe; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m hwr.train", description=__doc__)
    parser.add_argument("recipe", type=Path, help="TOML file with all settings; its data are bundles")
    parser.add_argument("-o", "--output", type=Path, required=True, help="run folder")
    parser.add_argument("--resume", action="store_true", help="go on with the run in the folder")
    parser.add_argument("--minutes", type=float, help="length of the run in minutes spent in steps")
    parser.add_argument("--lines", type=int, help="end after this many lines seen, if that comes first")
    parser.add_argument("--deadline", type=float, help="be done with all steps so many minutes from now")
    parser.add_argument("--patience", type=int, help="end early after so many validations without progress")
    parser.add_argument("--threads", type=int, help="CPU threads of all processes together")
    parser.add_argument("--tensorboard", action="store_true", help="write scalars to the folder tensorboard as well")
    parser.add_argument("--dry-run", action="store_true", help="time a few steps, print what the run costs, and end")
    options = parser.parse_args()
    try:
        return run(options)
    except HwrError as error:
        print(f"hwr: error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def run(options: argparse.Namespace) -> int:
    """Train as the command line says; the exit code."""
    # Before torch is imported: the exporter at the end of a run would print warnings of its own about shapes.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    from hwr.train.distributed import join_processes
    from hwr.train.recipe import load_recipe, override
    from hwr.train.reporters import PlainReporter, SilentReporter, stop_on_signal
    from hwr.train.run import dry_run, train
    from hwr.train.tensorboard import tensorboard

    changes = {name: getattr(options, name) for name in ("minutes", "lines", "patience", "threads")}
    recipe = override(load_recipe(options.recipe), **changes)
    with join_processes() as processes:
        teller = PlainReporter() if processes.first else SilentReporter()
        if options.dry_run:
            if options.deadline is not None:
                raise UsageError("--dry-run tells what --minutes and --lines cost; it knows no --deadline")
            table = dry_run(recipe, options.output, teller, options.resume, processes)
            if processes.first:
                print(table)
            return EXIT_OK
        wanted = options.tensorboard and processes.first
        with tensorboard(teller, options.output, wanted) as reporter, stop_on_signal(reporter.message) as stopped:
            command = " ".join(["python -m hwr.train", *sys.argv[1:]])
            result = train(
                recipe, options.output, reporter, options.resume, stopped, command, processes, "", options.deadline
            )
    if processes.first:
        print(result.model)
    return EXIT_OK if result.finished else EXIT_INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
