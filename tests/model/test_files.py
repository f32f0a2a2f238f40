"""Model files without torch: every odd header is one clear line; new decoder settings leave the weights as they are."""

import hashlib
import json
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from helpers.tiny_model import INFO, painted_line, write_tiny_model
from hwr.errors import InputError, ModelError
from hwr.model.files import METADATA_KEY, merge, read_header, read_info, read_tensors, update_decoder, weights_hash
from hwr.recognize.models import load_model

TENSORS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(4, np.float16)}
SETTINGS = {"calibration": {"greedy": {"temperature": 1.25}}, "note": "é😀"}


@pytest.mark.parametrize(
    ("settings", "changes", "expected"),
    # RFC 7386, appendix A, those of objects
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_is_that_of_the_standard(settings: dict, changes: dict, expected: dict) -> None:
    before = json.dumps(settings)
    assert merge(settings, changes) == expected
    assert json.dumps(settings) == before


def write_header(path: Path, header: object, data: bytes = b"") -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


class TestHeader:
    def test_of_the_library(self, tmp_path: Path) -> None:
        save_file(TENSORS, tmp_path / "m", metadata={METADATA_KEY: INFO.to_json()})
        header = read_header(tmp_path / "m")
        assert set(header) == {"a", "b", "__metadata__"} and header["a"]["shape"] == [2, 3]
        assert read_info(tmp_path / "m") == INFO

    @pytest.mark.parametrize(
        "header",
        [
            {"a": 1},
            {"a": []},
            {"a": {}},
            {"a": {"data_offsets": None}},
            {"a": {"data_offsets": 3}},
            {"a": {"data_offsets": [0]}},
            {"a": {"data_offsets": [0, "4"]}},
            {"a": {"data_offsets": [0, 4.0]}},
            {"a": {"data_offsets": [0, None]}},
            {"a": {"data_offsets": {"0": 1}}},
            {"__metadata__": 1},
            {"__metadata__": ["hwr"]},
            [],
            "text",
            None,
            3,
            b"{]",
            b"\xff\xfe\xfd",
            b"[" * 50_000,
            b"  ",
        ],
    )
    def test_odd_headers(self, tmp_path: Path, header: object) -> None:
        path = write_header(tmp_path / "m.safetensors", header)
        with pytest.raises(ModelError, match="not a model file") as caught:
            read_info(path)
        assert "m.safetensors" in str(caught.value) and "\n" not in str(caught.value)
        with pytest.raises(ModelError):
            weights_hash(path)

    @pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\x00" * 8, b"\xff" * 200, b"a text file, not weights"])
    def test_foreign_files(self, tmp_path: Path, data: bytes) -> None:
        (tmp_path / "m").write_bytes(data)
        with pytest.raises(ModelError, match="not a model file"):
            read_info(tmp_path / "m")

    def test_every_truncation(self, tmp_path: Path) -> None:
        save_file(TENSORS, tmp_path / "m", metadata={METADATA_KEY: INFO.to_json()})
        data = (tmp_path / "m").read_bytes()
        for size in [*range(0, len(data), 7), len(data) - 1]:
            (tmp_path / "m").write_bytes(data[:size])
            with pytest.raises(ModelError, match="truncated"):
                read_info(tmp_path / "m")

    def test_too_long(self, tmp_path: Path) -> None:
        save_file(TENSORS, tmp_path / "m")
        (tmp_path / "m").write_bytes((tmp_path / "m").read_bytes() + b"more")
        with pytest.raises(ModelError, match="bytes expected"):
            read_header(tmp_path / "m")

    def test_weights_of_another_program(self, tmp_path: Path) -> None:
        for metadata in (None, {"format": "pt"}):
            save_file(TENSORS, tmp_path / "m", metadata=metadata)
            with pytest.raises(ModelError, match="not a model of hwr"):
                read_info(tmp_path / "m")

    def test_metadata_that_is_not_text(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match="not JSON"):
            read_info(write_header(tmp_path / "m", {"__metadata__": {METADATA_KEY: 3}}))

    def test_missing_file_and_folder(self, tmp_path: Path) -> None:
        for path in (tmp_path / "nothing", tmp_path):
            with pytest.raises(InputError, match="cannot be read"):
                read_info(path)


class TestTensors:
    def test_floats_come_in_fp32(self, tmp_path: Path) -> None:
        save_file(TENSORS | {"count": np.array(3)}, tmp_path / "m")
        read = read_tensors(tmp_path / "m")
        assert {name: (value.dtype, value.tolist()) for name, value in read.items()} == {
            "a": (np.float32, [[0, 1, 2], [3, 4, 5]]),
            "b": (np.float32, [1, 1, 1, 1]),
            "count": (np.int64, 3),
        }

    @pytest.mark.parametrize(
        "tensor",
        [
            {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]},
            {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]},
            {"dtype": "F32", "shape": [2**63], "data_offsets": [0, 8]},
            {"dtype": "F32", "shape": [2], "data_offsets": [4, 8]},
            {"dtype": "X", "shape": [4], "data_offsets": [0, 8]},
            {"shape": [4], "data_offsets": [0, 8]},
        ],
    )
    def test_contradictions_are_one_line(self, tmp_path: Path, tensor: dict[str, object]) -> None:
        path = write_header(tmp_path / "m.safetensors", {"w": tensor}, bytes(8))
        with pytest.raises(ModelError, match=r"m\.safetensors: the weights cannot be read") as caught:
            read_tensors(path)
        assert "\n" not in str(caught.value)


