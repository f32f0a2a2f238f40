"""Reads handwriting: a CNN looks at a line of ink, a bidirectional LSTM reads its columns, CTC turns them into text.

import hwr

page = hwr.Recognizer().read("page.png")
print(page.text)
page.save("page.md")
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hwr import errors as errors
    from hwr.decode.reading import Reading as Reading
    from hwr.formats.read_file import read_page_file as read_page_file
    from hwr.formats.save import save_page as save_page
    from hwr.page.page import Alternative as Alternative
    from hwr.page.page import Line as Line
    from hwr.page.page import Page as Page
    from hwr.page.page import Region as Region
    from hwr.page.page import Word as Word
    from hwr.recognize.decoder import DecoderOptions as DecoderOptions
    from hwr.recognize.found_lines import PageOptions as PageOptions
    from hwr.recognize.recognizer import Recognizer as Recognizer
    from hwr.segment import Layout as Layout
    from hwr.segment import find_lines as find_lines

__version__ = "0.1.0"

_LAZY = {
    "Alternative": "hwr.page.page",
    "DecoderOptions": "hwr.recognize.decoder",
    "Layout": "hwr.segment",
    "Line": "hwr.page.page",
    "Page": "hwr.page.page",
    "PageOptions": "hwr.recognize.found_lines",
    "Reading": "hwr.decode.reading",
    "Recognizer": "hwr.recognize.recognizer",
    "Region": "hwr.page.page",
    "Word": "hwr.page.page",
    "errors": "",
    "find_lines": "hwr.segment",
    "read_page_file": "hwr.formats.read_file",
    "save_page": "hwr.formats.save",
}
"""Name -> module, imported when the name is first used: `import hwr` alone takes no time."""

__all__ = ["__version__", *_LAZY]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    module = _LAZY[name]
    value = getattr(importlib.import_module(module), name) if module else importlib.import_module(f"hwr.{name}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
