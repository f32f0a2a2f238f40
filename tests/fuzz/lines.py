"""Hostile tables, Parquet files, IAM trees and texts, and the commands that read them."""

import csv
import io
import json
import lzma
import random
from gzip import compress
from pathlib import Path
from typing import Any

from fuzz.damage import NUMBERS, TEXTS, VALUES, damaged
from fuzz.pages import images
from helpers.line_images import image_file, stored_line
from hwr.store.writing import write_lines

IAM = b"a01-000u-00 ok 154 19 408 746 1661 89 A|MOVE|to\na01-000u-01 err 155 19 395 932 1850 105 Mr.|Gaitskell\n"


def table(generator: random.Random, folder: Path) -> list[str]:
    """Prepare a hostile table in TSV, CSV or JSON Lines."""
    (folder / "a.png").write_bytes(image_file())
    (folder / "d").mkdir()
    kind = generator.choice(("tsv", "csv", "jsonl"))
    names = generator.choice(
        (["image", "text"], ["file_name", "text", "split"], ["image", "text", "id", "writer"], ["a"])
    )
    values = [[generator.choice(("a.png", generator.choice(TEXTS))) for _ in names] for _ in range(4)]
    rows = [row[: len(row) - generator.choice((0, 0, 0, 1))] for row in values]
    if kind == "jsonl":
        text = "\n".join(_json_row(names, row, generator) for row in rows)
    else:
        writer = csv.writer(buffer := io.StringIO(), delimiter="\t" if kind == "tsv" else generator.choice(",;"))
        writer.writerows([names, *rows] if generator.random() < 0.7 else rows)
        text = buffer.getvalue() + generator.choice(("", "", '"never closed,'))
    data = text.encode(generator.choice(("utf-8", "utf-8", "utf-16", "utf-8-sig")), "surrogatepass")
    path = folder / f"t.{kind}"
    path.write_bytes(damaged(data, generator) if generator.random() < 0.4 else data)
    number = generator.choice(NUMBERS)
    more = (
        [],
        [],
        ["--image-column", number],
        ["--text-column", "2"],
        ["--header"],
        ["--no-header"],
        ["--val-share", number],
    )
    return ["prepare", str(path), "-o", f"{folder}/s", *generator.choice(more)]


def _json_row(names: list[str], row: list[str], generator: random.Random) -> str:
    if generator.random() < 0.3:
        return generator.choice(
            ("{", "[]", "null", "[" * 100_000, '{"a":' + "9" * 5000 + "}", '{"image":"a.png","text":"\\ud800"}')
        )
    return json.dumps(
        {
            name: generator.choice((value, value, generator.choice(VALUES)))
            for name, value in zip(names, row, strict=False)
        }
    )


def parquet(generator: random.Random, folder: Path) -> list[str]:
    """Measure, prepare or align a hostile Parquet file."""
    path = folder / "val.parquet"
    if generator.random() < 0.4:
        write_lines(path, [stored_line(number, "a b") for number in range(4)])
        data = path.read_bytes()
        tail = generator.random() < 0.5  # where Parquet has its schema
        path.write_bytes(data[:-600] + damaged(data[-600:], generator) if tail else damaged(data, generator))
    else:
        _write_columns(path, generator)
    return generator.choice(
        (
            ["eval", str(path), "--per-line", f"{folder}/l.tsv", "--json", f"{folder}/j.json"],
            ["eval", str(path), "--reject", "--worst", "3"],
            ["prepare", str(path), "-o", f"{folder}/s", "--val-share", "0.3"],
            ["align", str(path), "-o", f"{folder}/a.jsonl"],
        )
    )