class TestWeightsHash:
    def test_follows_the_weights_and_not_the_card(self, tmp_path: Path) -> None:
        hashes = []
        for name, tensors, info in (
            ("one", TENSORS, INFO),
            ("new card", TENSORS, replace(INFO, licence="another")),
            ("other value", TENSORS | {"b": np.zeros(4, np.float16)}, INFO),
            ("other shape", TENSORS | {"a": TENSORS["a"].reshape(3, 2)}, INFO),
        ):
            save_file(tensors, tmp_path / name, metadata={METADATA_KEY: info.to_json()})
            hashes.append(weights_hash(tmp_path / name))
        assert hashes[0] == hashes[1]
        assert len(set(hashes)) == 3

    def test_by_definition(self, tmp_path: Path) -> None:
        header = {"w": {"dtype": "U8", "shape": [3], "data_offsets": [0, 3]}}
        path = write_header(tmp_path / "m", header | {"__metadata__": {"x": "y"}}, b"abc")
        expected = hashlib.sha256(json.dumps(header, sort_keys=True).encode() + b"abc").hexdigest()
        assert weights_hash(path) == expected


class TestNewSettings:
    def test_weights_and_readings_stay(self, tmp_path: Path) -> None:
        weights = write_tiny_model(tmp_path, info=replace(INFO, decoder={"beam": {"width": 8}}))
        old, tensors, digest = load_model(weights), load_file(weights), weights_hash(weights)
        info = update_decoder(weights, SETTINGS)
        assert info == replace(old.info, decoder={"beam": {"width": 8}} | SETTINGS) == read_info(weights)
        assert weights_hash(weights) == digest
        after = load_file(weights)
        assert after.keys() == tensors.keys()
        assert all(np.array_equal(after[name], tensors[name]) for name in tensors)
        new = load_model(weights)
        line = painted_line("abc é")
        assert new.info.decoder["note"] == "é😀"
        assert np.array_equal(new.log_probs([line])[0], old.log_probs([line])[0])
        assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.onnx", "tiny.safetensors"]

    def test_a_copy_has_its_graph_with_it(self, tmp_path: Path) -> None:
        weights = write_tiny_model(tmp_path / "a")
        before = weights.read_bytes()
        info = update_decoder(weights, SETTINGS, tmp_path / "new" / "tuned.safetensors")
        assert weights.read_bytes() == before
        assert load_model(tmp_path / "new" / "tuned.safetensors").info == info
        assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["tuned.onnx", "tuned.safetensors"]

    def test_other_metadata_and_alignment_are_kept(self, tmp_path: Path) -> None:
        path = tmp_path / "m.safetensors"
        tensors = {"odd": np.arange(3, dtype=np.uint8), "wide": np.arange(5.0)}
        save_file(tensors, path, metadata={METADATA_KEY: INFO.to_json(), "format": "pt"})
        for length in range(9):  # any length of header
            update_decoder(path, {"x": "y" * length})
            with path.open("rb") as file:
                assert int.from_bytes(file.read(8), "little") % 8 == 0
            with safe_open(path, "numpy") as opened:
                assert opened.metadata()["format"] == "pt"
                assert np.array_equal(opened.get_tensor("wide"), tensors["wide"])

    def test_what_cannot_be_used_changes_nothing(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="cannot be read"):
            update_decoder(tmp_path / "none.safetensors", SETTINGS)
        weights = write_tiny_model(tmp_path)
        for content in (weights.read_bytes()[:-4], b"", b"text"):
            weights.write_bytes(content)
            with pytest.raises(ModelError):
                update_decoder(weights, SETTINGS)
            assert weights.read_bytes() == content
        assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.onnx", "tiny.safetensors"]
