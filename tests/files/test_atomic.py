"""Atomic writing: after any failure the old file is intact and no temporary file is left."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from hwr.errors import EXIT_ERROR, OutputError
from hwr.files.atomic import atomic_write, check_free, files_written, is_device


def test_a_new_file_appears_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "file.txt"
    with atomic_write(target) as temporary:
        temporary.write_text("whole")
        assert temporary.parent == target.parent
        assert not target.exists()
    assert target.read_text() == "whole"
    assert os.listdir(target.parent) == ["file.txt"]


def test_an_error_in_the_block_keeps_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "file.txt"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_write(target) as temporary:
        temporary.write_text("half")
        _ = 1 / 0
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["file.txt"]


def test_a_kill_in_the_block_keeps_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "file.txt"
    target.write_text("old")
    program = textwrap.dedent(
        """
        import os, signal, sys
        from pathlib import Path
        from hwr.files.atomic import atomic_write
        with atomic_write(Path(sys.argv[1])) as temporary:
            temporary.write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    result = subprocess.run([sys.executable, "-c", program, str(target)], check=False)
    assert result.returncode == -signal.SIGKILL
    assert target.read_text() == "old"


def test_the_new_file_is_synced_before_the_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events = []
    monkeypatch.setattr(os, "fsync", lambda handle: events.append(f"sync {os.readlink(f'/proc/self/fd/{handle}')}"))
    original = Path.replace
    monkeypatch.setattr(Path, "replace", lambda self, to: (events.append("rename"), original(self, to))[1])
    with atomic_write(tmp_path / "file") as temporary:
        temporary.write_bytes(b"x")
    assert events == [f"sync {temporary}", "rename", f"sync {tmp_path}"]


def test_a_full_disk_is_one_clear_line(tmp_path: Path) -> None:
    target = tmp_path / "file.txt"
    target.write_text("old")
    message = r"file\.txt: cannot be written: No space left on device"
    with pytest.raises(OutputError, match=message) as caught, atomic_write(target) as temporary:
        temporary.write_text("half")
        with open("/dev/full", "w") as full:
            full.write("x")
    assert caught.value.exit_code == EXIT_ERROR
    assert "\n" not in str(caught.value)
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["file.txt"]


def test_a_folder_that_is_a_file_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for target in ("file/inner", "file/a/b/inner"):
        with (
            pytest.raises(OutputError, match=f"{target}: cannot be written: .*/file is not a folder"),
            atomic_write(tmp_path / target) as temporary,
        ):
            temporary.write_text("x")


def test_a_target_that_is_a_folder_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match=r"folder: cannot be written"), atomic_write(tmp_path / "folder") as temporary:
        temporary.write_text("x")
    assert os.listdir(tmp_path) == ["folder"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_one_clear_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="Permission denied"), atomic_write(tmp_path / "file") as temporary:
        temporary.write_text("x")


def test_what_cannot_be_written_is_known_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OutputError, match="file is not a folder"):
        check_free(tmp_path / "file" / "a" / "b.txt", force=True)
    check_free(tmp_path / "new" / "folder" / "b.txt", force=False)
    check_free(Path("/dev/null"), force=False)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)  # root may write everywhere
    with pytest.raises(OutputError, match=f"cannot be written: {tmp_path} is read-only"):
        check_free(tmp_path / "new" / "b.txt", force=True)


def test_what_killed_processes_left_is_removed(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    mine = f".c.txt.{os.getpid()}.tmp"
    for name in (f".a.txt.{ended.pid}.tmp", f".b.txt.{ended.pid}.tmp", mine, ".a.txt.x.tmp", "a.txt.1.tmp", ".tmp"):
        (tmp_path / name).write_text("left")
    with atomic_write(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
    assert sorted(os.listdir(tmp_path)) == sorted([".a.txt.x.tmp", ".tmp", "a.txt", "a.txt.1.tmp", mine])


def test_a_device_is_never_replaced(tmp_path: Path) -> None:
    """Whoever may write to /dev would otherwise lose /dev/null to `-o /dev/null`."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        with atomic_write(pipe) as target:
            target.write_bytes(b"whole")
        assert reader.communicate(timeout=20)[0] == b"whole"
    assert pipe.is_fifo() and os.listdir(tmp_path) == ["pipe"]
    with atomic_write(Path("/dev/null")) as target:
        target.write_bytes(b"lost")
    assert Path("/dev/null").is_char_device()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux only")
def test_a_full_device_is_an_error() -> None:
    says = "/dev/full: cannot be written: No space left"
    with pytest.raises(OutputError, match=says), atomic_write(Path("/dev/full")) as target:
        target.write_bytes(b"x" * 100)


def test_a_name_may_be_as_long_as_the_system_allows(tmp_path: Path) -> None:
    before = files_written()
    target = tmp_path / ("é" * 125 + ".txt")
    with atomic_write(target) as temporary:
        temporary.write_text("whole")
    assert os.listdir(tmp_path) == [target.name]
    assert files_written() == before + 1


def test_a_link_stays_and_its_file_is_written(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "dangling").symlink_to("new")
    for name in ("link", "dangling"):
        with atomic_write(tmp_path / name) as temporary:
            temporary.write_text(name)
    assert (tmp_path / "link").is_symlink() and (tmp_path / "dangling").is_symlink()
    assert (tmp_path / "real").read_text() == "link" and (tmp_path / "new").read_text() == "dangling"


def test_open_files_of_the_system_are_written_and_never_replaced(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        path = Path(f"/dev/fd/{file.fileno()}")
        assert is_device(path) and not is_device(tmp_path / "file")
        with atomic_write(path) as same:
            assert same == path
            same.write_text("whole")
    assert (tmp_path / "file").read_text() == "whole"
