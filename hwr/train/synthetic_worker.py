"""The process that makes synthetic lines: `python -m hwr.train.synthetic_worker`, started by `hwr.train.synthetic`.

The first line of the standard input is the job as JSON; each further line is the number of a group from which to go on.
The standard output gets pickled pairs: ("message", text) for people, ("ready", None), then ("lines", (group, lines))
without end; or ("error", (name of the error's class, message)) and the end. When the standard input closes, the trainer
is gone.
"""

import contextlib
import importlib
import json
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from typing import IO, Any, Protocol

from numpy import uint8
from numpy.typing import NDArray

from hwr.errors import HwrError, MissingDependency, TrainingError
from hwr.line import normalise_line
from hwr.settings import from_dict
from hwr.text import normalise_text
from hwr.train.data import TrainingLine
from hwr.train.recipe import Synthesis

GROUP_LINES = 32
NICENESS = 10
"""Beside a trainer that keeps all cores busy this is about a tenth of one core; a free core it takes whole."""


class Text(Protocol):
    """What has a text."""

    @property
    def text(self) -> str: ...


class LineImage(Text, Protocol):
    """A line image with its text: ink dark, paper bright."""

    @property
    def grey(self) -> NDArray[uint8]: ...


class Generator(Protocol):
    """Makes line `index` of the lines that belong to `seed`, or its ink only."""

    def ink(self, seed: int, index: int) -> Text: ...

    def line(self, seed: int, index: int) -> LineImage: ...


class LineMaker:
    """Makes normalised lines as a job says; `report` is told of fonts that cannot be used.

    Of several trainers, `ranks`, each numbers its lines anew: the groups of trainer `rank` are every `ranks`-th of all.

    Raises:
        HwrError: a file is missing or broken, a library is missing.
    """

    def __init__(self, job: dict[str, Any], report: Callable[[str], None]) -> None:
        self._seed, self._height = job["seed"] % 2**63, job["height"]
        self._rank, self._ranks = job.get("rank", 0), job.get("ranks", 1)
        with _clear_errors("synthesis cannot begin"):
            module, _, name = job["factory"].partition(":")
            factory = getattr(importlib.import_module(module), name)
            self._generator: Generator = factory(
                from_dict(Synthesis, job["options"], "synthesis"), job["alphabet"], report
            )

    def line(self, index: int) -> TrainingLine:
        """Line `index` of this trainer."""
        group, place = divmod(index, GROUP_LINES)
        index = (group * self._ranks + self._rank) * GROUP_LINES + place  # of the run
        with _clear_errors(f"synthetic line {index}"):
            line = self._generator.line(self._seed, index)
            ink = normalise_line(line.grey, self._height)
            return TrainingLine(ink, normalise_text(line.text), f"synthetic-{index}")

    def text(self, index: int) -> str:
        """What line `index` says."""
        with _clear_errors(f"synthetic line {index}"):
            return normalise_text(self._generator.ink(self._seed, index).text)

    def group(self, number: int) -> list[TrainingLine]:
        """Group `number` of this trainer."""
        return [self.line(index) for index in range(number * GROUP_LINES, (number + 1) * GROUP_LINES)]


@contextlib.contextmanager
def _clear_errors(what: str) -> Iterator[None]:
    """Every failure as one clear line: hours of training hang on it."""
    try:
        yield
    except HwrError:
        raise
    except ImportError as error:
        raise MissingDependency(f"{what}: it needs {error.name}, which cannot be imported ({error})") from error
    except Exception as error:
        first = (str(error).splitlines() or [""])[0]
        raise TrainingError(f"{what}: {type(error).__name__}: {first}") from error


def main() -> None:
    """Make lines until the trainer is gone or something fails."""
    # Ctrl-C, and the signal that torchrun sends to all, reach the trainer too, and it is the one to decide.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no frame
    job = json.loads(sys.stdin.buffer.readline())
    orders: SimpleQueue[int] = SimpleQueue()
    threading.Thread(target=_listen, args=(orders,), daemon=True).start()
    try:
        _one_thread()
        maker = LineMaker(job, lambda text: _send(output, ("message", text)))
        _send(output, ("ready", None))
        with contextlib.suppress(OSError):
            os.nice(NICENESS)
        _work(maker, orders, output, job["worker"], job["workers"])
    except HwrError as error:
        _send(output, ("error", (type(error).__name__, str(error))))


def _work(maker: LineMaker, orders: "SimpleQueue[int]", output: IO[bytes], worker: int, workers: int) -> None:
    """Send the groups of this worker: every `workers`-th, from the last order on."""
    number = -1
    while True:
        try:
            order = orders.get(block=number < 0)
        except Empty:
            pass
        else:
            number = order + (worker - order) % workers
        _send(output, ("lines", (number, maker.group(number))))
        number += workers


def _listen(orders: "SimpleQueue[int]") -> None:
    """Pass orders on; end the process when the trainer has gone, even from the middle of a line."""
    for order in sys.stdin.buffer:
        orders.put(int(order))
    os._exit(0)


def _send(output: IO[bytes], frame: tuple[str, Any]) -> None:
    try:
        pickle.dump(frame, output, protocol=pickle.HIGHEST_PROTOCOL)
        output.flush()
    except BrokenPipeError:
        os._exit(0)  # the trainer is gone


def _one_thread() -> None:
    """OpenCV would take every core."""
    with contextlib.suppress(ImportError):
        import cv2

        cv2.setNumThreads(1)


if __name__ == "__main__":
    main()