def _write_columns(path: Path, generator: random.Random) -> None:
    """Write a Parquet file whose columns have hostile types and values."""
    import pyarrow as pa
    from pyarrow import parquet as files

    count = generator.choice((0, 1, 4))
    pictures = sorted(images())

    def some(values: tuple[Any, ...]) -> list[Any]:
        return [generator.choice(values) for _ in range(count)]

    data = [images()[generator.choice(pictures)] for _ in range(count)]
    data = [generator.choice((one, one, damaged(one, generator), b"", None)) for one in data]
    both = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    texts = some(("a b", "", None, "a" * 5000, "\u0301", "a\nb", "\x1b[31m", "=cmd()", "<b>"))
    columns: dict[str, Any] = {
        "image": generator.choice(
            (
                lambda: pa.array([{"bytes": one, "path": "../../x"} for one in data], both),
                lambda: pa.array([None if one is None else {"bytes": one, "path": None} for one in data], both),
                lambda: pa.array(data, generator.choice((pa.binary(), pa.large_binary()))),
                lambda: pa.array(["x"] * count),
                lambda: pa.array([[one] for one in data], pa.list_(pa.binary())),
                lambda: pa.array(
                    [{"bytes": "x", "path": 5}] * count, pa.struct([("bytes", pa.string()), ("path", pa.int32())])
                ),
            )
        )(),
        "text": generator.choice(
            (
                lambda: pa.array(texts, pa.string()),
                lambda: pa.array(texts, pa.large_string()),
                lambda: pa.array(texts, pa.string()).dictionary_encode(),
                lambda: pa.array([1] * count, pa.int64()),
                lambda: pa.array([["a"]] * count, pa.list_(pa.string())),
                lambda: pa.array([b"\xff\xfe"] * count, pa.binary()),
            )
        )(),
        "id": generator.choice((pa.array(some(("a", None, "../x", "b\n")), pa.string()), pa.array([1.5] * count))),
        "width": generator.choice((pa.array(some((-1, 0, None, 2**31 - 1, 300)), pa.int32()), pa.array(["x"] * count))),
        "height": pa.array(some((float("nan"), 40.5, 1e300, None)), pa.float64()),
        "writer": generator.choice(
            (pa.array([{"a": 1}] * count), pa.array([None] * count, pa.null()), pa.array([1] * count))
        ),
    }
    kept = {name: column for name, column in columns.items() if name in ("image", "text") or generator.random() < 0.5}
    if generator.random() < 0.1:
        del kept[generator.choice(list(kept))]
    files.write_table(pa.table(kept), path)


def iam(generator: random.Random, folder: Path) -> list[str]:
    """Prepare a hostile IAM tree."""
    lines, words = folder / "lines" / "a01" / "a01-000u", folder / "words" / "a01" / "a01-000u"
    for inner in (folder / "ascii", lines, words):
        inner.mkdir(parents=True)
    for path in (lines / "a01-000u-00.png", lines / "a01-000u-01.png", words / "a01-000u-00-00.png"):
        path.write_bytes(image_file() if generator.random() < 0.8 else damaged(image_file(), generator))
    fields = IAM.decode().split(" ")
    fields[generator.randrange(len(fields))] = generator.choice(NUMBERS + TEXTS)
    data = generator.choice((damaged(IAM, generator), " ".join(fields).encode(), IAM.decode().encode("utf-16"), b""))
    (folder / "ascii" / "lines.txt").write_bytes(data)
    for name, text in (
        ("words.txt", b"a01-000u-00-00 ok 154 408 768 27 51 AT A\n"),
        ("forms.txt", b"a01-000u 000 2 prt 7 5 52 36\n"),
    ):
        if generator.random() < 0.7:
            (folder / "ascii" / name).write_bytes(damaged(text, generator))
    more = (
        [],
        ["--words"],
        ["--tokens", "spaced"],
        ["--segmentation", "ok"],
        ["--split", "aachen"],
        ["--val-share", "0.5"],
    )
    return ["prepare", str(folder), "-o", f"{folder}/s", *generator.choice(more)]


def text(generator: random.Random, folder: Path) -> list[str]:
    """Read a hostile text as a corpus, a word list, a transcript or an alphabet."""
    plain = "the river has risen\nsince Sunday\n" * generator.choice((1, 40)) if generator.random() < 0.7 else "a river"
    kind = generator.choice((".txt", ".txt", ".txt.gz", ".txt.xz"))
    data = plain.encode(generator.choice(("utf-8", "utf-16", "latin-1")))
    if generator.random() < 0.2:
        data = generator.choice(
            (b"", b"\0", b"\n" * 1000, "\u0301\u202e\U0001f600".encode() * 200, b"\xed\xa0\x80", b"\xef\xbb\xbf")
        )
    packed = {".txt.gz": compress, ".txt.xz": lzma.compress}.get(kind, bytes)(data)
    path = folder / f"t{kind}"
    path.write_bytes(damaged(packed, generator) if generator.random() < 0.6 else packed)
    (folder / "l.png").write_bytes(image_file())
    (folder / "l.gt.txt").write_bytes(path.read_bytes())
    return generator.choice(
        (
            ["lm", "build", str(path), "-o", f"{folder}/o.lm", "--order", "3"],
            ["recognize", "--line", f"{folder}/l.png", "--lexicon", str(path)],
            ["prepare", str(folder), "-o", f"{folder}/s"],
            ["prepare", str(folder), "-o", f"{folder}/s", "--alphabet", str(path)],
            ["align", f"{folder}/l.png", "--text-file", str(path)],
        )
    )
