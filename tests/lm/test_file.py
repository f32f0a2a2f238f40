"""Binary files: the same scores, mapped, quick to open; broken ones are named."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from helpers.lm_texts import sentences, text
from hwr.errors import ModelError, UsageError
from hwr.lm.build import BuildOptions, build
from hwr.lm.file import METADATA_KEY, check_suffix, load, read_model, read_tables, write_model
from hwr.lm.model import Model, make_model
from hwr.lm.scorer import score_lines


@pytest.fixture(scope="module")
def model() -> Model:
    return make_model(build([text(300)], BuildOptions(order=6)), facts={"licence": "none"})


def test_a_model_survives_the_file(model: Model, tmp_path: Path) -> None:
    write_model(model, tmp_path / "a.lm")
    again = read_model(tmp_path / "a.lm")
    assert (again.symbols, again.order, again.facts) == (model.symbols, model.order, model.facts)
    lines = sentences(50, seed=4)
    assert score_lines(again, lines) == score_lines(model, lines)
    assert isinstance(again.labels.base, np.memmap)


def test_eight_bits_are_enough(model: Model) -> None:
    lines = sentences(200, seed=4)
    exact = score_lines(make_model(build([text(300)], BuildOptions(order=6)), 16), lines)
    assert score_lines(model, lines).bits == pytest.approx(exact.bits, abs=0.01)


@pytest.mark.slow
def test_a_large_model_opens_quickly(tmp_path: Path) -> None:
    """A model of 8 MB, as large as those that ship; its content does not matter here."""
    states, grams = 1_000_000, 2_800_000
    continuations = np.full(states, 2, np.uint8)
    continuations[0] = 150
    continuations[1 : 1 + grams - int(continuations.sum(dtype=np.int64))] += 1
    grams = int(continuations.sum(dtype=np.int64))
    bits = np.zeros(grams, bool)
    bits[: states - 1] = True
    arrays = {
        "labels": np.zeros(grams, np.uint8),
        "log_probs": np.zeros(grams, np.uint8),
        "followed": np.packbits(bits),
        "continuations": continuations,
        "backoffs": np.zeros(states, np.uint8),
    }
    facts = {"format_version": 1, "characters": "ab", "order": 7, "unknown": -9.0, "facts": {}}
    facts |= {"log_probs": [0.0, 0.1], "backoffs": [0.0, 0.1]}
    save_file(arrays, tmp_path / "a.lm", {METADATA_KEY: json.dumps(facts)})
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        read_model(tmp_path / "a.lm")
        seconds.append(time.perf_counter() - started)
    assert min(seconds) < 0.2


def test_a_truncated_file_is_one_clear_line(model: Model, tmp_path: Path) -> None:
    write_model(model, tmp_path / "a.lm")
    content = (tmp_path / "a.lm").read_bytes()
    for size in (0, 5, 100, len(content) // 2, len(content) - 1):
        (tmp_path / "cut.lm").write_bytes(content[:size])
        with pytest.raises(ModelError, match=r"cut\.lm: not a language model .*truncated") as error:
            read_model(tmp_path / "cut.lm")
        assert "\n" not in str(error.value)


def test_other_files_are_one_clear_line(model: Model, tmp_path: Path) -> None:
    save_file({"x": np.zeros(3)}, tmp_path / "other.lm", {"hwr": "{}"})
    with pytest.raises(ModelError, match="not a language model of hwr"):
        read_model(tmp_path / "other.lm")
    for name in ("folder.lm", "folder.arpa", "folder.arpa.gz"):
        (tmp_path / name).mkdir()
        with pytest.raises(ModelError, match=f"{name}: a folder; a language model is one file"):
            read_tables(tmp_path / name)
    with pytest.raises(ModelError, match="no such language model"):
        read_model(tmp_path / "missing.lm")
    with pytest.raises(UsageError, match=r"name it NAME\.lm"):
        load(tmp_path / "model.bin")
    with pytest.raises(UsageError):
        check_suffix(tmp_path / "model.txt")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 7}, "format 7 is unknown"),
        ({"characters": "aa"}, "twice"),
        ({"order": 77}, "do not fit"),
        ({"log_probs": None}, "incomplete"),
        ({"order": float("inf")}, "incomplete"),
        ({"unknown": 10**400}, "incomplete"),
    ],
)
def test_wrong_facts_are_named(change, message, model, tmp_path) -> None:  # type: ignore[no-untyped-def]
    write_model(model, tmp_path / "a.lm")
    rewrite(tmp_path / "a.lm", change, {})
    with pytest.raises(ModelError, match=message):
        read_model(tmp_path / "a.lm")


@pytest.mark.parametrize("name", ["labels", "continuations", "followed", "backoffs", "log_probs"])
def test_arrays_that_do_not_fit_are_named(name: str, model: Model, tmp_path: Path) -> None:
    write_model(model, tmp_path / "a.lm")
    rewrite(tmp_path / "a.lm", {}, {name: load_file(tmp_path / "a.lm")[name][:-2]})
    with pytest.raises(ModelError, match="do not fit each other"):
        read_model(tmp_path / "a.lm")


def rewrite(path: Path, facts: dict[str, object], arrays: dict[str, np.ndarray]) -> None:
    from safetensors import safe_open

    with safe_open(path, "numpy") as file:
        metadata = json.loads(file.metadata()[METADATA_KEY]) | facts
    save_file(load_file(path) | arrays, path, {METADATA_KEY: json.dumps(metadata)})
