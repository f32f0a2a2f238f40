"""Synthetic lines for training, made while it goes on.

The lines of a run are numbered 0, 1, 2, ... over all epochs, so none comes twice. Line `index` follows from the seed
of the run and `index` alone: it does not matter which process makes it, or when. A run that goes on asks for the lines
from where it stopped.

Lines are made by child processes, in groups of 32, each ahead of the trainer by at most `BUFFERED_GROUPS`.
A child is a fresh interpreter (`hwr.train.synthetic_worker`): it shares no threads with torch, does not import it, and
does not run the main module of the program again, as children of multiprocessing would. It talks through pipes. Their
ends close with the process that holds them, however that ended: so a child ends with its trainer, and a trainer notices
at once when a child has ended. Children are polite (`nice`), so they take the cores that training leaves.
"""

import json
import os
import pickle
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Full, Queue
from typing import IO, Any, Protocol

import hwr
import hwr.errors
from hwr.errors import TrainingError
from hwr.settings import to_dict
from hwr.train.data import TrainingLine
from hwr.train.distributed import ALONE, Processes
from hwr.train.recipe import Synthesis
from hwr.train.synthetic_worker import GROUP_LINES, LineMaker

FACTORY = "hwr.synth.generator:LineGenerator"
"""What makes the lines."""

BUFFERED_GROUPS = 32
"""Groups of each worker that wait for the trainer: about what a pool takes, some 30 MB."""

SILENCE_SECONDS = 600
"""A worker that has sent nothing for so long will never send anything. Seconds in which the trainer ran."""

SURVEYED_LINES = 1000
"""Lines whose characters are the alphabet of a run without data and without a list of characters."""

Frame = tuple[str, Any]


class LineSupply(Protocol):
    """Gives synthetic lines by number."""

    def take(self, first: int, count: int) -> list[TrainingLine]: ...

    def close(self) -> None: ...


class OwnLines:
    """Makes the lines in the process that asks for them."""

    def __init__(self, maker: LineMaker) -> None:
        self._maker = maker

    def take(self, first: int, count: int) -> list[TrainingLine]:
        """Lines `first` to `first + count - 1`."""
        return [self._maker.line(index) for index in range(first, first + count)]

    def close(self) -> None:
        """Nothing is open."""


