"""Synthetic lines in training: the same ones in every process, in their share, and no process left behind."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from drawn_letters import CHARACTERS, HEIGHT
from fake_synthesis import DrawnLines, synthesis, use_drawn_lines
from training_runs import Recorded, Recorder, drawn_bundle, recipe, run

from hwr.errors import HwrError, InputError, MissingDependency, TrainingError
from hwr.line import normalise_line
from hwr.text import Alphabet
from hwr.train import batches, synthetic
from hwr.train.data import TrainingLine
from hwr.train.folder import BEST, RESUME
from hwr.train.recipe import Recipe, Synthesis
from hwr.train.run import train
from hwr.train.synthetic import SyntheticSource, characters, open_synthesis
from hwr.train.synthetic_worker import GROUP_LINES


@pytest.fixture(autouse=True)
def drawn_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    use_drawn_lines(monkeypatch)


@pytest.fixture
def opened() -> Iterator[list[SyntheticSource]]:
    """Sources that are closed in the end."""
    sources: list[SyntheticSource] = []
    yield sources
    for source in sources:
        source.close()


def children() -> set[int]:
    """Processes of which this one is the parent, but for those that have ended."""
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            _, _, rest = status.read_text().rpartition(") ")
        except OSError:
            continue
        state, parent = rest.split()[:2]
        if int(parent) == os.getpid() and state != "Z":
            found.add(int(status.parent.name))
    return found


def same(lines: list[TrainingLine], others: list[TrainingLine]) -> bool:
    return len(lines) == len(others) and all(
        a.text == b.text and a.id == b.id and np.array_equal(a.ink, b.ink) for a, b in zip(lines, others, strict=True)
    )


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_lines_are_those_of_the_generator(opened: list[SyntheticSource], workers: int) -> None:
    told: list[str] = []
    source = open_synthesis(synthesis("prints", workers=workers), CHARACTERS, HEIGHT, 7, told.append)
    opened.append(source)
    assert told == ["one font left out"]
    generator = DrawnLines(synthesis(), CHARACTERS)
    # In order, across groups, again, back, and far ahead.
    for first, count in [(0, 5), (5, 3 * GROUP_LINES), (5, 4), (0, 1), (3000, 70), (3070, 0), (40, 40)]:
        lines = source.take(first, count)
        assert len(lines) == count
        for index, line in enumerate(lines, start=first):
            drawn = generator.line(7, index)
            assert (line.text, line.id) == (drawn.text, f"synthetic-{index}")
            np.testing.assert_array_equal(line.ink, normalise_line(drawn.grey, HEIGHT))


def test_lines_have_the_alphabet_and_seed_of_the_run(opened: list[SyntheticSource]) -> None:
    opened += [open_synthesis(synthesis(workers=1), letters, HEIGHT, seed) for letters, seed in [("ab", 1), ("ab", -2)]]
    texts = [[line.text for line in source.take(0, 50)] for source in opened]
    assert set("".join(texts[0])) == {"a", "b"} and texts[0] != texts[1]


def test_lines_of_the_real_generator(
    tmp_path: Path, shared: Path, opened: list[SyntheticSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same in a process of its own; with characters of the run only."""
    monkeypatch.undo()
    text = tmp_path / "text.txt"
    text.write_text("The quick brown fox jumps over the lazy dog, and the cat sat on the mat again.\n" * 20)
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    fonts = (shared / "fonts" / "caveat.ttf", tmp_path / "broken.ttf")
    options = {"texts": (text,), "fonts": fonts}
    letters = "abcdefghijklmnopqrstuvwxyzT,. "
    taken = []
    for workers in (0, 1):
        source = open_synthesis(Synthesis(**options, workers=workers), letters, 48, 3)
        opened.append(source)
        taken.append(source.take(30, 8))
    assert same(*taken)
    assert set("".join(line.text for line in taken[0])) <= set(letters)
    for line in taken[0]:
        assert line.ink.shape[0] == 48 and line.ink.max() > 100 and line.text


def test_a_trainer_waits_for_no_more_than_it_takes(opened: list[SyntheticSource]) -> None:
    """Workers stop when enough lines wait."""
    source = open_synthesis(synthesis(workers=1), CHARACTERS, HEIGHT, 7)
    opened.append(source)
    source.take(0, 1)
    supply = source.supply
    assert isinstance(supply, synthetic.BackgroundLines)
    deadline = time.monotonic() + 30
    while supply._workers[0]._frames.qsize() < synthetic.BUFFERED_GROUPS and time.monotonic() < deadline:
        time.sleep(0.05)
    assert supply._workers[0]._frames.full()


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        ("missing", InputError, "missing: no such file"),
        ("library", MissingDependency, "synthesis cannot begin: it needs a_library_that_does_not_exist"),
        ("fails-40", TrainingError, "synthetic line 40: ValueError: of no use"),
        ("leaves", TrainingError, r"the process that makes the lines ended with exit code 9 \(out of memory\)"),
        ("dies-70", TrainingError, "the process that makes the lines was killed by signal 9"),
    ],
)
def test_failures_are_one_clear_line(workers: int, fault: str, kind: type[HwrError], message: str) -> None:
    if workers == 0 and fault in ("leaves", "dies-70"):
        pytest.skip("would end this process")
    before = children()
    with pytest.raises(kind, match=message) as error:
        source = open_synthesis(synthesis(fault, workers=workers), CHARACTERS, HEIGHT, 7)
        try:
            source.take(0, 200)
        finally:
            source.close()
    assert "\n" not in str(error.value) and type(error.value) is kind
    assert children() == before


