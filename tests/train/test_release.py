"""The files of a release: fp16 weights, ONNX, model card, log, trunk."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from helpers.training_runs import CHARACTERS, HEIGHT, SPEC
from hwr.errors import UsageError
from hwr.line import NORMALISATION, NORMALISATION_VERSION
from hwr.model.checkpoint import load_weights, save_model
from hwr.model.files import read_info
from hwr.model.info import ModelInfo
from hwr.model.network import build
from hwr.train.folder import BEST, METRICS, TRUNK
from hwr.train.release import TRUNKS, model_card, release

INFO = ModelInfo(
    spec=SPEC.replace("{classes}", "5"),
    alphabet=CHARACTERS,
    height=HEIGHT,
    normalisation=NORMALISATION,
    normalisation_version=NORMALISATION_VERSION,
    stride=4,
    name="drawn",
    licence="CC0",
    trained_on={"letters": {"lines": 1200, "weight": 2.5, "licence": "CC BY 4.0"}, "forms": {"lines": 7}},
    training={"command": "hwr train letters", "seed": 3, "lines_seen": 45678, "steps": 99, "minutes": 1.5},
)
MEASURED = {"letters": {"cer": 0.12345, "wer": 0.4, "lines": 1156, "fp32_cer": 0.1234}}


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a run that a release is made of; the weights are random."""
    folder = tmp_path_factory.mktemp("run")
    torch.manual_seed(1)
    network = build(INFO.spec, True)
    save_model(folder / BEST, network.state_dict(), INFO)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.5)
    save_model(folder / TRUNK, network.state_dict(), INFO, with_auxiliary=True)
    (folder / METRICS).write_text('{"event": "end"}\n')
    return folder


def released(run_folder: Path, folder: Path, **changes: Any) -> Path:
    """Release the model of the run folder, with other facts."""
    info = replace(INFO, **changes)
    save_model(run_folder / "changed.safetensors", load_weights(run_folder / BEST), info)
    return release(run_folder / "changed.safetensors", folder, MEASURED)


def dtypes(path: Path) -> set[torch.dtype]:
    return {tensor.dtype for tensor in load_file(path).values() if tensor.is_floating_point()}


def test_a_release_has_all_its_files(run_folder: Path, tmp_path: Path) -> None:
    target = release(run_folder / BEST, tmp_path / "out", MEASURED)
    assert target == tmp_path / "out" / "drawn.safetensors"
    names = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*")}
    assert names == {"drawn.safetensors", "drawn.onnx", "drawn.md", "drawn.jsonl", f"{TRUNKS}/drawn.safetensors"}
    assert (tmp_path / "out" / "drawn.jsonl").read_text() == (run_folder / METRICS).read_text()


def test_weights_are_those_of_the_run_rounded_to_fp16(run_folder: Path, tmp_path: Path) -> None:
    target = release(run_folder / BEST, tmp_path, MEASURED)
    trunk = tmp_path / TRUNKS / "drawn.safetensors"
    for written, source in ((target, run_folder / BEST), (trunk, run_folder / TRUNK)):
        assert dtypes(source) == {torch.float32} and dtypes(written) == {torch.float16, torch.float32}
        before, after = load_weights(source), load_weights(written)
        assert set(before) == set(after)
        for name, tensor in before.items():
            # Half a unit in the last of 11 binary places (IEEE 754 binary16).
            torch.testing.assert_close(after[name], tensor, rtol=2**-11, atol=2**-25)
    assert load_weights(target).keys() < load_weights(trunk).keys()  # the trunk keeps the auxiliary head


def test_the_model_states_what_was_measured_and_what_it_started_from(run_folder: Path, tmp_path: Path) -> None:
    training = INFO.training | {
        "init_from": "/home/somebody/models/first.safetensors",
        "command": "hwr train /home/somebody/letters --init-from /home/somebody/models/first.safetensors -o runs/mine",
    }
    target = released(run_folder, tmp_path, training=training)
    info = read_info(target)
    assert info.validation == MEASURED
    assert info.training["init_from"] == "first"
    assert info.training["command"] == "hwr train letters --init-from first.safetensors -o runs/mine"
    card = (tmp_path / "drawn.md").read_text(encoding="utf-8")
    assert "started from the model `first`" in card and "somebody" not in card


