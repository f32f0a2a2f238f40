"""Hostile model files, language models, recipes and run folders, and what reads them."""

import functools
import gzip
import json
import lzma
import random
import re
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from click.testing import CliRunner

from fuzz.damage import NUMBERS, damaged, with_other_value
from helpers.line_images import image_file
from helpers.tiny_model import tiny_graph, write_tiny_model
from hwr.cli import cli

SPECS = (
    *("[1,16,0,1 Mp16,99999999999999999999]", "[1,99999999,0,1 Mp16,4]", "[1,16,0,1 C99999,99999,8 Mp16,4 O1c6]"),
    *("[1,16,0,1 C3,3,8 Mp16,4 Lbx99999999 O1c6]", "[1,16,0,1 C3,3,8 Mp16,4 O1c" + "9" * 5000 + "]", "[" * 10_000),
    *("[1,16,0,1 " + "C3,3,8 " * 5000 + "Mp16,4 O1c6]", "[1,16,0,1 C١,١,٣ Mp16,4 O1c6]", "[1,16,0,1 C{x}3,3,8 O1c6]"),
    *(
        "[1,16,0,1 Do0.9999999999999999999 Mp16,4 O1c6]",
        "[1,16,0,1 Lfys8 O1c6]",
        "[1,16,0,1 C3,3,8,9999999,9999999 O1c6]",
    ),
)
DECODERS: tuple[Any, ...] = (
    *(
        {"beam": {"language_models": [name]}}
        for name in ("/etc/passwd", "/dev/zero", "/dev/zero.arpa", "", "../x", "en\0")
    ),
    *({"beam": {"width": value}} for value in (True, -1, 10**9, 10**18, "5", None, 1.5)),
    *({"beam": {"weight": value, "insertion_bonus": -value}} for value in (float("nan"), 1e308, -1.0)),
    *({"calibration": value} for value in ([], None, {"greedy": {"word": ["x"]}}, {"beam": None}, {"greedy": 10**400})),
    *({"beam": []}, {"beam": "x"}, {"beam": {"blank_scale": float("inf")}}, {"beam": {"certain_blank": 2}}, [], "x"),
)
ARPA_LINES = (
    *("\\end\\", "\\data\\", "ngram 1=99999999999999999999", "ngram 1=-1", "ngram 9=5", "\\99-grams:", "-1\tab\t-1"),
    *("nan\ta\t0", "-inf\ta\t-inf", "0\ta\tinf", "1\ta", "-1e999\ta\t0", "\0", "-1\t<s>", "-1\t</s>", "-1\t<unk>"),
    *("-1\t\ud7ff", "-99\t\u2581", "ngram 1=" + "9" * 5000, "-" + "9" * 400 + "\ta\t0", "\\1-grams:"),
)