def test_a_process_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second of two: the first one is not left behind."""
    before, start, started = children(), subprocess.Popen, []

    def start_one(*words: object, **settings: object) -> object:
        if started:
            raise OSError(11, "Resource temporarily unavailable")
        started.append(start(*words, **settings))  # type: ignore[call-overload]
        return started[0]

    monkeypatch.setattr(subprocess, "Popen", start_one)
    with pytest.raises(TrainingError, match="no process can be started: Resource temporarily unavailable"):
        open_synthesis(synthesis(workers=2), CHARACTERS, HEIGHT, 7)
    assert len(started) == 1 and children() == before


def test_a_worker_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    source = open_synthesis(synthesis("hangs-0"), CHARACTERS, HEIGHT, 7)
    monkeypatch.setattr(synthetic, "SILENCE_SECONDS", 1)
    with pytest.raises(TrainingError, match="made nothing for 1 seconds"):
        source.take(0, 1)
    source.close()


CHILD = """
import sys
from drawn_letters import HEIGHT
from fake_synthesis import synthesis
from hwr.synth.options import SynthOptions
from hwr.train import batches, synthetic
synthetic.FACTORY = "fake_synthesis:DrawnLines"
source = synthetic.open_synthesis(synthesis(sys.argv[1]), "abcd", HEIGHT, 1)
print(source.supply._workers[0]._process.pid, flush=True)
if "-" not in sys.argv[1]:
    source.take(0, 40)
else:
    source.supply._workers[0].order(0)
print("made", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("work", ["strokes.npz", "hangs-20"])
def test_a_worker_ends_with_its_trainer(work: str) -> None:
    """A killed trainer has no time to say so: whether the worker waits for it or is in the middle of a line."""
    with subprocess.Popen([sys.executable, "-c", CHILD, work], stdin=-1, stdout=-1, text=True) as trainer:
        assert trainer.stdout is not None
        worker = int(trainer.stdout.readline())
        assert trainer.stdout.readline() == "made\n"
        assert Path(f"/proc/{worker}").exists()
        trainer.kill()
    deadline = time.monotonic() + 20
    while _lives(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _lives(worker)


def _lives(process: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False


def test_characters_that_synthesis_adds() -> None:
    assert list(characters(synthesis(characters="xé x"), True, 1)) == ["x", "é", "é é"]
    assert Alphabet.of(characters(synthesis(characters="xé x"), True, 1)).characters == " xé"
    assert list(characters(synthesis(), False, 1)) == []
    assert list(characters(synthesis(), True, 1)) == list(CHARACTERS)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_bundle(tmp_path_factory.mktemp("bundle"))


def mixed(data: Path, **changes: object) -> Recipe:
    return recipe(data, **{"lines": 150, "synthesis": synthesis(share_start=0.8, share_end=0.2, workers=1)} | changes)


def test_a_stopped_run_goes_on_exactly(tmp_path: Path) -> None:
    data = drawn_bundle(tmp_path / "bundle", train=60)
    settings = mixed(data, synthesis=synthesis(share_start=0.8, share_end=0.2, share_decay=0.1, workers=1))
    whole = run(settings, tmp_path / "whole")
    whole.session.close()
    count = len(whole.losses)
    assert whole.session.trainer.progress.epoch >= 2
    # In the middle of pools, at shares that the position of a run that goes on would not give again.
    losses: dict[int, float] = {}
    for stop in (count // 2, count // 2 + 1, 0):
        part = run(settings, tmp_path / "parts", resume=bool(losses), stop_after=stop)
        part.session.close()
        losses |= part.losses
    assert losses == whole.losses
    assert whole.session.trainer.progress.synthetic == part.session.trainer.progress.synthetic > 0


def test_lines_do_not_depend_on_the_number_of_workers(tmp_path: Path, data: Path) -> None:
    runs: list[Recorded] = []
    for workers in (0, 1):
        settings = mixed(data, lines=60, synthesis=synthesis(share_start=0.8, workers=workers))
        runs.append(run(settings, tmp_path / str(workers)))
        runs[-1].session.close()
    assert runs[0].losses == runs[1].losses


def test_no_process_is_left_behind(tmp_path: Path, data: Path) -> None:
    before = children()
    assert train(mixed(data, lines=50), tmp_path / "done", Recorder()).finished
    assert children() == before
    for fault in ("missing", "dies-40"):
        with pytest.raises(HwrError):
            train(mixed(data, synthesis=synthesis(fault, workers=2)), tmp_path / fault, Recorder())
        assert children() == before
    assert not (tmp_path / "missing").exists()


def test_a_run_without_data(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The alphabet is that of the synthetic lines; all of them are synthetic, in the decay too."""
    monkeypatch.setattr(batches, "SYNTHETIC_POOL", 30)
    settings = mixed(data, train=(), lines=50, synthesis=synthesis(licence="CC0", workers=1))
    done = run(settings, tmp_path)
    done.session.close()
    assert done.session.alphabet.characters == CHARACTERS and done.finished
    assert done.session.trainer.progress.synthetic_share == 1.0
    assert (tmp_path / BEST).exists() and (tmp_path / RESUME).exists()
    facts = done.session.info().trained_on
    assert facts == {"synthetic lines": {"lines": 30, "licence": "CC0"}}
