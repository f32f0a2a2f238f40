"""Several processes train as one does. They are two children of the test, joined over gloo."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from training_runs import drawn_bundle, plain, recipe, run

from hwr.model.checkpoint import load_weights
from hwr.train.recipe import Optimisation, Recipe, recipe_to_toml
from hwr.train.run import LAST, RESUME, RunFolder

TESTS = Path(__file__).parent.parent
SPEC = "[1,48,0,1 Ci3,3,8,2,2 Mp2,2 S1(1x0)1,3 Lbx16 O1c{classes}]"

RUN = """
import sys
from pathlib import Path
import torch
from training_runs import run
from hwr.train.distributed import join_processes
from hwr.train.recipe import load_recipe

with join_processes() as processes:
    settings, folder, resume = load_recipe(Path(sys.argv[1])), Path(sys.argv[2]), sys.argv[3] == "resume"
    done = run(settings, folder, resume, int(sys.argv[4]), processes=processes)
    for report in done.reports:
        print(report.step, report.lines, report.loss)
    weights = torch.cat([tensor.double().flatten() for tensor in done.session.trainer.network.state_dict().values()])
    gradients = [parameter.grad.double().flatten() for parameter in done.session.trainer.network.parameters()]
    print("gradient", torch.cat(gradients).norm().item())
    print("weights", weights.sum().item().hex(), weights.norm().item().hex())
    print("finished", done.finished, done.session.trainer.progress.seconds.hex())
"""


def processes(program: str, *arguments: object, count: int = 2) -> list[tuple[int, str, str]]:
    """Run a program in `count` processes with the environment that torchrun gives; exit code and output of each."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    children = []
    for rank in range(count):
        environment = os.environ | {
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
            "WORLD_SIZE": str(count),
            "LOCAL_WORLD_SIZE": str(count),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(TESTS),
        }
        command = [sys.executable, "-c", program, *map(str, arguments)]
        children.append(
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        )
    done = [child.communicate(timeout=120) for child in children]
    return [(child.returncode, out, err) for child, (out, err) in zip(children, done, strict=True)]


def run_in_two(settings: Recipe, folder: Path, mode: str = "start", stop_after: int = 0) -> list[list[str]]:
    """What two processes that train printed, line by line."""
    file = folder.with_suffix(".toml")
    file.write_text(recipe_to_toml(settings), encoding="utf-8")
    results = processes(RUN, file, folder, mode, stop_after)
    assert [code for code, _, _ in results] == [0, 0], results[0][2] + results[1][2]
    return [out.splitlines() for _, out, _ in results]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_bundle(tmp_path_factory.mktemp("bundle"), train=120)


def exact(data: Path, **changes: object) -> Recipe:
    """Nothing is drawn at random and no statistics are kept: all that differs is who computes what.

    Nor is the gradient clipped, which would hide a wrong factor.
    """
    optimiser = changes.pop("optimiser", "adamw")
    assert isinstance(optimiser, str)
    optimisation = Optimisation(
        optimiser=optimiser, columns_per_batch=1500, warm_up_steps=1, span_steps=0, clip_norm=1e9
    )
    return recipe(data, spec=SPEC, augment=plain(), optimisation=optimisation, **changes)


@pytest.mark.parametrize(("optimiser", "tolerance"), [("adamw", 1e-5), ("muon", 5e-4)])
def test_two_processes_learn_what_one_does(tmp_path: Path, data: Path, optimiser: str, tolerance: float) -> None:
    """The same weights after five steps; each process has half of the lines of every batch.

    Muon rounds to bf16 on the way, and so enlarges the differences of the last bits.
    """
    settings = exact(data, optimiser=optimiser)
    one = run(settings, tmp_path / "one", stop_after=5)
    first, second = run_in_two(settings, tmp_path / "two", stop_after=5)
    assert first == second, "the processes went apart"
    assert len(one.reports) == 5
    for report, line in zip(one.reports, first, strict=False):
        step, lines, loss = line.split()
        assert (int(step), int(lines)) == (report.step, report.lines)
        assert float(loss) == pytest.approx(report.loss, rel=1e-3)
    gradients = [p.grad.flatten() for p in one.session.trainer.network.parameters() if p.grad is not None]
    assert first[5].startswith("gradient ")
    assert float(first[5].split()[1]) == pytest.approx(float(torch.cat(gradients).norm()), rel=1e-3)
    weights, expected = (load_weights(tmp_path / name / LAST) for name in ("two", "one"))
    states = [RunFolder(tmp_path / name).load_state(RESUME)["network"] for name in ("two", "one")]
    start = run(settings, tmp_path / "begun", stop_after=-1).session.trainer.network.state_dict()
    for name in expected:
        torch.testing.assert_close(weights[name], expected[name], rtol=0, atol=tolerance)
        torch.testing.assert_close(states[0][name], states[1][name], rtol=0, atol=tolerance)
    moved = max(float((states[0][name] - tensor).abs().max()) for name, tensor in start.items())
    assert moved > max(10 * tolerance, 3e-3)
