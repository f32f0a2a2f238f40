"""The batches of a run: their order, the position after each, worker processes, the relaxation of augmentation."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import count, islice
from pathlib import Path

import pytest
import torch

from helpers.child_processes import child_environment
from helpers.drawn_letters import CHARACTERS
from helpers.fake_synthesis import synthesis, use_drawn_lines
from helpers.training_runs import Recorder, drawn_lines, drawn_store, opened, plain, recipe, run, write_drawn
from hwr.errors import DataError, TrainingError
from hwr.text import Alphabet
from hwr.train import loading
from hwr.train.augment.augment import augment
from hwr.train.batches import PoolBuilder, PoolRequest
from hwr.train.loading import PoolRequests, ReadyBatch, load_batches, load_pools, worker_count
from hwr.train.recipe import Optimisation, Recipe
from hwr.train.run import train
from hwr.train.schedule import Progress

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_store(tmp_path_factory.mktemp("store") / "drawn", train=60)


def builder_of(data: Path, settings: Recipe, weight: float = 1.0) -> PoolBuilder:
    return PoolBuilder([opened(data)], [weight], Alphabet(CHARACTERS), 4, settings.optimisation, settings.seed)


def first_batches(data: Path, settings: Recipe, progress: Progress, count: int) -> list[ReadyBatch]:
    return list(islice(load_batches(builder_of(data, settings), progress, settings, CPU), count))


def test_a_batch_carries_the_position_that_follows_it(data: Path) -> None:
    """From any position on, the batches are those that an uninterrupted run would have had."""
    settings = recipe(data)
    whole = first_batches(data, settings, Progress(), 40)
    assert [batch.after for batch in whole if batch.after[2] == 0][:2] == [(0, 1, 0), (1, 1, 0)]
    end = [batch.after[2] for batch in whole].index(0) + 1
    for done in (1, 5, end, end + 1):
        progress = Progress(position=whole[done - 1].after, lines=1)
        rest = first_batches(data, settings, progress, len(whole) - done)
        for batch, expected in zip(rest, whole[done:], strict=True):
            assert batch.after == expected.after and batch.batch.texts == expected.batch.texts
            assert torch.equal(batch.ink, expected.ink) and torch.equal(batch.targets, expected.targets)


def test_a_ready_batch_is_what_augmentation_gives(data: Path) -> None:
    settings = recipe(data)
    (ready,) = first_batches(data, settings, Progress(), 1)
    batch = ready.batch
    widths = torch.full_like(batch.widths, batch.target_width)
    assert torch.equal(ready.ink, augment(batch.ink, batch.widths, widths, batch.seeds, settings.augment))
    assert batch.lines == len(batch.texts) and batch.characters == len(ready.targets)


def test_augmentation_relaxes_in_the_last_part_of_a_run(data: Path) -> None:
    options = Optimisation(columns_per_batch=1500, relax_share=0.5, relax_to=0.0)
    settings = recipe(data, lines=100, optimisation=options)
    for lines, strength in ((0, 1.0), (50, 1.0), (75, 0.5), (100, 0.0)):
        ((ready,),) = [first_batches(data, settings, Progress(lines=lines), 1)]
        batch, wanted = ready.batch, replace(settings.augment, strength=strength)
        widths = torch.full_like(batch.widths, batch.target_width)
        assert torch.equal(ready.ink, augment(batch.ink, batch.widths, widths, batch.seeds, wanted))


def requests(progress: Progress, settings: Recipe, builder: PoolBuilder) -> Iterator[PoolRequest]:
    return iter(PoolRequests(builder, progress, settings))


def test_a_requested_pool_keeps_its_share_of_synthetic_lines(data: Path) -> None:
    """A run that is resumed asks again for the pools that were requested before it stopped."""
    settings = recipe(data, lines=100, synthesis=synthesis(share_start=0.8, share_end=0.2, change_end=0.8))
    builder, progress = builder_of(data, settings), Progress()
    first = list(islice(requests(progress, settings, builder), 3))
    assert [request.synthetic_share for request in first] == [0.8] * 3
    progress.lines = 40
    progress.advance((0, 1, 0))
    again = list(islice(requests(progress, settings, builder), 3))
    assert [request.epoch for request in again] == [1, 2, 3]
    assert [request.synthetic_share for request in again] == pytest.approx([0.8, 0.8, 0.5])
    assert set(progress.requested) == {"1/0", "2/0", "3/0"}


def test_workers_do_not_change_a_run(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_drawn_lines(monkeypatch)
    settings = recipe(data, lines=120, synthesis=synthesis(share_start=0.5, share_end=0.5))
    alone = run(settings, tmp_path / "alone")
    before = children()
    helped = run(replace(settings, workers=2), tmp_path / "helped")
    assert helped.losses == alone.losses and len(alone.losses) > 8
    assert alone.run.progress.synthetic == helped.run.progress.synthetic > 0
    del helped
    assert children() == before


def children() -> set[int]:
    """Processes of which this one is the parent, except those that have ended and Python's resource tracker."""
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            _, _, rest = status.read_text().rpartition(") ")
            command = (status.parent / "cmdline").read_bytes()
        except OSError:
            continue
        state, parent = rest.split()[:2]
        if int(parent) == os.getpid() and state != "Z" and b"resource_tracker" not in command:
            found.add(int(status.parent.name))
    return found


