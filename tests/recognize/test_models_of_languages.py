"""Language models by name and by path."""

from pathlib import Path

import pytest

from helpers.lm_texts import sentences, text
from hwr.errors import ModelError, UsageError
from hwr.lm.build import BuildOptions, build
from hwr.lm.file import write
from hwr.lm.scorer import text_log_probabilities
from hwr.recognize import models
from hwr.recognize.models import find_language_model, language_model_names


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of shipped models with two language models and other files."""
    shipped = tmp_path / "checkpoints"
    shipped.mkdir()
    for number, name in enumerate(("en", "de")):
        tables = build([text(50, seed=number)], BuildOptions(order=3, max_bytes=None))
        write(tables, shipped / f"{name}.lm", 16, {"licence": f"licence of {name}"})
        write(tables, tmp_path / f"{name}.arpa.gz", 16, {})
    (shipped / "small.onnx").write_bytes(b"")
    monkeypatch.setattr(models, "models_folder", lambda: shipped)
    return shipped


def test_names_of_those_that_ship(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert language_model_names() == ["de", "en"]
    monkeypatch.setattr(models, "models_folder", lambda: folder / "none")
    assert language_model_names() == []


def test_by_name(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_language_model("de").facts["licence"] == "licence of de"
    assert find_language_model("en").facts["licence"] == "licence of en"


def test_an_unknown_name_lists_what_is_installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="no language model named 'fr'; installed: de, en;") as error:
        find_language_model("fr")
    assert "\n" not in str(error.value)
    monkeypatch.setattr(models, "models_folder", lambda: folder / "none")
    with pytest.raises(UsageError, match="installed: none;"):
        find_language_model("en")


def test_by_path(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_language_model(folder / "de.lm").facts["licence"] == "licence of de"
    assert find_language_model(str(folder / "de.lm")).facts["licence"] == "licence of de"
    monkeypatch.chdir(folder)
    assert find_language_model("en.lm").facts["licence"] == "licence of en"
    lines = sentences(5, seed=3)
    arpa = text_log_probabilities(find_language_model(tmp_path / "en.arpa.gz"), lines)
    assert arpa == pytest.approx(text_log_probabilities(find_language_model("en"), lines), abs=0.02)


@pytest.mark.parametrize("name", ["none.lm", "none.arpa", "none.arpa.xz", "folder.lm"])
def test_a_file_that_is_missing(folder: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.lm").mkdir()
    with pytest.raises(ModelError) as error:
        find_language_model(tmp_path / name)
    assert str(error.value).startswith(str(tmp_path / name)) and "\n" not in str(error.value)


def test_a_file_with_another_ending(folder: Path, tmp_path: Path) -> None:
    for path in (tmp_path / "words.txt", tmp_path / "missing.txt"):
        (tmp_path / "words.txt").write_text("words")
        with pytest.raises(UsageError, match=r"NAME\.lm or NAME\.arpa"):
            find_language_model(path)
