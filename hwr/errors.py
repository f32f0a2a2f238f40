"""Errors that a user can cause, and the exit codes of the program.

    HwrError                  2  one clear line: what is wrong, where, what to do
    +-- UsageError            2  options that do not fit together, an unknown name
    +-- InputError            2  a file that is missing, empty, broken or of the wrong kind
    |   +-- DataError         2  a data set that cannot be used: empty, wrong columns, wrong text
    |   +-- ModelError        2  a model file that is truncated, stale, unknown or not a model
    +-- OutputError           2  a target that exists, is read-only, or a disk that is full; 3 if the rest was written
    +-- MissingDependency     2  a library that this command needs and this installation lacks
    +-- TrainingError         2  a training run that cannot continue (loss never finite, no usable line)

A command that ran to its end returns an `Outcome`, which has one of the codes 0, 1, 2 and 3. Mistakes of the
programmer are assertions and ordinary exceptions; they are never caught and renamed, and end the program with 70.
"""

import shlex
from dataclasses import dataclass

EXIT_OK = 0
EXIT_GATE_FAILED = 1
EXIT_ERROR = 2
EXIT_PARTIAL = 3
EXIT_FAULT = 70
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141


@dataclass(frozen=True)
class Outcome:
    """The result of a command that ran to its end.

    Attributes:
        done: the number of inputs, or of their parts, that were processed.
        failed: the number of those that could not be processed; each has been named.
        bounds_kept: no figure is beyond a bound that the user set.
    """

    done: int = 1
    failed: int = 0
    bounds_kept: bool = True

    @property
    def exit_code(self) -> int:
        """A bound that was not met counts for more than an input that failed."""
        if not self.bounds_kept:
            return EXIT_GATE_FAILED
        if not self.failed:
            return EXIT_OK
        return EXIT_PARTIAL if self.done else EXIT_ERROR


def as_argument(name: object) -> str:
    """Return a name as an argument of a command in a message: in quotes if a shell would split or change it."""
    return shlex.quote(str(name))


class HwrError(Exception):
    """Base of all errors that the command line reports as one line."""

    exit_code = EXIT_ERROR


class UsageError(HwrError):
    """Options or names that do not fit together."""


class InputError(HwrError):
    """A file that is missing, empty, broken, too large or of the wrong kind."""


class DataError(InputError):
    """A data set that cannot be used."""


class ModelError(InputError):
    """A model file that cannot be used."""


class OutputError(HwrError):
    """A target that already exists, cannot be written, or does not fit on the disk.

    Attributes:
        partial: other results were written, so the exit code is 3.
    """

    def __init__(self, message: str, partial: bool = False) -> None:
        super().__init__(message)
        self.partial = partial
        if partial:
            self.exit_code = EXIT_PARTIAL


class MissingDependency(HwrError):
    """A library that this command needs and this installation lacks."""


class TrainingError(HwrError):
    """A training run that cannot continue."""
