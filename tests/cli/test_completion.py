"""Completion of values, as the scripts for the shells ask for it."""

from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from hwr.cli import cli
from hwr.cli.train import PRESETS
from hwr.model import network
from hwr.recognize.models import language_model_names, model_names


def completed(words: str, incomplete: str = "") -> list[tuple[str, str]]:
    """Return kind and text of each completion after complete words."""
    found = ShellComplete(cli, {}, "hwr", "_HWR_COMPLETE").get_completions(words.split(), incomplete)
    return [(item.type, item.value) for item in found]


def plain(*names: str) -> list[tuple[str, str]]:
    return [("plain", name) for name in names]


FILE = ("file", "")


@pytest.mark.parametrize("words", ["recognize a.png -m", "train data --init-from", "eval --model", "export"])
def test_models_are_completed_by_name_or_as_files(words: str) -> None:
    assert completed(words) == [FILE, *plain(*model_names())] and "small" in model_names()
    assert completed(words, "ti") == [("file", "ti"), ("plain", "tiny")]
    assert completed(words, "runs/") == [("file", "runs/")]


def test_languages_and_their_models() -> None:
    assert completed("recognize --language") == plain("auto", *language_model_names())
    assert completed("lm tune --lm", "s") == [("file", "s"), *plain("shipped", "sv")]


def test_formats_in_a_list() -> None:
    assert completed("convert a.xml --format", "p") == plain("page", "pdf")
    assert completed("recognize --format", "text,a") == plain("text,alto")


def test_commands_of_help() -> None:
    assert completed("help", "re") == plain("recognize")
    assert completed("help lm") == plain("build", "tune", "score", "convert")
    assert completed("help recognize") == []


def test_presets() -> None:
    assert completed("train data --preset") == plain(*network.PRESETS) == plain(*PRESETS)


def test_completion_reads_no_folder_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "smaller.safetensors").touch()
    assert completed("recognize -m", "small") == [("file", "small"), ("plain", "small")]
