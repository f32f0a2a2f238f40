"""The run folder: a save that fails or is killed leaves what was there."""

import json
import os
from pathlib import Path

import pytest
import torch

from helpers.file_limits import largest_file
from hwr.errors import InputError, OutputError
from hwr.files.atomic import write_file
from hwr.model.checkpoint import save_model
from hwr.model.info import ModelInfo
from hwr.settings import load_toml
from hwr.train.folder import METRICS, RECIPE, RESUME, RunFolder, state_bytes
from hwr.train.recipe import Recipe


def test_state_round_trip(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    write_file(folder.path / RESUME, state_bytes({"tensor": torch.arange(3), "value": 0.1}))
    state = folder.load_state(RESUME)
    assert state["tensor"].tolist() == [0, 1, 2] and state["value"] == 0.1


def test_full_disk_is_one_line_and_leaves_the_last_save(tmp_path: Path) -> None:
    path = tmp_path / "run"
    folder = RunFolder(path)
    write_file(folder.path / RESUME, state_bytes({"step": 1}))
    (path / "last.safetensors").write_bytes(b"old")
    tensor = torch.zeros(1_000_000)
    info = ModelInfo("spec", "abc", 48, "name", 1, 4)
    with largest_file(100_000):
        with pytest.raises(OutputError, match=r"/resume\.pt: cannot be written: File too large$"):
            write_file(path / RESUME, state_bytes({"tensor": tensor}))
        with pytest.raises(OutputError, match=r"/last\.safetensors: cannot be written: File too large$"):
            save_model(path / "last.safetensors", {"tensor": tensor}, info)
    assert folder.load_state(RESUME)["step"] == 1 and (path / "last.safetensors").read_bytes() == b"old"
    assert sorted(file.name for file in path.iterdir()) == ["last.safetensors", RESUME]


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        RunFolder(tmp_path / "file").start(Recipe())
    with pytest.raises(OutputError, match=r"metrics\.jsonl: cannot be written"):
        RunFolder(tmp_path / "missing").append_log("{}\n")


def test_recipe_is_kept(tmp_path: Path) -> None:
    recipe = Recipe(minutes=3.0, seed=9)
    RunFolder(tmp_path / "new" / "run").start(recipe)
    assert load_toml(Recipe, tmp_path / "new" / "run" / RECIPE) == recipe


def test_code_in_a_state_is_not_run(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (tmp_path / "exploded",))  # type: ignore[return-value]

    torch.save({"version": 1, "bomb": Bomb()}, tmp_path / RESUME)
    with pytest.raises(InputError, match="damaged"):
        RunFolder(tmp_path).load_state(RESUME)
    assert not (tmp_path / "exploded").exists()


def test_log_is_cut_at_the_step_of_the_save(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.truncate_log(3)  # no log: nothing to do
    for step in range(1, 6):
        folder.append_log(json.dumps({"event": "step", "step": step, "text": "œ\n"}, ensure_ascii=False) + "\n")
    with (tmp_path / METRICS).open("a") as file:
        file.write('{"event": "st')  # the process was killed while it wrote
    assert folder.truncate_log(3) == 1
    folder.append_log('{"event": "step", "step": 4}\n')
    lines = (tmp_path / METRICS).read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3, 4]
    assert json.loads(lines[0])["text"] == "œ\n"


def test_a_damaged_byte_in_the_log_costs_no_more_than_its_line(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    lines = [
        b'{"event": "a", "step": 1}',
        b'{"event": "\xa5", "step": 2}',
        b'{"eve\xa5',
        b"[]",
        b'{"event": "b", "step": 3}',
    ]
    (tmp_path / METRICS).write_bytes(b"\n".join(lines) + b"\n")
    assert folder.truncate_log(3) == 2
    kept = [json.loads(line) for line in (tmp_path / METRICS).read_text(encoding="utf-8").splitlines()]
    assert [(event["event"], event["step"]) for event in kept] == [("a", 1), ("\N{REPLACEMENT CHARACTER}", 2), ("b", 3)]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_pipes_in_a_run_folder_are_refused(tmp_path: Path) -> None:
    """Reading one would never return."""
    folder = RunFolder(tmp_path)
    for name in (METRICS, RESUME):
        os.mkfifo(tmp_path / name)
    with pytest.raises(InputError, match="not a regular file"):
        folder.truncate_log(1)
    with pytest.raises(InputError, match="not a regular file"):
        folder.load_state(RESUME)
