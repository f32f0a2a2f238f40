"""Count the validation lines that occur as a whole in the texts of a language model.

    python -m benchmarks.text_leaks TEXT... --validation DATA...

TEXT are the texts as `hwr lm build` takes them. Only lines of at least 25 characters count: shorter ones occur in any
long text.
"""

import argparse
from pathlib import Path

from hwr.lm.corpus import clean, load_text
from hwr.store.columns import open_parquet
from hwr.store.splits import find_split

LONG = 25


def main() -> None:
    """Print the count for each set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", nargs="+", type=Path)
    parser.add_argument("--validation", nargs="+", type=Path, required=True)
    arguments = parser.parse_args()
    # Paragraphs are one line each, so that a line of writing may be broken anywhere in them.
    corpus = "\n".join(" ".join(load_text(path, wrap=0).lines) for path in arguments.texts)
    for path in arguments.validation:
        texts = open_parquet(find_split(path, "val")[0]).read(columns=["text"])["text"].to_pylist()
        lines = [line for line in (clean(text or "", plain=True) for text in texts) if len(line) >= LONG]
        print(f"{path.name}: {sum(line in corpus for line in lines)} of {len(lines)} long lines occur in the texts")


if __name__ == "__main__":
    main()