class SharedLines:
    """Several trainers share the work: each makes some of the groups and gives them to all.

    Args:
        own: makes the groups of this trainer: its group n is group n * count + rank of the run.
    """

    def __init__(self, own: LineSupply, processes: Processes) -> None:
        self._own, self._processes = own, processes

    def take(self, first: int, count: int) -> list[TrainingLine]:
        """Lines `first` to `first + count - 1` of the run; all trainers must ask together."""
        rank, trainers = self._processes.rank, self._processes.count
        numbers = range(first // GROUP_LINES, -(-(first + count) // GROUP_LINES))

        def made() -> dict[int, list[TrainingLine]]:
            own = [number for number in numbers if number % trainers == rank]
            return {number: self._own.take(number // trainers * GROUP_LINES, GROUP_LINES) for number in own}

        groups = {number: lines for part in self._processes.together(made) for number, lines in part.items()}
        start = numbers.start * GROUP_LINES
        lines = [line for number in numbers for line in groups[number]]
        return lines[first - start : first + count - start]

    def close(self) -> None:
        """End the processes that make lines."""
        self._own.close()


class BackgroundLines:
    """Lets child processes make the lines; what the first of them tells goes to `report`.

    Raises:
        HwrError: what a worker could not open; its own words.
        TrainingError: a worker ended.
    """

    def __init__(self, jobs: list[dict[str, Any]], report: Callable[[str], None]) -> None:
        self._workers: list[_Worker] = []
        self._next = 0  # the group that the workers are about to give
        self._group: tuple[int, list[TrainingLine]] = (-1, [])
        try:
            for job in jobs:
                self._workers.append(_Worker(job, BUFFERED_GROUPS))
            for worker in self._workers:
                for message in worker.wait_until_ready():
                    if worker is self._workers[0]:
                        report(message)
        except BaseException:
            self.close()
            raise
        self._order(0)  # where most runs begin

    def take(self, first: int, count: int) -> list[TrainingLine]:
        """Lines `first` to `first + count - 1`; waits until they are made."""
        lines: list[TrainingLine] = []
        for number in range(first // GROUP_LINES, -(-(first + count) // GROUP_LINES)):
            start = number * GROUP_LINES
            lines += self._read(number)[max(0, first - start) : first + count - start]
        return lines

    def _read(self, number: int) -> list[TrainingLine]:
        """Group `number`; the last one is kept, as the next call may need the rest of it."""
        if number == self._group[0]:
            return self._group[1]
        if number != self._next:
            self._order(number)
        worker = self._workers[number % len(self._workers)]
        while True:
            given, lines = worker.lines()
            if given == number:  # others are of an earlier order
                break
        self._next, self._group = number + 1, (number, lines)
        return self._group[1]

    def _order(self, number: int) -> None:
        """Let the workers go on from group `number`."""
        for worker in self._workers:
            worker.order(number)
        self._next = number

    def close(self) -> None:
        """End the workers."""
        for worker in self._workers:
            worker.close()


class _Worker:
    """A child process and the thread that receives from it."""

    def __init__(self, job: dict[str, Any], buffered: int) -> None:
        self._frames: Queue[Frame] = Queue(buffered)
        self._closed = threading.Event()
        self._said: deque[str] = deque(maxlen=1)
        # The package may be found by a path that only this process knows.
        paths = [str(Path(hwr.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "hwr.train.synthetic_worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
            )
        except OSError as error:
            raise TrainingError(f"synthesis: no process can be started: {error.strerror}") from None
        assert self._process.stdout is not None and self._process.stderr is not None
        self._threads = [
            threading.Thread(target=self._listen, args=(self._process.stdout,), daemon=True),
            threading.Thread(target=self._keep_last_words, args=(self._process.stderr,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        self._send(json.dumps(job))

    def order(self, group: int) -> None:
        """Ask for the groups of this worker from `group` on."""
        self._send(str(group))

    def wait_until_ready(self) -> Iterator[str]:
        """What the worker tells until it has opened everything."""
        kind = ""
        while kind != "ready":
            kind, content = self._receive()
            if kind == "message":
                yield content

    def lines(self) -> tuple[int, list[TrainingLine]]:
        """The next group and its number."""
        group: tuple[int, list[TrainingLine]] = self._receive()[1]
        return group

    def _receive(self) -> Frame:
        """The next frame that is not an end."""
        for _ in range(SILENCE_SECONDS):
            try:
                kind, content = self._frames.get(timeout=1.0)
            except Empty:
                continue
            if kind not in ("error", "ended"):
                return kind, content
            self._frames.put((kind, content))  # whoever asks again gets the same answer
            if kind == "ended":
                raise TrainingError(f"synthesis: {self._why_it_ended()}")
            name, message = content
            raise getattr(hwr.errors, name)(message)
        raise TrainingError(f"synthesis: a worker process has made nothing for {SILENCE_SECONDS} seconds")

    def close(self) -> None:
        """End the process, whatever it is doing, and wait until it is gone."""
        self._closed.set()
        self._process.kill()
        self._process.wait()
        for thread in self._threads:
            thread.join()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            with suppress(OSError):  # an order that the child did not read any more
                if pipe is not None:
                    pipe.close()

    def _send(self, order: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(order.encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            return  # it has ended; `receive` says why

    def _listen(self, stream: IO[bytes]) -> None:
        """Put frames into the queue until the stream ends."""
        kind = ""
        while kind not in ("ended", "error"):
            try:
                kind, content = pickle.load(stream)
            except (EOFError, pickle.UnpicklingError, OSError, ValueError):
                kind, content = "ended", None
            while not self._closed.is_set():
                try:
                    self._frames.put((kind, content), timeout=0.2)
                    break
                except Full:
                    continue
            else:
                return

    def _keep_last_words(self, stream: IO[bytes]) -> None:
        """Read what Python or a library says, so that the pipe never fills; the last line may say why it ended."""
        for line in stream:
            if line.strip():
                self._said.append(line.decode(errors="replace").strip())

    def _why_it_ended(self) -> str:
        code = self._process.wait()
        self._threads[1].join()
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return f"the process that makes the lines {how}" + "".join(f" ({words})" for words in self._said)


@dataclass(frozen=True)
class SyntheticSource:
    """The synthetic lines of a run and their share of all lines."""

    options: Synthesis
    supply: LineSupply

    def share(self, progress: float, decaying: bool) -> float:
        """See `Synthesis.share`."""
        return self.options.share(progress, decaying)

    def take(self, first: int, count: int) -> list[TrainingLine]:
        """Lines `first` to `first + count - 1` of the run."""
        return self.supply.take(first, count)

    def close(self) -> None:
        """End the processes that make lines."""
        self.supply.close()


def open_synthesis(
    options: Synthesis,
    alphabet: str | None,
    height: int,
    seed: int,
    report: Callable[[str], None] = lambda message: None,
    processes: Processes = ALONE,
) -> SyntheticSource:
    """Start to make lines of `height` rows with characters of `alphabet` (None: any).

    Returns when all files have been opened; `report` is told of fonts that cannot be used. Call `close` in the end. Of
    several trainers each makes a part of the lines.

    Raises:
        HwrError: a file is missing or broken, a library is missing.
    """
    job = _job(options, alphabet, height, seed) | {"rank": processes.rank, "ranks": processes.count}
    supply: LineSupply
    if options.workers == 0:
        supply = OwnLines(LineMaker(job, report))
    else:
        supply = BackgroundLines([job | {"worker": worker} for worker in range(options.workers)], report)
    return SyntheticSource(options, supply if processes.count == 1 else SharedLines(supply, processes))


def characters(options: Synthesis, survey: bool, seed: int) -> Iterator[str]:
    """The characters that synthesis adds to the alphabet of a run: those that `options` names.

    If it names none and `survey` is true, those of the first lines that the sources give.

    Raises:
        HwrError: as `open_synthesis`.
    """
    found = set(options.characters)
    if not found and survey:
        maker = LineMaker(_job(options, None, 1, seed), lambda message: None)
        found = {character for index in range(SURVEYED_LINES) for character in maker.text(index)}
    visible = sorted(found - {" "})
    yield from visible
    if " " in found and visible:
        yield f"{visible[-1]} {visible[-1]}"  # alone it would be trimmed


def _job(options: Synthesis, alphabet: str | None, height: int, seed: int) -> dict[str, Any]:
    """What a worker needs to know."""
    return {
        "factory": FACTORY,
        "options": to_dict(options),
        "alphabet": alphabet,
        "height": height,
        "seed": seed,
        "workers": options.workers,
    }