def test_the_command_of_the_card_keeps_its_quotes(run_folder: Path, tmp_path: Path) -> None:
    command = "hwr train '/home/somebody/my letters' --spec '[1,48,0,1 O1c{classes}]'"
    target = released(run_folder, tmp_path, training=INFO.training | {"command": command})
    expected = command.replace("/home/somebody/", "")
    assert read_info(target).training["command"] == expected
    assert f"\n    {expected}\n" in (tmp_path / "drawn.md").read_text(encoding="utf-8")


def test_a_trunk_names_no_folder_of_the_machine(run_folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    for name in (BEST, TRUNK):
        facts = replace(INFO, training=INFO.training | {"command": f"hwr train /home/somebody/{name}"})
        save_model(run / name, load_weights(run_folder / name), facts, with_auxiliary=True)
    release(run / BEST, tmp_path / "out", MEASURED)
    for path in (tmp_path / "out" / "drawn.safetensors", tmp_path / "out" / TRUNKS / "drawn.safetensors"):
        assert str(read_info(path).training["command"]).startswith("hwr train ")
        assert b"somebody" not in path.read_bytes()


def test_the_card_states_the_facts() -> None:
    card = model_card(replace(INFO, validation=MEASURED), "0123abcd")
    for part in (
        "# Model `drawn`",
        "Licence: CC0.",
        "| letters | 1,200 | 2.5 | CC BY 4.0 |",
        "| forms | 7 | 1 | not stated |",
        "45,678 lines seen in 99 steps, 1.5 minutes",
        "seed 3",
        "prints it: `0123abcd`.",
        "    hwr train letters",
        "| letters | 1,156 | 0.1235 | 0.4000 | 0.12340 |",
        "4 characters:",
        "`` abcd ``",
    ):
        assert part in card, part
    assert "started from" not in card


@pytest.mark.parametrize("alphabet", [" !`a", " ab`", "`"])
def test_the_card_shows_backticks_and_the_blank_in_one_piece_of_code(alphabet: str) -> None:
    line = next(line for line in model_card(replace(INFO, alphabet=alphabet), "").splitlines() if line.startswith("``"))
    code, after = line.removeprefix("`` ").split(" ``")
    assert code == alphabet.strip()
    assert after == (" and the space" if " " in alphabet else "")


@pytest.mark.parametrize("name", ["", "../drawn", "a/b"])
def test_a_name_that_is_none_of_a_file_is_refused(run_folder: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="--name"):
        released(run_folder, tmp_path / "out", name=name)
    assert not (tmp_path / "out").exists()


def test_a_model_without_its_run_is_released_without_log_and_trunk(run_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "alone").mkdir()
    model = tmp_path / "alone" / "model.safetensors"
    model.write_bytes((run_folder / BEST).read_bytes())
    release(model, tmp_path / "out", MEASURED)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"drawn.safetensors", "drawn.onnx", "drawn.md"}


def test_the_shipped_model_has_a_card_and_a_log_that_belong_to_it() -> None:
    folder = Path(__file__).parent.parent.parent / "checkpoints"
    info = read_info(folder / "small.safetensors")
    card = (folder / "small.md").read_text(encoding="utf-8")
    assert info.licence in card and "non-commercial" in card
    for name, figures in info.validation.items():
        assert f"| {name} | {figures['lines']:,} | {figures['cer']:.4f} |" in card
    base = read_info(folder / "base.safetensors")
    log = [json.loads(line) for line in (folder / "base.jsonl").read_text(encoding="utf-8").splitlines()]
    assert max(event["lines"] for event in log) >= base.training["lines_seen"]
