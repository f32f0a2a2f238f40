"""`python -m hwr.train`: training where only torch, NumPy, Pillow and safetensors are installed.

`hwr train` has more options and a live table; this runs the same recipes on bundles.
"""

import argparse
import sys
from pathlib import Path

from hwr.errors import EXIT_INTERRUPTED, EXIT_OK, HwrError
from hwr.train.recipe import load_recipe, override
from hwr.train.reporters import PlainReporter, stop_on_signal
from hwr.train.session import train


def main() -> int:
    """Run a recipe; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m hwr.train", description=__doc__)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True, help="run folder")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--lines", type=int)
    options = parser.parse_args()
    reporter = PlainReporter()
    try:
        recipe = override(load_recipe(options.recipe), minutes=options.minutes, lines=options.lines)
        with stop_on_signal(reporter.message) as stopped:
            result = train(recipe, options.output, reporter, options.resume, stopped, " ".join(sys.argv))
    except HwrError as error:
        print(f"hwr: error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    print(result.model)
    return EXIT_OK if result.finished else EXIT_INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
