"""Compile search.c into a shared library.

Used by setup.py when the package is built and by `hwr.decode.compiled` in a checkout; needs nothing but the standard
library and a C compiler: `cc` (or the one that the variable CC names), on Windows `cl`.
"""

import hashlib
import os
import shlex
import shutil
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).with_name("search.c")
SUFFIX = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")
TIMEOUT = 120
"""Maximum seconds that a compiler may take."""


def library_name() -> str:
    """Return the name of the library: another source has another name."""
    return f"search-{hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:12]}{SUFFIX}"


def compile_search(target: Path) -> None:
    """Compile the library, first under another name, so that `target` is always complete.

    Raises:
        OSError: no compiler is installed, it fails, or the folder cannot be written.
    """
    import subprocess

    target = target.absolute()
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".search-") as folder:
        made = Path(folder, "search" + SUFFIX)
        try:
            subprocess.run(_command(made), cwd=folder, check=True, capture_output=True, timeout=TIMEOUT)
        except subprocess.SubprocessError as error:
            said = (getattr(error, "stderr", None) or b"").decode(errors="replace").strip().splitlines()
            raise OSError(f"{SOURCE.name} does not compile: {said[0] if said else error}") from None
        os.replace(made, target)


def _command(target: Path) -> list[str]:
    """Return the compiler with its options: without fused multiply-add, which rounds differently from NumPy."""
    if sys.platform == "win32" and shutil.which("cl"):
        return ["cl", "/nologo", "/O2", "/fp:precise", "/LD", str(SOURCE), f"/Fe:{target}"]
    compiler = shlex.split(os.environ.get("CC", "cc"))
    if not shutil.which(compiler[0]):
        raise OSError(f"no C compiler found ({compiler[0]})")
    options = ["-std=c99", "-O3", "-ffp-contract=off", "-fPIC", "-shared"]
    return [*compiler, *options, str(SOURCE), "-o", str(target), "-lm"]
