"""Errors that a user can cause, each with its exit code.

    HwrError                  2  one clear line: what is wrong, where, what to do
    +-- UsageError            2  options that do not fit together, an unknown name
    +-- InputError            2  a file that is missing, empty, broken or of the wrong kind
    |   +-- DataError         2  a data set that cannot be used: empty, wrong columns, wrong text
    |   +-- ModelError        2  a model file that is not one, is truncated, stale or unknown
    +-- OutputError           2  a target that exists, is read-only, or a disk that is full
    +-- MissingDependency     2  a library that this command needs and this installation lacks
    +-- TrainingError         2  a training run that cannot go on (loss never finite, no usable line)

Mistakes of the programmer are assertions and ordinary exceptions; they are never caught and renamed.
"""

EXIT_OK = 0
EXIT_GATE_FAILED = 1
EXIT_ERROR = 2
EXIT_PARTIAL = 3
EXIT_INTERRUPTED = 130


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
    """A target that exists already, cannot be written, or does not fit on the disk."""


class MissingDependency(HwrError):
    """A library that this command needs and this installation lacks."""


class TrainingError(HwrError):
    """A training run that cannot go on."""
