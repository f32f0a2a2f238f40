"""Several processes train as one does. They are two children of the test, joined over gloo."""

import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from helpers.children import Ended, run_children
from helpers.training_runs import Recorded, Recorder, drawn_store, opened, plain, read_log, recipe, run
from hwr.errors import TrainingError, UsageError
from hwr.model.checkpoint import load_model, load_weights
from hwr.settings import to_toml
from hwr.train import loop
from hwr.train.folder import BEST, LAST, RESUME, RunFolder
from hwr.train.loop import Trainer
from hwr.train.processes import ALONE, Processes, join_processes
from hwr.train.recipe import Optimisation, Recipe
from hwr.train.run import train
from hwr.train.validate import validate

SPEC = "[1,48,0,1 Ci3,3,8,2,2 Mp2,2 S1(1x0)1,3 Lbx16 O1c{classes}]"

Job = tuple[Recipe, Path, bool, int]
"""A run: its settings, its folder, whether it is resumed, the step after which it stops (0: none)."""

END = "end of the job"


def work_in_two(jobs: list[Job], settings: Recipe, folder: Path) -> None:
    """For a child process: do all that two processes do in these tests, since each start of one takes seconds.

    First come the jobs. Then `agree` trains. Last, the second process leaves.
    """
    try:
        with join_processes() as processes:
            for job in jobs:
                run_job(job, processes)
                print(END)
            agree(settings, folder, processes)
            print(END, flush=True)
            processes.sum([1.0])
            if processes.rank == 1:
                os._exit(7)
            processes.sum([1.0])
    except TrainingError as error:
        print(error)


def run_job(job: Job, processes: Processes) -> None:
    """Run; print each step and the end of the run."""
    settings, folder, resume, stop_after = job
    done = run(settings, folder, resume, stop_after, processes=processes)
    for report in done.reports:
        print(report.step, report.lines, report.loss)
    trainer = done.run.trainer
    weights = torch.cat([tensor.detach().double().flatten() for tensor in trainer.network.parameters()])
    print("gradient", gradient_norm(trainer))
    print("weights", weights.sum().item().hex(), weights.norm().item().hex())
    print("finished", done.finished, trainer.progress.seconds.hex())


def gradient_norm(trainer: Trainer) -> float:
    """Return the norm of the gradients of the last step."""
    gradients = [weight.grad.double().flatten() for weight in trainer.network.parameters() if weight.grad is not None]
    return torch.cat(gradients).norm().item()


def agree(settings: Recipe, folder: Path, processes: Processes) -> None:
    """Train; the second of two processes has a loss that is not finite, and is asked to stop."""
    second = processes.rank == 1
    print(processes.sum([processes.rank + 1.0, 0.5]), processes.any(second), processes.any(False))
    print(processes.of_first(9.0 if second else 7.5))

    original, calls = loop.ctc_loss, iter(range(10**9))

    def loss(*arguments: Any) -> torch.Tensor:
        spoiled = second and next(calls) == 4  # of the third step: each step has two heads
        return original(*arguments) * (float("nan") if spoiled else 1.0)

    loop.ctc_loss = loss
    asked = iter(range(10**9))
    result = train(settings, folder, Recorder(), stop=lambda: second and next(asked) == 5, processes=processes)
    print(result.finished, result.progress.step, result.progress.non_finite)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_store(tmp_path_factory.mktemp("store") / "drawn", train=120)


def exact(data: Path, **changes: object) -> Recipe:
    """Nothing is drawn at random and no statistics are kept: all that differs is who computes what.

    Nor is the gradient clipped, which would hide a wrong factor.
    """
    optimiser = changes.pop("optimiser", "adamw")
    assert isinstance(optimiser, str)
    optimisation = Optimisation(
        optimiser=optimiser, columns_per_batch=1500, warm_up_steps=1, span_time_steps=0, clip_norm=1e9
    )
    return recipe(data, spec=SPEC, augment=plain(), optimisation=optimisation, **changes)