def _split(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the header of a safetensors file, and its tensors."""
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def _joined(header: dict[str, Any], tensors: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + tensors


def _hostile_tensors(data: bytes, key: str, generator: random.Random) -> bytes:
    """Return a safetensors file with damage, another header, other facts under `key`, or other numbers."""
    header, tensors = _split(data)
    match generator.randrange(5):
        case 0:
            return damaged(data, generator)
        case 1:
            return _joined(with_other_value(header, generator) if generator.random() < 0.9 else {}, tensors)
        case 2:
            broken = ("", "[", "null", "5", "[" * 100_000, header["__metadata__"][key][:-3])
            header["__metadata__"][key] = generator.choice(broken)
        case 3:
            facts = with_other_value(json.loads(header["__metadata__"][key]), generator)
            header["__metadata__"][key] = json.dumps(facts)
        case 4:
            numbers = np.frombuffer(tensors, np.uint8).copy()
            numbers[generator.randrange(len(numbers)) :] = generator.choice((0, 127, 255))
            tensors = numbers.tobytes()
    return _joined(header, tensors)


@functools.cache
def _tiny_model() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return write_tiny_model(Path(folder)).read_bytes()


def model(generator: random.Random, folder: Path) -> list[str]:
    """Read a line with a hostile model file, take its alphabet, or export it."""
    path = folder / "m.safetensors"
    header, tensors = _split(_tiny_model())
    facts = json.loads(header["__metadata__"]["hwr"])
    choice = generator.random()
    if choice < 0.2:
        facts["spec"] = generator.choice(SPECS)
    elif choice < 0.4:
        facts["decoder"] = generator.choice(DECODERS)
    elif choice < 0.5:
        facts[generator.choice(("stride", "height"))] = generator.choice((1, -4, 0, 1000, 10**9, True, 2**63))
    header["__metadata__"]["hwr"] = json.dumps(facts)
    data = _joined(header, tensors)
    path.write_bytes(_hostile_tensors(data, "hwr", generator) if choice >= 0.5 else data)
    path.with_suffix(".onnx").write_bytes(tiny_graph())
    (folder / "l.png").write_bytes(image_file())
    read = ["recognize", "--line", f"{folder}/l.png", "-m", str(path), "--format", "json"]
    store = ["prepare", "data/samples/lines", "-o", f"{folder}/s", "--alphabet", str(path)]
    return generator.choice((read, read, read, store, ["export", str(path)]))


def graph(generator: random.Random, folder: Path) -> list[str]:
    """Read a line with a hostile ONNX graph."""
    content = onnx.load_model_from_string(tiny_graph())
    tensors, nodes = list(content.graph.initializer), list(content.graph.node)
    match generator.randrange(8):
        case 0:
            generator.choice(tensors).dims[:] = [generator.choice((0, 1, 10**9, -1))]
        case 1:
            del content.graph.node[generator.randrange(len(nodes))]
        case 2:
            generator.choice(nodes).op_type = generator.choice(("Identity", "Loop", "Foo", "Exp", "Shape", "Expand"))
        case 3:
            generator.choice(nodes).domain = generator.choice(("com.microsoft", "evil", "ai.onnx.ml"))
        case 4:
            generator.choice([one for one in tensors if one.raw_data]).raw_data = b"\x7f" * 8
        case 5:
            content.opset_import[0].version = generator.choice((1, 7, 99, -1, 13))
        case 6:
            generator.choice(content.graph.output).name = generator.choice(("zzz", "log_probs", "steps", ""))
    data = content.SerializeToString()
    path = write_tiny_model(folder)
    path.with_suffix(".onnx").write_bytes(damaged(data, generator) if generator.random() < 0.5 else data)
    (folder / "l.png").write_bytes(image_file())
    return ["recognize", "--line", f"{folder}/l.png", "-m", str(path)]


@functools.cache
def _language_models() -> tuple[bytes, bytes]:
    """Return a language model as a file of hwr, and as ARPA."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder, "corpus.txt")
        corpus.write_text("the river has risen again\nthe lower meadow is a lake\n" * 20)
        made = [Path(folder, name) for name in ("a.lm", "a.arpa")]
        for path in made:
            assert CliRunner().invoke(cli, ["lm", "build", str(corpus), "-o", str(path), "--order", "3"]).exit_code == 0
        first, second = (path.read_bytes() for path in made)
        return first, second


def _use_language_model(path: Path, generator: random.Random) -> list[str]:
    (path.parent / "t.txt").write_text("the river\nis a lake\n")
    (path.parent / "l.png").write_bytes(image_file())
    weights = write_tiny_model(path.parent)
    return generator.choice(
        (
            ["lm", "score", str(path), f"{path.parent}/t.txt"],
            ["lm", "convert", str(path), f"{path.parent}/o{'.arpa' if path.suffix == '.lm' else '.lm'}"],
            ["recognize", "--line", f"{path.parent}/l.png", "-m", str(weights), "--decoder", "beam", "--lm", str(path)],
        )
    )


def language_model(generator: random.Random, folder: Path) -> list[str]:
    """Score, convert or read with a hostile language model."""
    path = folder / "x.lm"
    path.write_bytes(_hostile_tensors(_language_models()[0], "hwr_lm", generator))
    return _use_language_model(path, generator)


def arpa(generator: random.Random, folder: Path) -> list[str]:
    """The same with ARPA, packed or not."""
    lines = _language_models()[1].decode().split("\n")
    for _ in range(generator.choice((0, 1, 1, 3))):
        place = generator.randrange(len(lines) if generator.random() < 0.6 else 12)
        match generator.randrange(5):
            case 0:
                del lines[place]
            case 1:
                lines.insert(place, generator.choice(lines))
            case 2:
                lines[place] = generator.choice(ARPA_LINES)
            case 3:
                lines[place] = re.sub(r"-?\d+\.?\d*", lambda _: generator.choice(NUMBERS), lines[place], count=1)
            case 4:
                lines[place] *= generator.choice((2, 1000))
    data = "\n".join(lines).encode("utf-8", "surrogatepass")
    ending = generator.choice((".arpa", ".arpa", ".arpa.gz", ".arpa.xz"))
    data = {".arpa.gz": gzip.compress, ".arpa.xz": lzma.compress}.get(ending, bytes)(data)
    path = folder / f"x{ending}"
    path.write_bytes(damaged(data, generator) if generator.random() < 0.4 else data)
    return _use_language_model(path, generator)


def recipe(generator: random.Random, folder: Path) -> Callable[[], object]:
    """Read a hostile recipe, write it and read it again."""
    from hwr.settings import load_toml, to_toml
    from hwr.train.recipe import Recipe

    lines = to_toml(Recipe()).split("\n")
    values = ("nan", "inf", "-1", "0", "1e400", "9" * 20, '"x"', "true", "[]", "[nan,nan]", "{}", "1979-05-27", "[[1]]")
    places = [place for place, line in enumerate(lines) if " = " in line]
    for _ in range(generator.choice((0, 1, 1, 3))):
        place = generator.choice(places)
        lines[place] = f"{lines[place].split(' = ')[0]} = {generator.choice(values)}"
    more = ("[x]", "[[train]]", "a.b.c=1", "x=1", "[" * 3000, "a=" + "[" * 3000)
    if generator.random() < 0.2:
        lines.insert(generator.randrange(len(lines)), generator.choice(more))
    data = "\n".join(lines).encode()
    path = folder / "r.toml"
    path.write_bytes(damaged(data, generator) if generator.random() < 0.4 else data)

    def read_twice() -> None:
        path.write_text(to_toml(load_toml(Recipe, path)), encoding="utf-8")
        load_toml(Recipe, path)

    return read_twice


def run_state(generator: random.Random, folder: Path) -> Callable[[], object]:
    """Load the hostile state of a training run."""
    import torch

    from hwr.train.folder import RunFolder, state_bytes

    state = {"version": 2, "step": 5, "random": [1, 2], "network": {"a": torch.zeros(3)}}
    data = state_bytes(state)
    if generator.random() < 0.3:
        data = state_bytes({**state, "network": with_other_value({"a": [1, 2]}, generator)})
    (folder / "resume.pt").write_bytes(damaged(data, generator))
    return lambda: RunFolder(folder).load_state("resume.pt")
