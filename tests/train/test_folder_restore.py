"""A run that was killed, stopped or lengthened continues as if nothing had happened."""

import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from helpers.children import run_child
from helpers.training_runs import SPEC, Recorded, drawn_store, read_log, recipe, run, run_until_killed
from hwr.errors import InputError, OutputError
from hwr.model.files import read_info
from hwr.settings import load_toml
from hwr.train.device import has_bf16_units
from hwr.train.folder import BEST, CACHE, LAST, RECIPE, RESUME, TRUNK, TRUNK_RESUME, RunFolder
from hwr.train.loop import Trainer
from hwr.train.recipe import Optimisation, Recipe
from hwr.train.run import train


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """The folder of a run that has ended; a test that changes it copies it."""
    folder = tmp_path_factory.mktemp("ended") / "run"
    run(recipe(data, lines=30), folder)
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Recorded:
    """A run of 200 lines that was not stopped; a test that changes its folder copies it."""
    return run(recipe(data, lines=200), tmp_path_factory.mktemp("whole") / "run")


def two_epochs(data: Path, precision: str) -> Recipe:
    """Nearly two epochs, the last fifth of them in the decay."""
    optimisation = Optimisation(columns_per_batch=1000, warm_up_steps=10, span_time_steps=3, time_steps_per_span=20)
    return recipe(data, lines=320, precision=precision, optimisation=optimisation, validation=())


def run_killed(settings: Recipe, folder: Path) -> dict[int, float]:
    """Run in a child process, kill it in the middle of the epoch after it has saved; the losses it had printed."""
    child = run_child(folder.parent, run_until_killed, settings, folder, 14, 17)
    assert child.code == -signal.SIGKILL, child.err
    return {int(step): float.fromhex(loss) for step, loss in map(str.split, child.out.splitlines())}


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_killed_run_continues_exactly(tmp_path: Path, data: Path, precision: str) -> None:
    if precision == "bf16" and not has_bf16_units(torch.device("cpu")):
        pytest.skip("this processor has no bf16 units")
    tolerance = 0.0 if precision == "fp32" else 1e-3
    settings = two_epochs(data, precision)
    whole = run(settings, tmp_path / "whole")
    before = run_killed(settings, tmp_path / "killed")
    state = RunFolder(tmp_path / "killed").load_state(RESUME)["progress"]
    assert state["step"] == 14 and state["position"][1] == 0 < state["position"][2]  # in the middle of an epoch
    after = run(settings, tmp_path / "killed", resume=True)

    assert whole.run.trainer.progress.epoch >= 1 and len(whole.losses) > 30
    assert sorted(before) == list(range(1, 18)) and sorted(after.losses) == list(range(15, len(whole.losses) + 1))
    for step, loss in (before | after.losses).items():
        assert abs(loss - whole.losses[step]) <= tolerance, f"step {step}"
    assert after.rates == whole.rates[14:]
    end, expected = after.run.trainer.state(), whole.run.trainer.state()
    for name, tensor in expected["average"].items():
        torch.testing.assert_close(end["average"][name], tensor, rtol=0, atol=tolerance)


