"""The IAM tree: lists, missing images, marks, words, and the real small tree."""

from collections import Counter
from pathlib import Path

import pytest

from helpers.line_images import write_image
from hwr.errors import DataError
from hwr.prepare.iam import IamOptions, IamTree, is_tree
from hwr.prepare.samples import Reason, Sample, Skipped
from hwr.prepare.splitting import SplitOptions, make_plan

LINES = (
    "#--- lines.txt ---#",
    "#",
    "a01-000u-00 ok 154 19 408 746 1661 89 A|MOVE|to|stop|Mr.|Gaitskell",
    'a01-000u-01 err 156 19 395 932 1850 105 M Ps|,|he|said|:|"|No|.|"',
    "a01-000u-02 ok 157 16 408 1106 1986 105 Labour|#|Peers",
    "a01-000u-03 ok 157 16 408",
    "b02-001-00 ok 157 16 408 1106 1986 105 not|there",
)
WORDS = (
    "#--- words.txt ---#",
    "a01-000u-00-00 ok 154 408 768 27 51 AT A",
    "a01-000u-00-01 err 154 507 766 213 48 NN MOVE",
    "a01-000u-01-00 ok 156 430 1290 177 59 NPTS M Ps",
    "a01-117-05-02 ok 156 430 1290 177 59 NN bad",
    "r06-022-03-05 ok 156 430 1290 177 59 NN fine",
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "iam"
    (root / "ascii").mkdir(parents=True)
    for name, rows in (("lines", LINES), ("words", WORDS), ("forms", ("a01-000u 007 2 prt 7 5 52 36",))):
        (root / "ascii" / f"{name}.txt").write_bytes("".join(f"{row}\r\n" for row in rows).encode())
    for number in range(4):
        write_image(root / "lines" / "a01" / "a01-000u" / f"a01-000u-0{number}.png", seed=number)
    for word in ("a01-000u-00-00", "a01-000u-00-01", "a01-000u-01-00"):
        write_image(root / "words" / "a01" / "a01-000u" / f"{word}.png", width=60)
    (root / "words" / "a01" / "a01-117").mkdir()
    (root / "words" / "a01" / "a01-117" / "a01-117-05-02.png").touch()
    write_image(root / "words" / "r06" / "r06-022" / "r06-022-03-05.png")
    return root


def read(path: Path, **options: object) -> dict[str, Sample | Skipped]:
    items = list(IamTree(path, IamOptions(**options)).items())  # type: ignore[arg-type]
    return {item.id if isinstance(item, Sample) else item.where: item for item in items}


def reasons(items: dict[str, Sample | Skipped]) -> dict[str, Reason]:
    return {name: item.reason for name, item in items.items() if isinstance(item, Skipped)}


def test_lines(tree: Path) -> None:
    items = read(tree)
    first = items["a01-000u-00"]
    assert isinstance(first, Sample)
    assert (first.text, first.writer, first.page, first.lang) == (
        "A MOVE to stop Mr. Gaitskell",
        "007",
        "a01-000u",
        "en",
    )
    assert first.licence == "IAM: non-commercial research"
    assert first.load() == (tree / "lines" / "a01" / "a01-000u" / "a01-000u-00.png").read_bytes()
    second = items["a01-000u-01"]
    assert isinstance(second, Sample) and second.text == 'M Ps, he said: "No."'
    assert reasons(items) == {
        "a01-000u-02": Reason.CROSSED_OUT,
        "a01-000u-03": Reason.BAD_ROW,
        "b02-001-00": Reason.NO_IMAGE,
    }


def test_options_of_lines(tree: Path) -> None:
    spaced = read(tree, tokens="spaced")["a01-000u-01"]
    assert isinstance(spaced, Sample) and spaced.text == 'M Ps , he said : " No . "'
    assert reasons(read(tree, segmentation="ok"))["a01-000u-01"] is Reason.SEGMENTATION
    kept = read(tree, keep_crossed_out=True)["a01-000u-02"]
    assert isinstance(kept, Sample) and kept.text == "Labour # Peers"


def test_words(tree: Path) -> None:
    items = read(tree, words=True)
    texts = {name: item.text for name, item in items.items() if isinstance(item, Sample)}
    assert texts == {"a01-000u-00-00": "A", "a01-000u-01-00": "M Ps", "r06-022-03-05": "fine"}
    assert items["a01-000u-01-00"].listed_as == "a01-000u-01"
    assert reasons(items) == {"a01-000u-00-01": Reason.SEGMENTATION, "a01-117-05-02": Reason.KNOWN_BROKEN}
    any_words = read(tree, words=True, segmentation="any")
    assert isinstance(any_words["a01-000u-00-01"], Sample)


def test_only_the_comments_at_the_head_are_dropped(tree: Path) -> None:
    path = tree / "ascii" / "lines.txt"
    path.write_text("\n".join((*LINES[:3], "#" + LINES[3], "# seen twice", *LINES[4:])))
    items = read(tree)
    assert {where: reason for where, reason in reasons(items).items() if where.startswith("#")} == {
        "#a01-000u-01": Reason.BAD_ROW,
        "#": Reason.BAD_ROW,
    }
    assert isinstance(items["a01-000u-00"], Sample)


def test_only_rules_are_deliberate() -> None:
    deliberate = {reason for reason in Reason if reason.deliberate}
    assert deliberate == {
        Reason.CROSSED_OUT,
        Reason.SEGMENTATION,
        Reason.NOT_IN_SPLIT,
        Reason.KNOWN_BROKEN,
        Reason.OUTSIDE_ALPHABET,
        Reason.OTHER_TYPE,
        Reason.MACHINE_TEXT,
        Reason.UNUSED_IMAGE,
        Reason.NOT_READ,
        Reason.SECOND_TEXT,
        Reason.NO_LINES,
    }


@pytest.mark.parametrize("layout", ["lines/{id}.png", "lines/{form}/{id}.jpg", "lines/deep/er/{id}.tif"])
def test_images_lie_where_people_put_them(tmp_path: Path, layout: str) -> None:
    (tmp_path / "lines.txt").write_text(LINES[2] + "\n")
    write_image(tmp_path / layout.format(id="a01-000u-00", form="a01-000u"))
    for path in (tmp_path, tmp_path / "lines.txt"):
        assert isinstance(read(path)["a01-000u-00"], Sample)


def test_writers_come_from_the_xml_where_forms_are_missing(tree: Path) -> None:
    (tree / "ascii" / "forms.txt").unlink()
    assert getattr(read(tree)["a01-000u-00"], "writer", "") is None
    (tree / "xml").mkdir()
    (tree / "xml" / "a01-000u.xml").write_bytes(b'<form id="a01-000u" writer-id="042">')
    assert getattr(read(tree)["a01-000u-00"], "writer", "") == "042"


def test_items_are_the_same_every_time(tree: Path) -> None:
    source = IamTree(tree)
    names = [
        [getattr(item, "id", "") or getattr(item, "where", "") for item in source.items(images)]
        for images in (True, False)
    ]
    assert names[0] == names[1] and len(names[0]) == 5


def test_what_is_not_a_tree(tmp_path: Path, tree: Path) -> None:
    assert is_tree(tree) and is_tree(tree / "ascii" / "lines.txt")
    assert not is_tree(tmp_path) and not is_tree(tmp_path / "missing")
    with pytest.raises(DataError, match=r"no lines\.txt"):
        IamTree(tmp_path)
    (tree / "ascii" / "words.txt").write_text("# nothing\n")
    with pytest.raises(DataError, match="contains no word"):
        IamTree(tree, IamOptions(words=True))


def test_bytes_that_are_not_text_spoil_their_row_only(tree: Path) -> None:
    with (tree / "ascii" / "lines.txt").open("ab") as file:
        file.write(b"a01-000u-04 ok 157 16 408 1106 1986 105 caf\xe9\r\n")
    items = read(tree)
    assert reasons(items)["a01-000u-04"] is Reason.BAD_ROW
    assert isinstance(items["a01-000u-00"], Sample)


def test_the_real_tree(shared: Path) -> None:
    items = list(IamTree(shared / "iam-raw").items())
    counts = Counter(str(item.reason) if isinstance(item, Skipped) else "sample" for item in items)
    images = list((shared / "iam-raw" / "lines").rglob("*.png"))
    assert counts.total() == 10438
    crossed = {item.where for item in items if isinstance(item, Skipped) and item.reason is Reason.CROSSED_OUT}
    assert counts["sample"] == len({image.stem for image in images} - crossed) > 50
    sample = next(item for item in items if isinstance(item, Sample) and item.id == "a01-000u-06")
    assert sample.text == "Griffiths, M P for Manchester Exchange." and sample.writer == "000"


def test_the_real_words_have_no_images(shared: Path) -> None:
    items = list(IamTree(shared / "iam-raw", IamOptions(words=True)).items())
    assert {item.reason for item in items if isinstance(item, Skipped)} == {
        Reason.NO_IMAGE,
        Reason.SEGMENTATION,
    }
    assert len(items) == 1080


def test_names_in_capitals(tree: Path, tmp_path: Path) -> None:
    """As on a CD, or a disk that ignores case."""
    expected = read(tree)
    (tree / "xml").mkdir()
    (tree / "xml" / "b02-001.xml").write_text('<form writer-id="012">')
    write_image(tree / "lines" / "b02-001-00.png")
    capitals = tmp_path / "IAM"
    for path in sorted(tree.rglob("*")):
        copy = capitals / str(path.relative_to(tree)).upper()
        copy.mkdir(parents=True) if path.is_dir() else copy.write_bytes(path.read_bytes())
    assert is_tree(capitals) and is_tree(capitals / "ASCII" / "LINES.TXT")
    for source in (capitals, capitals / "ASCII" / "LINES.TXT"):
        items = read(source)
        added = items.pop("b02-001-00")
        assert isinstance(added, Sample) and added.writer == "012"
        found = {name: item.text for name, item in items.items() if isinstance(item, Sample)}
        assert found == {name: item.text for name, item in expected.items() if isinstance(item, Sample)}
        first = items["a01-000u-00"]
        assert isinstance(first, Sample) and first.writer == "007" and first.load()
    assert set(reasons(read(capitals, words=True)).values()) == {Reason.SEGMENTATION, Reason.KNOWN_BROKEN}


@pytest.mark.parametrize("with_ascii", [True, False])
def test_images_next_to_the_list(tree: Path, tmp_path: Path, with_ascii: bool) -> None:
    expected = read(tree)
    flat = tmp_path / "flat" / ("ascii" if with_ascii else "")
    flat.mkdir(parents=True)
    for path in (*tree.glob("ascii/*"), *tree.glob("lines/*/*/*")):
        (flat / path.name).write_bytes(path.read_bytes())
    source = IamTree(tmp_path / "flat")
    items = list(source.items())
    assert [type(item) for item in items] == [type(item) for item in expected.values()]
    assert [note for note in source.notes.counts() if "all images below the tree" in note]


def test_images_behind_a_link_to_a_folder(tree: Path, tmp_path: Path) -> None:
    (tree / "lines" / "a01").rename(tmp_path / "elsewhere")
    (tree / "lines" / "a01").symlink_to(tmp_path / "elsewhere")
    (tree / "lines" / "loop").symlink_to(tree / "lines")
    assert isinstance(read(tree)["a01-000u-00"], Sample)


def test_xml_that_cannot_be_read_costs_only_the_writer(tree: Path) -> None:
    (tree / "ascii" / "forms.txt").unlink()
    (tree / "xml").mkdir()
    (tree / "xml" / "a01-000u.xml").symlink_to("nowhere.xml")
    source = IamTree(tree)
    first = next(iter(source.items()))
    assert isinstance(first, Sample) and first.writer is None
    assert source.notes.counts() == {"forms without a known writer, since their XML cannot be read": 1}


def test_a_tree_in_capitals_is_the_same(tree: Path, tmp_path: Path) -> None:
    before = read(tree)
    for path in sorted(tree.rglob("*"), key=lambda path: -len(path.parts)):
        path.rename(path.with_name(path.name.upper()))
    for name in ("LINES.TXT", "FORMS.TXT"):
        rows = (tree / "ASCII" / name).read_bytes()
        (tree / "ASCII" / name).write_bytes(rows.replace(b"a01-", b"A01-").replace(b"000u", b"000U"))
    after = read(tree)
    same = [name for name, item in before.items() if isinstance(item, Sample)]
    assert same == [name for name, item in after.items() if isinstance(item, Sample)]
    for one, other in ((before[name], after[name]) for name in same):
        assert isinstance(one, Sample) and isinstance(other, Sample)
        assert (one.text, one.writer, one.page, one.listed_as) == (
            other.text,
            other.writer,
            other.page,
            other.listed_as,
        )
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "val.txt").write_text("A01-000U-00\na01-000u-77\n")
    plan = make_plan([IamTree(tree)], SplitOptions(split=str(lists)))
    assert [split for split in plan.splits if split] == ["val"]
    assert [item.where for item in plan.missing] == ["a01-000u-77"]


def test_images_that_are_not_listed_are_reported(tree: Path) -> None:
    write_image(tree / "lines" / "c" / "new-00.png")
    unused = [name for name, reason in reasons(read(tree)).items() if reason is Reason.UNUSED_IMAGE]
    assert unused == [str(tree / "lines" / "c" / "new-00.png")]


def test_archives_of_iam_have_to_be_unpacked(tree: Path) -> None:
    (tree / "lines").rename(tree.parent / "lines")
    (tree / "lines.tgz").write_bytes(b"\x1f\x8b")
    lost = read(tree)["a01-000u-00"]
    assert isinstance(lost, Skipped) and f"unpack {tree / 'lines.tgz'} to a folder lines" in lost.detail


def test_another_text_may_be_called_lines_txt(tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text("a poem\nof two lines\n")
    assert not is_tree(tmp_path) and not is_tree(tmp_path / "lines.txt")
    for rows in LINES[2], "#\n" + LINES[2], "":
        (tmp_path / "lines.txt").write_text(rows)
        assert is_tree(tmp_path)
