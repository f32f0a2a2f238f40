"""The workflows of docs/ci.md: each of their commands runs, and the build fails when it should."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from helpers.children import child_environment
from helpers.tiny_model import painted_line, write_tiny_model

ROOT = Path(__file__).parent.parent.parent


def workflows() -> list[dict[str, Any]]:
    text = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    return [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]


GITHUB, GITLAB = workflows()
COMMANDS = [step["run"] for step in GITHUB["jobs"]["accuracy"]["steps"] if "run" in step]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository of a user: two line images, their texts, and a model that reads one of them right."""
    write_tiny_model(tmp_path / "models", "forms")
    (tmp_path / "forms").mkdir()
    for name, text in (("one", "abc"), ("two", "cab")):
        ink = painted_line("abc", steps=8)
        Image.fromarray(255 - ink).resize((ink.shape[1] * 2, 32)).save(tmp_path / "forms" / f"{name}.png")
        (tmp_path / "forms" / f"{name}.gt.txt").write_text(text)
    return tmp_path


def run(command: str, folder: Path, path: str) -> subprocess.CompletedProcess[str]:
    environment = child_environment(PATH=f"{path}{os.pathsep}{os.environ['PATH']}")
    return subprocess.run(
        ["bash", "-ec", command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_both_services_run_the_same_commands_and_keep_the_same_files() -> None:
    assert GITLAB["accuracy"]["script"] == COMMANDS
    upload = GITHUB["jobs"]["accuracy"]["steps"][-1]
    assert upload["if"] == "always()" and GITLAB["accuracy"]["artifacts"]["when"] == "always"
    assert upload["with"]["path"].split() == GITLAB["accuracy"]["artifacts"]["paths"]


def test_the_gate_fails_the_build_and_leaves_the_reports(repository: Path) -> None:
    commands = [command for command in COMMANDS if command.startswith("hwr ")]
    assert [command.split()[1] for command in commands] == ["prepare", "eval"]
    prepared, measured = (run(command, repository, str(Path(sys.executable).parent)) for command in commands)
    assert prepared.returncode == 0, prepared.stderr
    assert measured.returncode == 1 and "bound exceeded" in measured.stderr, measured.stderr
    report = json.loads((repository / "report.json").read_text())
    assert report["gate"]["passed"] is False and report["total"]["lines"] == 2
    assert len((repository / "lines.tsv").read_text().splitlines()) == 3
    easier = run(commands[1].replace("0.05", "1"), repository, str(Path(sys.executable).parent))
    assert easier.returncode == 0 and "bound kept" in easier.stderr


@pytest.mark.slow
def test_every_command_runs_in_a_fresh_environment(repository: Path, source_copy: Path) -> None:
    wheels = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", repository / "wheels", source_copy]
    subprocess.run(wheels, check=True)
    subprocess.run([sys.executable, "-m", "venv", repository / "venv"], check=True)
    shutil.copy(ROOT / "requirements" / "read.txt", repository / "requirements-hwr.txt")
    codes = [run(command, repository, str(repository / "venv" / "bin")).returncode for command in COMMANDS]
    assert codes == [0, 0, 0, 1]