@pytest.mark.parametrize(
    ("fault", "message"),
    [("fails", "synthetic line [0-9]+: ValueError: of no use$"), ("dies", "a process that builds batches has ended")],
)
def test_failures_in_a_worker_are_one_clear_line(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch, fault: str, message: str
) -> None:
    use_drawn_lines(monkeypatch)
    faulty = synthesis(f"{fault}-{3}", share_start=1.0, share_end=1.0, share_decay=1.0)
    with pytest.raises(TrainingError, match=message) as error:
        train(recipe(data, workers=1, synthesis=faulty), tmp_path / "run", Recorder())
    assert "\n" not in str(error.value)


def test_damage_of_a_store_is_named_without_a_cache(tmp_path: Path) -> None:
    folder = drawn_store(tmp_path / "drawn")
    content = bytearray((folder / "train.parquet").read_bytes())
    content[2000] ^= 255
    (folder / "train.parquet").write_bytes(content)
    with pytest.raises(DataError, match=r"train\.parquet: row group 0 cannot be read"):
        train(recipe(folder, cache=False, workers=1), tmp_path / "run", Recorder())


PLANTED = """
import sys
from pathlib import Path
from helpers.training_runs import recipe, run

if __name__ == "__main__":
    print(len(run(recipe(Path(sys.argv[1]), lines=30, workers=1), Path(sys.argv[2])).losses))
"""


def test_no_code_of_the_working_folder_runs(tmp_path: Path, data: Path) -> None:
    for name in ("multiprocessing", "random", "uuid", "zipfile"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close(); raise SystemExit")
    program = tmp_path / "programs" / "program.py"
    program.parent.mkdir()
    program.write_text(PLANTED)
    done = subprocess.run(
        [sys.executable, str(program), str(data), str(tmp_path / "run")],
        cwd=tmp_path,
        env=child_environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0 and int(done.stdout) > 1, done.stderr
    assert not (tmp_path / "ran").exists()


def test_no_usable_line_is_counted_over_an_epoch(tmp_path: Path) -> None:
    lines = [replace(line, text="") for line in drawn_lines(5)]
    write_drawn(tmp_path / "train.parquet", lines)
    settings = recipe(tmp_path)
    with pytest.raises(TrainingError, match=r"no usable line.*: 5 without text"):
        for pool in load_pools(builder_of(tmp_path, settings), Progress(), settings, 0):
            assert not pool.batches


def test_lines_passed_over_come_with_the_next_batch(tmp_path: Path) -> None:
    lines = [replace(line, text="") if number < 300 else line for number, line in enumerate(drawn_lines(600))]
    write_drawn(tmp_path / "train.parquet", lines)
    settings = recipe(tmp_path)
    passed_over: Counter[str] = Counter()
    for batch in load_batches(builder_of(tmp_path, settings), Progress(), settings, CPU):
        if batch.request.epoch == 1:
            break
        passed_over += batch.passed_over
    assert passed_over == {"without text": 300}


@pytest.mark.parametrize(
    ("workers", "device", "made", "count"),
    [(3, "cpu", False, 3), (0, "cuda", True, 0), (-1, "cpu", False, 0), (-1, "cpu", True, 1), (-1, "cuda", False, 4)],
)
def test_number_of_workers(monkeypatch: pytest.MonkeyPatch, workers: int, device: str, made: bool, count: int) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    settings = Recipe(workers=workers, synthesis=synthesis() if made else None)
    assert worker_count(settings, torch.device(device)) == count


def test_a_worker_leaves_signals_to_the_main_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C reaches the whole group of processes, and torchrun sends SIGTERM to it."""
    names = [signal.SIGINT, signal.SIGHUP, signal.SIGTERM]
    before = {number: signal.getsignal(number) for number in names}
    monkeypatch.setattr(os, "nice", lambda step: 0)
    try:
        loading._begin_worker(0)
        for number in names:
            os.kill(os.getpid(), number)
            time.sleep(0.01)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.mark.slow
def test_a_run_keeps_its_deadline(data: Path, tmp_path: Path) -> None:
    """An hour is asked for, twelve seconds are given: the learning rate is 0 at their end."""
    asked = count()
    settings = recipe(data, minutes=60.0, lines=0, augment=plain())
    result = train(settings, tmp_path / "run", Recorder(), stop=lambda: next(asked) > 100_000, deadline=0.2)
    assert result.finished, "stopped at a step that no machine reaches in twelve seconds"
    assert result.progress.seconds == pytest.approx(3600, abs=60)
    assert result.progress.trunk_saved
