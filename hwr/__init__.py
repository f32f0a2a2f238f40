"""Reads handwriting: a CNN looks at a line of ink, a bidirectional LSTM reads its columns, CTC turns them into text.

import hwr

page = hwr.Recognizer().read("page.png")
print(page.text)
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hwr.page.page import Page as Page
    from hwr.recognize.recognizer import Recognizer as Recognizer

__all__ = ["Page", "Recognizer", "__version__"]
__version__ = "0.1.0"

_LAZY = {"Page": "hwr.page.page", "Recognizer": "hwr.recognize.recognizer"}
"""Names that are imported when they are first asked for: `import hwr` alone takes no time."""


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
