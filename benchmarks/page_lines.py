"""Cut the lines of transcribed pages out along their true outlines, as data for `hwr prepare`.

    python -m benchmarks.page_lines ../shared/data/page-geometry/train.parquet -m small -o runs/page-lines/train.parquet
    hwr prepare runs/page-lines -o runs/lines48/page-lines --normalise 48 --quality 90

Lines are left out if they are printed or typed, have marks of editors, or have characters that the model lacks. Pages
are left out if they are in other languages than `--languages`, or if a text of `--without` is in the address of their
source. Texts are cleaned as in `benchmarks/true_pages.py`.
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import pyarrow as pa
import pyarrow.parquet

from benchmarks.true_pages import EDITORS_MARKS, clean_text
from hwr.files.documents import to_grey
from hwr.model.files import read_info
from hwr.page.geometry import cut_line
from hwr.recognize.models import find_model

NOT_WRITTEN = ("print", "typewritten")
"""Parts of line types, in small letters, of lines that no hand wrote."""


def written_lines(row: dict[str, Any], characters: set[str], left_out: Counter[str]) -> Iterator[dict[str, Any]]:
    """Yield the lines of a page as rows of a data set; count in `left_out` why the others are not among them."""
    page = to_grey(row["image"]["bytes"])
    for line in row["lines"]:
        text = clean_text(line["text"] or "")
        kind = line["line_type"].casefold()
        if any(part in kind for part in NOT_WRITTEN):
            left_out["printed or typed"] += 1
        elif not text or EDITORS_MARKS & set(line["text"]):
            left_out["no text, or marks of editors"] += 1
        elif set(text) - characters:
            left_out["other characters"] += 1
        else:
            try:
                image = cut_line(page, line["baseline"], line["polygon"]).image
            except ValueError:
                left_out["no area"] += 1
                continue
            yield {
                "image": {"bytes": cv2.imencode(".png", image)[1].tobytes(), "path": None},
                "text": text,
                "id": f"{row['id']}/{line['id']}",
                "writer": row["document"],
                "page": row["id"],
                **{key: row[key] for key in ("lang", "source", "licence")},
            }


def read_rows(path: Path, languages: Sequence[str], without: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the pages in one of the languages, unless a text of `without` is in the address of the source."""
    for batch in pyarrow.parquet.ParquetFile(path).iter_batches(batch_size=1):
        for row in batch.to_pylist():
            if row["lang"] in languages and not any(text in row["source"] for text in without):
                yield row


def main() -> None:
    """Write the lines, and print how many there are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", type=Path)
    parser.add_argument("-m", "--model", required=True, help="keep lines in the alphabet of this model")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--languages", nargs="+", default=["en", "fr", "it"])
    parser.add_argument("--without", nargs="*", default=[], metavar="TEXT")
    arguments = parser.parse_args()
    characters = {*read_info(find_model(arguments.model).safetensors).alphabet, " "}
    left_out: Counter[str] = Counter()
    pages = read_rows(arguments.pages, arguments.languages, arguments.without)
    lines = [line for row in pages for line in written_lines(row, characters, left_out)]
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    pa.parquet.write_table(pa.Table.from_pylist(lines), arguments.output, row_group_size=200)
    print(f"{len(lines):,} lines; left out: " + ", ".join(f"{count} {reason}" for reason, count in left_out.items()))


if __name__ == "__main__":
    main()
