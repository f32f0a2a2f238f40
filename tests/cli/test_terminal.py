"""What reaches a terminal, a file and a pipe: control characters, encodings, streams that fail."""

import os
import pty
import subprocess
import sys
import unicodedata
from contextlib import suppress
from pathlib import Path

import pytest

from helpers.children import child_environment
from hwr.text import printable

CLEAR = "\x1b]0;owned\x07"
FORGED = f"name\nhwr: error: forged{CLEAR}"
SPEAKER = f"""
import sys
from hwr.cli.terminal import say, show, standard_streams
with standard_streams():
    show({CLEAR + "Père"!r})
    sys.stdout.buffer.write({CLEAR!r}.encode() + b"\\n"); sys.stdout.flush()
    say({FORGED!r})
"""


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def on_a_terminal(command: list[str]) -> str:
    """Return the output of a command on a terminal, of stdout and stderr."""
    leader, follower = pty.openpty()
    parts = []
    with (
        os.fdopen(leader, "rb", buffering=0) as screen,
        subprocess.Popen(command, stdin=follower, stdout=follower, stderr=follower),
    ):
        os.close(follower)
        with suppress(OSError):  # raised when the other side is closed
            while part := screen.read(4096):
                parts.append(part)
    return b"".join(parts).decode()


def test_controls_are_escaped_and_nothing_else_changes() -> None:
    every = "".join(map(chr, range(0x3000)))
    shown = printable(every)
    assert not any(unicodedata.category(character) == "Cc" for character in shown)
    bidirectional = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    escaped = "".join(c for c in every if unicodedata.bidirectional(c) in bidirectional) + "\u2028\u2029"
    visible = [c for c in every if unicodedata.category(c) != "Cc" and c not in escaped]
    assert [c for c in shown if ord(c) > 0x9F] == [c for c in visible if ord(c) > 0x9F]
    assert printable("b\udcc3.png, \udcc3\udcbcber.png") == r"b\xc3.png, über.png"  # as in an ASCII locale
    assert printable("a\x1b[31m\nb") == r"a\x1b[31m\nb"
    assert printable("a\tb\nc\x1b", lines=True) == "a\tb\nc\\x1b"
    assert printable("invoice\u202egnp.exe") == r"invoice\u202egnp.exe"


def test_a_terminal_gets_no_escape_sequence() -> None:
    seen = on_a_terminal(python(SPEAKER))
    assert "\x1b" not in seen and "\x07" not in seen
    assert seen.splitlines() == [
        r"\x1b]0;owned\x07Père",
        r"\x1b]0;owned\x07",
        r"hwr: name\nhwr: error: forged\x1b]0;owned\x07",
    ]


def test_a_file_gets_the_bytes_as_they_are() -> None:
    done = subprocess.run(python(SPEAKER), capture_output=True, check=True)
    assert done.stdout == f"{CLEAR}Père\n{CLEAR}\n".encode()
    assert done.stderr == b"hwr: name\\nhwr: error: forged\\x1b]0;owned\\x07\n"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-16"])
def test_results_are_utf8_in_every_environment(encoding: str) -> None:
    environment = child_environment(PYTHONIOENCODING=encoding)
    code = "from hwr.cli.terminal import *\nwith standard_streams(): show('Père 你')"
    done = subprocess.run(python(code), capture_output=True, check=True, env=environment)
    assert done.stdout == "Père 你\n".encode()


def test_messages_do_not_break_into_a_bar() -> None:
    code = (
        "from hwr.cli.terminal import *\nimport logging\n"
        "with standard_streams(), progress_bar('reading', 2) as advance:\n"
        f"    say({'first' + CLEAR!r}); advance(1); logging.getLogger('x').warning('second'); advance(1)\n"
    )
    lines = on_a_terminal(python(code)).replace("\r", "\n").splitlines()
    assert r"hwr: first\x1b]0;owned\x07" in [line.split("\x1b[2K")[-1] for line in lines]
    assert "hwr: second" in [line.split("\x1b[2K")[-1] for line in lines]
    assert any("reading" in line and "/2" in line for line in lines)


def shell(command: str) -> subprocess.CompletedProcess[str]:
    script = command.replace("hwr", f'"{sys.executable}" -m hwr')
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)


def test_a_full_or_closed_stdout_is_one_line_and_exit_code_2() -> None:
    full, closed = shell("hwr models > /dev/full"), shell("hwr models >&-")
    assert (full.returncode, closed.returncode) == (2, 2)
    assert full.stderr == "hwr: error: standard output: cannot be written: No space left on device\n"
    assert closed.stderr == "hwr: error: standard output: cannot be written: the stream is closed\n"


@pytest.mark.parametrize("where", ["2>/dev/full", "2>&-"])
def test_messages_that_nobody_can_get_do_not_spoil_the_results(where: str) -> None:
    code = "import hwr.cli\nfrom hwr.cli.terminal import say\n"
    code += "hwr.cli.cli.main = lambda **_: say('a message') or print('a result')\nhwr.cli.main()"
    done = subprocess.run(
        ["bash", "-c", f'exec {sys.executable} -c "$0" {where}', code], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "a result\n")


def test_files_that_were_written_make_it_code_3(tmp_path: Path) -> None:
    code = "import hwr.cli\nfrom pathlib import Path\nfrom hwr.files.atomic import atomic_write\n"
    code += "def work(**_):\n  with atomic_write(Path('done')) as path: path.touch()\n  print('done')\n"
    code += "hwr.cli.cli = lambda **_: None\nhwr.cli.cli.main = work\nhwr.cli.main()"
    script = f'exec {sys.executable} -c "$0" > /dev/full'
    done = subprocess.run(["bash", "-c", script, code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 3 and done.stderr.count("\n") == 1, done.stderr


def test_what_was_written_before_the_stream_failed_makes_it_code_3(tmp_path: Path) -> None:
    code = "import sys, hwr.cli\nfrom hwr.cli import terminal\n"
    code += "hwr.cli.cli = lambda **_: None\nhwr.cli.cli.main = lambda **_: [print('x' * 500) for _ in range(100)]\n"
    code += "hwr.cli.main()"
    script = f"ulimit -f 8; exec {sys.executable} -c \"$0\" > '{tmp_path}/out'"
    done = subprocess.run(["bash", "-c", script, code], capture_output=True, text=True, check=False)
    assert done.stderr == "hwr: error: standard output: cannot be written: File too large\n"
    assert done.returncode == 3 and (tmp_path / "out").stat().st_size == 8192


def test_a_reader_that_went_away_is_code_141_and_no_message() -> None:
    code = "import hwr.cli\nhwr.cli.cli.main = lambda **_: [print('x' * 500) for _ in range(10000)]\nhwr.cli.main()"
    script = f'{sys.executable} -c "$0" | head -n 1; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", script, code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (141, "")
