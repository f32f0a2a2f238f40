"""The facts in a model file: read without torch, and every odd header is one clear line."""

import hashlib
import json
import struct
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from hwr.errors import InputError, ModelError
from hwr.model.info import METADATA_KEY, ModelInfo, info_from_json, read_info, read_safetensors_header, weights_hash

INFO = ModelInfo(
    spec="[1,16,0,1 Mp0,1 Lbx4 O1c5]",
    alphabet="aé😀ß",
    height=16,
    normalisation="ink-moments",
    normalisation_version=1,
    stride=1,
    name="tiny",
    licence="CC0",
    trained_on={"drawn": {"lines": 3, "licence": "CC0"}},
    validation={"drawn": {"cer": 0.5, "lines": 3}},
)
TENSORS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(4, np.float16)}


def write_header(path: Path, header: object, data: bytes = b"") -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def changed(**values: Any) -> str:
    return json.dumps(asdict(INFO) | values)


class TestFacts:
    def test_round_trip(self) -> None:
        assert info_from_json(INFO.to_json(), "x") == INFO
        assert "\n" not in INFO.to_json() and "😀" in INFO.to_json()

    def test_classes_and_alphabet(self) -> None:
        assert INFO.classes == 5
        assert INFO.make_alphabet().encode("ßa") == [4, 1]

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("", "not JSON"),
            ("{", "not JSON"),
            ("[" * 100_000, "not JSON"),
            ("[]", "model format None is unknown"),
            ("{}", "model format None is unknown"),
            (changed(format_version=2), "model format 2 is unknown"),
            (changed(format_version="1"), "model format '1' is unknown"),
            (changed(colour="red"), "unknown keys in the model's metadata: colour"),
            (json.dumps({"format_version": 1, "spec": ""}), "incomplete.*alphabet"),
            (changed(alphabet=5), "wrong type.*alphabet"),
            (changed(height="48"), "wrong type.*height"),
            (changed(stride=4.0), "wrong type.*stride"),
            (changed(stride=True), "wrong type.*stride"),
            (changed(spec=None), "wrong type.*spec"),
            (changed(validation=[]), "wrong type.*validation"),
            (changed(alphabet="aba"), "occurs twice"),
        ],
    )
    def test_bad_metadata_is_one_line_that_names_the_file(self, text: str, says: str) -> None:
        with pytest.raises(ModelError, match=says) as caught:
            info_from_json(text, "m.safetensors")
        assert str(caught.value).startswith("m.safetensors: ") and "\n" not in str(caught.value)


class TestHeader:
    def test_of_the_library(self, tmp_path: Path) -> None:
        save_file(TENSORS, tmp_path / "m", metadata={METADATA_KEY: INFO.to_json()})
        header = read_safetensors_header(tmp_path / "m")
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
            read_safetensors_header(tmp_path / "m")

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


def test_read_without_torch(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "m", metadata={METADATA_KEY: INFO.to_json()})
    code = (
        "import sys; sys.modules['torch'] = None; from pathlib import Path; from hwr.model.info import read_info;"
        " print(ascii(read_info(Path(sys.argv[1])).alphabet)); assert 'numpy' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "m")], capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == (ascii(INFO.alphabet), "")
