"""Lines cut out of pages have the ink and the text of the page; what no hand wrote is left out."""

from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet

from benchmarks.page_lines import read_rows, written_lines
from hwr.files.documents import to_grey


def line(name: str, y: int, text: str, kind: str = "") -> dict[str, Any]:
    outline = [[10.0, y - 20.0], [180.0, y - 20.0], [180.0, y + 6.0], [10.0, y + 6.0]]
    baseline = [[10.0, float(y)], [180.0, float(y)]]
    return {"id": name, "baseline": baseline, "polygon": outline, "text": text, "line_type": kind}


def page(**changes: Any) -> dict[str, Any]:
    image = np.full((300, 200), 230, np.uint8)
    cv2.putText(image, "abc", (20, 50), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 20, 2)
    lines = [
        line("a", 50, "abc"),
        line("b", 100, "printed", "Print"),
        line("c", 150, "typed", "DefaultLine:Typewritten"),
        line("d", 200, "one <two>"),
        line("e", 250, "Ω"),
        line("f", 280, ""),
        {**line("g", 280, "cab"), "polygon": [[5.0, 5.0]] * 3},
    ]
    row = {"id": "p", "document": "book", "lang": "fr", "source": "https://example.org/one", "licence": "CC BY 4.0"}
    content = cv2.imencode(".png", image)[1].tobytes()
    return {**row, "image": {"bytes": content, "path": "p.png"}, "lines": lines, **changes}


def test_written_lines_are_cut_out_and_the_others_counted() -> None:
    left_out: Counter[str] = Counter()
    [found] = written_lines(page(), set("abc prindtyewo"), left_out)
    assert (found["text"], found["id"], found["writer"], found["licence"]) == ("abc", "p/a", "book", "CC BY 4.0")
    cut = to_grey(found["image"]["bytes"])
    assert 26 <= cut.shape[0] <= 34 and 170 <= cut.shape[1] <= 178 and cut.min() < 60
    assert left_out == {
        "printed or typed": 2,
        "no text, or marks of editors": 2,
        "other characters": 1,
        "no area": 1,
    }


def test_pages_are_chosen_by_language_and_source(tmp_path: Path) -> None:
    rows = [page(), page(id="q", lang="la"), page(id="r", source="https://example.org/two")]
    pa.parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "pages.parquet")
    found = read_rows(tmp_path / "pages.parquet", ["fr"], ["two"])
    assert [row["id"] for row in found] == ["p"]