OPTIMISERS = ("adamw", "muon")
FIVE_STEPS, CHANGED, WHOLE, BEFORE, AFTER = "five steps", "changed", "whole", "before", "after"
"""Names of the jobs; five steps are taken with each optimiser."""


@dataclass(frozen=True)
class InTwo:
    """What two processes left.

    Attributes:
        folder: of the runs, each in a folder of its own.
        printed: what each of the two printed, by the name of the job.
        agreed: the same for what they agree on.
        ended: the processes.
        alone: the first third of the run that changes its number of processes.
    """

    folder: Path
    printed: dict[str, tuple[list[str], list[str]]]
    agreed: tuple[list[str], list[str]]
    ended: list[Ended]
    alone: Recorded


@pytest.fixture(scope="module")
def in_two(tmp_path_factory: pytest.TempPathFactory, data: Path) -> InTwo:
    """Do all jobs in two processes, with the environment that torchrun gives."""
    folder = tmp_path_factory.mktemp("two")
    alone = run(exact(data, lines=90), folder / CHANGED, stop_after=THIRD)
    with_statistics = recipe(data, lines=60)
    # Other runs come between a run and its resumption: nothing that a process remembers can help.
    jobs: dict[str, Job] = {BEFORE: (with_statistics, folder / BEFORE, False, 3)}
    jobs |= {FIVE_STEPS + name: (exact(data, optimiser=name), folder / name, False, 5) for name in OPTIMISERS}
    jobs |= {
        CHANGED: (exact(data, lines=90), folder / CHANGED, True, 2 * THIRD),
        WHOLE: (with_statistics, folder / WHOLE, False, 0),
        AFTER: (with_statistics, folder / BEFORE, True, 0),
    }
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = {"WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    environments = [shared | {"RANK": rank, "LOCAL_RANK": rank} for rank in (0, 1)]
    ended = run_children(folder, environments, work_in_two, list(jobs.values()), recipe(data), folder / "agree")
    first, second = (_parts(child.out, len(jobs) + 1, child.err) for child in ended)
    printed = dict(zip(jobs, zip(first, second, strict=True), strict=False))
    return InTwo(folder, printed, (first[len(jobs)], second[len(jobs)]), ended, alone)


THIRD = 4
"""Steps of a third of the run that changes its number of processes."""


def _parts(out: str, count: int, err: str) -> list[list[str]]:
    """Return the lines that a process printed in each job."""
    *parts, _ = out.split(f"{END}\n")
    assert len(parts) == count, err
    return [part.splitlines() for part in parts]


@pytest.mark.parametrize(("optimiser", "tolerance"), [("adamw", 1e-5), ("muon", 5e-4)])
def test_two_processes_learn_what_one_does(
    in_two: InTwo, tmp_path: Path, data: Path, optimiser: str, tolerance: float
) -> None:
    """The same weights after five steps; each process has half of the lines of every batch.

    Muon rounds to bf16 on the way, and so enlarges the differences of the last bits.
    """
    settings = exact(data, optimiser=optimiser)
    one = run(settings, tmp_path / "one", stop_after=5)
    two, (first, second) = in_two.folder / optimiser, in_two.printed[FIVE_STEPS + optimiser]
    assert first == second, "the processes went apart"
    assert len(one.reports) == 5
    for report, line in zip(one.reports, first, strict=False):
        step, lines, loss = line.split()
        assert (int(step), int(lines)) == (report.step, report.lines)
        assert float(loss) == pytest.approx(report.loss, rel=1e-3)
    assert first[5].startswith("gradient ")
    assert float(first[5].split()[1]) == pytest.approx(gradient_norm(one.run.trainer), rel=1e-3)
    weights, expected = (load_weights(folder / LAST) for folder in (two, tmp_path / "one"))
    states = [RunFolder(folder).load_state(RESUME)["network"] for folder in (two, tmp_path / "one")]
    start = run(settings, tmp_path / "begun", stop_after=-1).run.trainer.network.state_dict()
    for name in expected:
        torch.testing.assert_close(weights[name], expected[name], rtol=0, atol=tolerance)
        torch.testing.assert_close(states[0][name], states[1][name], rtol=0, atol=tolerance)
    moved = max(float((states[0][name] - tensor).abs().max()) for name, tensor in start.items())
    assert moved > max(10 * tolerance, 3e-3)


def test_what_is_agreed_on(in_two: InTwo) -> None:
    """A loss that is not finite and a request to stop in one process reach the other."""
    first, second = in_two.agreed
    assert first == second
    # Stopped before the sixth step, after one that was left out.
    assert first == ["[3.0, 1.0] True False", "7.5", "False 5 1"]


def test_a_process_that_ends_is_noticed(in_two: InTwo) -> None:
    stays, leaves = in_two.ended
    assert (stays.code, leaves.code) == (0, 7), stays.err
    assert stays.out.endswith(f"{END}\nanother process of this run has ended; its own message says why\n")


def test_a_run_changes_its_number_of_processes(in_two: InTwo, tmp_path: Path, data: Path) -> None:
    """One process, then two, then one: the losses of a run that never stopped. The log is that of one run."""
    settings = exact(data, lines=90)
    whole = run(settings, tmp_path / "whole")
    assert len(whole.reports) // 3 == THIRD
    first, second = in_two.printed[CHANGED]
    assert first == second
    losses = in_two.alone.losses | {int(step): float(loss) for step, _, loss in map(str.split, first[:THIRD])}
    last = run(settings, in_two.folder / CHANGED, resume=True)
    losses |= last.losses
    assert list(losses) == list(whole.losses)
    for step, loss in whole.losses.items():
        assert losses[step] == pytest.approx(loss, rel=1e-3), step
    log = read_log(in_two.folder / CHANGED)
    sessions = [event for event in log if event["event"] == "session"]
    assert [event["step"] for event in sessions] == [0, THIRD, 2 * THIRD]
    assert ["2 processes" in event["hardware"] for event in sessions] == [False, True, False]
    assert [event["step"] for event in log] == sorted(event["step"] for event in log)
    minutes = [event["minutes"] for event in log if "minutes" in event]
    assert minutes == sorted(minutes) and minutes[-1] > 0


def test_batch_norm_dropout_and_augmentation(in_two: InTwo, data: Path) -> None:
    """A stopped run of two processes continues as if it had not stopped; it validates as one process does."""
    whole, before, (after, other) = in_two.printed[WHOLE][0], in_two.printed[BEFORE][0], in_two.printed[AFTER]
    assert after == other
    steps = [line for line in whole if line[0].isdigit()]
    assert before[:3] + [line for line in after if line[0].isdigit()] == steps
    weights = [line for line in whole if line.startswith("weights")]
    assert weights == [line for line in after if line.startswith("weights")]
    folder = in_two.folder / BEFORE
    statistics = {name: tensor for name, tensor in load_weights(folder / LAST).items() if "running" in name}
    assert statistics and all(torch.isfinite(tensor).all() for tensor in statistics.values())

    end = [event for event in read_log(folder) if event["event"] == "validation"][-1]
    network, info = load_model(folder / BEST)
    result = validate(network, opened(data, "val"), info.make_alphabet(), 0, torch.autocast("cpu", enabled=False))
    assert end["cer"]["drawn"] == pytest.approx(result.errors.rate, abs=1e-5) and result.lines == 20


@pytest.mark.parametrize(
    "environment", [{}, {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1"}]
)
def test_alone(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with join_processes() as joined:
        assert joined == ALONE and joined.first and joined.sum([1.5]) == [1.5]


def test_more_processes_than_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": "1", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(UsageError, match="4 processes, but 2 CUDA devices"), join_processes():
        pass


@pytest.mark.slow
def test_torchrun(tmp_path: Path, data: Path) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text(to_toml(recipe(data, lines=40)), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        "-m",
        "hwr",
        "train",
    ]
    command += ["--recipe", str(file), "-o", str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{tmp_path / 'run' / BEST}\n"
    assert done.stderr.count("2 processes of 1 thread") == 1
    assert read_log(tmp_path / "run")[-1]["event"] == "end"