def test_losses_of_the_comparison_depend_on_random_numbers(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above is not passed by a run that draws other random numbers."""
    settings = two_epochs(data, "fp32")
    whole = run(settings, tmp_path / "whole", stop_after=12).losses
    run(settings, tmp_path / "other", stop_after=8)
    monkeypatch.setattr("hwr.train.loop.seed_of", lambda seed, step, rank: 99 + step)
    other = run(settings, tmp_path / "other", resume=True, stop_after=12).losses
    assert all(other[step] != whole[step] for step in (9, 10, 11, 12))


def test_stop_saves_and_ends_cleanly(tmp_path: Path, data: Path) -> None:
    settings = recipe(data, lines=120)
    whole = run(settings, tmp_path / "whole")
    calls = []

    def stop() -> bool:
        calls.append(1)
        return len(calls) > 5

    result = train(settings, tmp_path / "stopped", whole.reporter, stop=stop)
    assert not result.finished and result.progress.step == 5
    assert (tmp_path / "stopped" / LAST).exists() and result.model == tmp_path / "stopped" / LAST
    assert read_log(tmp_path / "stopped")[-1]["event"] == "stopped"
    after = run(settings, tmp_path / "stopped", resume=True)
    assert after.finished and after.losses == {s: loss for s, loss in whole.losses.items() if s > 5}


def weights_of(state: dict[str, Any]) -> dict[str, torch.Tensor]:
    network: dict[str, torch.Tensor] = state["network"]
    return {name: tensor.clone() for name, tensor in network.items()}


def start_of(recorded: Recorded) -> Trainer:
    return recorded.run.trainer


@pytest.mark.parametrize("lines", [220, pytest.param(900, marks=pytest.mark.slow)])
def test_lengthened_run_continues_from_the_trunk(tmp_path: Path, data: Path, whole: Recorded, lines: int) -> None:
    settings, short = recipe(data, lines=200), whole
    shutil.copytree(whole.run.folder.path, tmp_path / "run")
    rate = settings.optimisation.learning_rate
    trunk = RunFolder(tmp_path / "run").load_state(TRUNK_RESUME)
    at = trunk["progress"]["step"]
    assert short.rates[at - 1] == rate and short.rates[-1] < 0.5 * rate

    longer = run(replace(settings, lines=lines), tmp_path / "run", resume=True)
    expected = run(replace(settings, lines=lines), tmp_path / "whole")
    assert any("lengthened" in message and "trunk" in message for message in longer.reporter.messages)
    assert longer.reports[0].step == at + 1 and longer.rates[0] == rate
    assert longer.losses == {step: loss for step, loss in expected.losses.items() if step > at}
    assert RunFolder(tmp_path / "run").load_state(TRUNK_RESUME)["progress"]["lines"] >= 0.8 * lines
    logged = [event["step"] for event in read_log(tmp_path / "run")]
    assert logged == sorted(logged), "events of the decay that was left behind are still in the log"


def test_finished_run_resumed_with_the_same_length_stays_as_it_is(tmp_path: Path, data: Path) -> None:
    settings = recipe(data, lines=100)
    first = run(settings, tmp_path / "run")
    before = weights_of(RunFolder(tmp_path / "run").load_state(RESUME))
    models = {name: (tmp_path / "run" / name).read_bytes() for name in (LAST, BEST, TRUNK)}
    again = run(settings, tmp_path / "run", resume=True)
    assert again.finished and again.reports == []
    state = RunFolder(tmp_path / "run").load_state(RESUME)
    for name, tensor in weights_of(state).items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)
    assert state["progress"]["step"] == first.run.trainer.progress.step
    for name, content in models.items():
        assert (tmp_path / "run" / name).read_bytes() == content, name


def test_folder_that_holds_a_run_is_refused_without_resume(tmp_path: Path, data: Path, ended: Path) -> None:
    shutil.copytree(ended, tmp_path / "run")
    before = (tmp_path / "run" / RESUME).read_bytes()
    with pytest.raises(OutputError, match=r"already contains a run.*--resume"):
        run(recipe(data, lines=60), tmp_path / "run")
    assert (tmp_path / "run" / RESUME).read_bytes() == before
    assert load_toml(Recipe, tmp_path / "run" / RECIPE).lines == 30


def test_models_without_a_resume_state_are_never_overwritten(tmp_path: Path, data: Path, ended: Path) -> None:
    folder = Path(shutil.copytree(ended, tmp_path / "run"))
    (folder / RESUME).unlink()
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    with pytest.raises(OutputError, match=r"safetensors: already exists; use another folder"):
        run(recipe(data, lines=60), folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
    with pytest.raises(InputError, match=r"resume\.pt: no such file.*trunk\.pt to resume\.pt.*--init-from .*last"):
        run(recipe(data, lines=60), folder, resume=True)


def test_nothing_to_resume(tmp_path: Path, data: Path) -> None:
    with pytest.raises(InputError, match=r"resume\.pt: no such file"):
        run(recipe(data), tmp_path / "run", resume=True)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "damaged"),
        (b"not a checkpoint", "damaged"),
        ("truncated", "damaged"),
        ("list", "damaged"),
        ("shorter", "does not fit"),
        ("bare", "does not fit|lacks"),
        ("incomplete", "does not fit"),
        ("progress", "does not fit"),
    ],
)
def test_damaged_state_is_one_clear_error(
    tmp_path: Path, data: Path, ended: Path, content: bytes | str, message: str
) -> None:
    shutil.copytree(ended, tmp_path / "run")
    path = tmp_path / "run" / RESUME
    whole = path.read_bytes()
    state = torch.load(path, weights_only=True)
    if content == "truncated":
        path.write_bytes(whole[: len(whole) // 2])
    elif content == "list":
        torch.save([1, 2], path)
    elif content == "shorter":
        torch.save({name: value for name, value in state.items() if name != "durations"}, path)
    elif content == "bare":
        torch.save({"version": state["version"], "network": state["network"]}, path)
    elif content == "incomplete":
        del state["optimiser"]
        torch.save(state, path)
    elif content == "progress":
        state["progress"]["surprise"] = 1
        torch.save(state, path)
    elif isinstance(content, bytes):
        path.write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        run(recipe(data, lines=30, name="other"), tmp_path / "run", resume=True)
    told = str(error.value)
    assert "\n" not in told and str(tmp_path / "run") in told
    assert f"copy {TRUNK_RESUME} to {RESUME}" in told and f"--init-from {tmp_path / 'run' / LAST}" in told
    assert load_toml(Recipe, tmp_path / "run" / RECIPE).name == "", "the recipe of the run was replaced"
    if message == "damaged":
        path.write_bytes((tmp_path / "run" / TRUNK_RESUME).read_bytes())
        assert run(recipe(data, lines=30), tmp_path / "run", resume=True).finished


def test_state_of_another_network_is_refused(tmp_path: Path, data: Path, ended: Path) -> None:
    shutil.copytree(ended, tmp_path / "run")
    with pytest.raises(InputError, match="does not fit this recipe"):
        run(recipe(data, lines=30, spec=SPEC.replace("Lbx16", "Lbx12")), tmp_path / "run", resume=True)
    assert load_toml(Recipe, tmp_path / "run" / RECIPE).spec == SPEC


def test_a_run_of_another_version_is_refused_in_one_line(tmp_path: Path, data: Path) -> None:
    run(recipe(data, lines=80), tmp_path / "run", stop_after=4)
    state = torch.load(tmp_path / "run" / RESUME, weights_only=True)
    torch.save(state | {"version": 2}, tmp_path / "run" / RESUME)
    with pytest.raises(
        InputError, match=r"another version of hwr \(state 2.*start a new run with --init-from"
    ) as error:
        run(recipe(data, lines=80), tmp_path / "run", resume=True)
    assert "\n" not in str(error.value) and LAST in str(error.value)


def test_a_cache_is_used_again_and_removed_in_the_end(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(recipe(data, lines=80), tmp_path / "run", stop_after=4)
    assert len(list((tmp_path / "run" / CACHE).glob("*.pixels"))) == 2
    monkeypatch.setattr("hwr.store.normalised.line_ink", lambda *arguments: pytest.fail("normalised again"))
    assert run(recipe(data, lines=80), tmp_path / "run", resume=True).finished
    assert not (tmp_path / "run" / CACHE).exists()


@pytest.mark.parametrize(("before", "after"), [("adamw", "muon"), ("muon", "adamw")])
def test_another_optimiser_starts_from_scratch_with_a_message(
    tmp_path: Path, data: Path, before: str, after: str
) -> None:
    settings = recipe(data, lines=200)
    run(
        replace(settings, optimisation=replace(settings.optimisation, optimiser=before)),
        tmp_path / "run",
        stop_after=12,
    )
    changed = replace(settings, optimisation=replace(settings.optimisation, optimiser=after))
    recorded = run(changed, tmp_path / "run", resume=True, stop_after=15)
    assert any("another optimiser" in message for message in recorded.reporter.messages)
    assert list(recorded.losses) == [13, 14, 15]
    rate = settings.optimisation.learning_rate
    assert recorded.rates == pytest.approx([rate * share for share in (0.1, 0.2, 0.3)])  # the warm-up has ten steps
    again = run(changed, tmp_path / "run", resume=True, stop_after=17)
    assert not any("another optimiser" in message for message in again.reporter.messages)
    assert again.rates == pytest.approx([rate * share for share in (0.4, 0.5)])


def test_options_of_the_optimiser_that_changed_hold(tmp_path: Path, data: Path) -> None:
    settings = recipe(data, lines=60)
    run(settings, tmp_path / "run", stop_after=3)
    options = replace(settings.optimisation, weight_decay=0.25, betas=(0.5, 0.75), learning_rate=0.01)
    changed = run(replace(settings, optimisation=options), tmp_path / "run", resume=True, stop_after=5)
    matrices, vectors = changed.run.trainer.optimiser.parts[0].param_groups
    assert (matrices["weight_decay"], vectors["weight_decay"]) == (0.25, 0.0)
    assert matrices["betas"] == (0.5, 0.75) and changed.rates == pytest.approx([0.004, 0.005])


@pytest.mark.parametrize("trunk_file", ["whole", "missing", "damaged"])
def test_a_run_in_its_decay_continues_with_or_without_its_trunk(
    tmp_path: Path, data: Path, whole: Recorded, trunk_file: str
) -> None:
    settings = recipe(data, lines=200)
    trunk = whole.run.folder.load_state(TRUNK_RESUME)["progress"]["step"]
    run(settings, tmp_path / "run", stop_after=trunk + 1)
    path = tmp_path / "run" / TRUNK_RESUME
    if trunk_file == "missing":
        path.unlink()
    elif trunk_file == "damaged":
        path.write_bytes(b"half of")
    after = run(settings, tmp_path / "run", resume=True)
    assert sum("trunk.pt" in message for message in after.reporter.messages) == (trunk_file != "whole")
    assert not any("lengthened" in message for message in after.reporter.messages)
    assert after.losses == {step: loss for step, loss in whole.losses.items() if step > trunk + 1}


def test_a_run_on_many_machines(tmp_path: Path) -> None:
    """Other precision, other threads, data that moved: minutes add up, and the log is that of one run."""
    data = drawn_store(tmp_path / "here")
    settings = recipe(data, lines=120)
    first = run(settings, tmp_path / "run", stop_after=4)
    changed = recipe(data.rename(tmp_path / "elsewhere"), lines=120, precision="bf16", threads=1)
    second = run(changed, tmp_path / "run", resume=True, stop_after=8)
    third = run(replace(changed, precision="fp32"), tmp_path / "run", resume=True)
    seconds = [recorded.run.trainer.progress.seconds for recorded in (first, second, third)]
    parts = [sum(report.seconds for report in recorded.reports) for recorded in (first, second, third)]
    assert seconds == pytest.approx([sum(parts[: number + 1]) for number in range(3)])
    log = read_log(tmp_path / "run")
    sessions = [event for event in log if event["event"] == "session"]
    assert [(event["step"], event["precision"]) for event in sessions] == [(0, "fp32"), (4, "bf16"), (8, "fp32")]
    assert [event["step"] for event in log] == sorted(event["step"] for event in log)
    assert [event["event"] for event in log if event["event"] in ("stopped", "end")] == ["stopped", "stopped", "end"]


def test_the_model_that_a_run_began_with_is_gone(tmp_path: Path, data: Path) -> None:
    run(recipe(data, lines=30, licence="CC0"), tmp_path / "first")
    base = tmp_path / "first" / TRUNK
    settings = recipe(data, lines=60, spec="", init_from=str(base))
    run(settings, tmp_path / "run", stop_after=3)
    base.unlink()
    after = run(settings, tmp_path / "run", resume=True)
    assert after.finished and next(iter(after.losses)) == 4
    info = read_info(tmp_path / "run" / LAST)
    assert info.training["init_from"] == str(base) and info.licence == "CC0"
