"""What `import hwr` offers, and what it costs."""

import subprocess
import sys
from pathlib import Path

import pytest

import hwr
from hwr.recognize.recognizer import Recognizer

ROOT = Path(__file__).parent.parent


def test_the_names_are_those_of_their_modules() -> None:
    assert hwr.Recognizer is Recognizer
    assert {"Page", "Recognizer", "__version__"} <= set(dir(hwr))
    with pytest.raises(AttributeError, match="no attribute 'Recogniser'"):
        _ = hwr.Recogniser  # type: ignore[attr-defined]


def test_importing_it_imports_nothing_else() -> None:
    code = """
import sys
before = set(sys.modules)
import hwr
new = {name.partition(".")[0] for name in set(sys.modules) - before}
print(sorted(new - {"hwr"} - set(sys.stdlib_module_names)), [name for name in sys.modules if name.startswith("hwr.")])
hwr.Recognizer
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.splitlines() == ["[] []", "False"]
