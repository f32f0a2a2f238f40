"""Pages that were read survive an interruption, exactly, and are used under the same settings only."""

import json
import os
from pathlib import Path

import pytest

from helpers.written_pages import evenly, rectangle
from hwr.page.page import Line, Page, Region
from hwr.recognize.journal import Journal

FULL = Path("/dev/full")


@pytest.fixture
def page() -> Page:
    box = (10.125, 5.3, 110.7, 45.0)
    words = evenly("Père et mère", box, 1 / 3)
    line = Line("l1", "r1", "default", "Père et mère", 2 / 3, ((10.1, 30.2), (110.7, 31.9)), rectangle(*box), words)
    return Page("a\ud800.png", 200, 100, "m", (Region("r1", "text", rectangle(*box)),), (line,), language="fr")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "book.pdf"
    path.write_bytes(b"pages")
    return path


def test_a_page_comes_back_exactly(tmp_path: Path, page: Page, file: Path) -> None:
    first = Journal(tmp_path / "new" / ".book.partial", "settings")
    assert first.find([file], 1) is None
    first.add([file], 1, page)
    again = Journal(first.path, "settings")
    assert again.find([file], 1) == page and again.find([file], 2) is None
    assert Journal(first.path, "other settings").find([file], 1) is None
    again.remove()
    again.remove()
    assert not first.path.exists()


def test_a_changed_file_is_read_again(tmp_path: Path, page: Page, file: Path) -> None:
    Journal(tmp_path / "j", "s").add([file], 1, page)
    file.write_bytes(b"other pages")
    assert Journal(tmp_path / "j", "s").find([file], 1) is None


@pytest.mark.parametrize("damage", ["cut", "garbage", "wrong type", "empty", "folder"])
def test_a_damaged_journal_costs_only_what_is_damaged(tmp_path: Path, page: Page, file: Path, damage: str) -> None:
    journal = Journal(tmp_path / "j", "s")
    journal.add([file], 1, page)
    journal.add([file], 2, page)
    lines = journal.path.read_text().splitlines(keepends=True)
    if damage == "cut":
        lines[2] = lines[2][:50]
    elif damage == "garbage":
        lines[2] = "\x00\n"
    elif damage == "wrong type":
        entry = json.loads(lines[2])
        lines[2] = json.dumps({**entry, "page": {**entry["page"], "width": "wide"}}) + "\n"
    elif damage == "empty":
        lines = []
    journal.path.unlink()
    if damage == "folder":
        journal.path.mkdir()
    else:
        journal.path.write_text("".join(lines))
    again = Journal(journal.path, "s")
    known = [again.find([file], number) == page for number in (1, 2)]
    assert known == [damage not in ("empty", "folder"), False]
    again.add([file], 2, page)
    if damage != "folder":
        assert Journal(journal.path, "s").find([file], 2) == page
        assert (Journal(journal.path, "s").find([file], 1) == page) == (damage != "empty")


def test_a_full_disk_costs_only_the_journal(
    tmp_path: Path, page: Page, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.open
    monkeypatch.setattr(Path, "open", lambda self, mode="r", **more: real(self if mode == "r" else FULL, mode, **more))
    journal = Journal(tmp_path / "j", "s")
    journal.add([file], 1, page)
    journal.add([file], 2, page)
    journal.close()
    assert not (tmp_path / "j").exists()
    assert Journal(tmp_path / "j", "s").find([file], 1) is None


def test_a_page_is_read_again_if_the_file_with_its_lines_changed(tmp_path: Path, page: Page, file: Path) -> None:
    lines = tmp_path / "book.xml"
    lines.write_text("<PcGts/>")
    Journal(tmp_path / "j", "s").add([file, lines], 1, page)
    assert Journal(tmp_path / "j", "s").find([file, lines], 1) == page
    lines.write_text("<PcGts></PcGts>")
    assert Journal(tmp_path / "j", "s").find([file, lines], 1) is None


@pytest.mark.parametrize("name", ["-", "pipe"])
def test_pages_of_a_stream_are_not_kept_since_the_next_one_may_be_another(
    tmp_path: Path, page: Page, name: str
) -> None:
    os.mkfifo(tmp_path / "pipe")
    source = Path(name) if name == "-" else tmp_path / name
    Journal(tmp_path / "j", "s").add([source], 1, page)
    assert Journal(tmp_path / "j", "s").find([source], 1) is None


def test_a_pipe_in_place_of_the_journal_is_left_alone(tmp_path: Path, page: Page, file: Path) -> None:
    os.mkfifo(tmp_path / "j")
    journal = Journal(tmp_path / "j", "s")
    journal.add([file], 1, page)
    assert journal.find([file], 1) is None
