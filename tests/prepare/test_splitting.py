"""Splits: fixed, by lists, at random, as the source says."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from hwr.errors import DataError, InputError, UsageError
from hwr.prepare.samples import Reason, Sample, Skipped, Source
from hwr.prepare.splitting import NAMED_LISTS, SplitOptions, make_plan, read_lists
from hwr.store.lines import LineStore, StoredLine
from hwr.store.splits import SPLITS


def sample(identity: str, **facts: str | None) -> Sample:
    def load() -> bytes:
        raise InputError("not loaded in these tests")

    return Sample(id=identity, text="a", path="", where=f"at {identity}", load=load, **facts)


class ListSource(Source):
    """Items from a list."""

    def __init__(self, found: list[Sample | Skipped], kind: str = "table", path: Path = Path("list")) -> None:
        super().__init__(path)
        self.found, self.kind = found, kind

    def items(self, images: bool = True) -> Iterator[Sample | Skipped]:
        yield from self.found


def test_what_the_source_says_else_train() -> None:
    plan = make_plan([ListSource([sample("a"), sample("b", split="val"), sample("c", split="test")])], SplitOptions())
    assert plan.splits == ["train", "val", "test"]


def test_one_split_for_all() -> None:
    source = ListSource([sample("a"), sample("b", split="val"), Skipped("c", Reason.NO_IMAGE)])
    plan = make_plan([source], SplitOptions(split="test"))
    assert plan.splits == ["test", "test", None]
    assert plan.skipped == [(2, Skipped("c", Reason.NO_IMAGE))]


def test_equal_ids_of_different_files_stay_apart() -> None:
    sources = [
        ListSource([sample(id, file=Path(folder, f"{id}.png")) for id in ids], path=Path(folder))
        for folder, ids in (("a/train", "xy"), ("b/train", "xzx"), ("a/train", "x"), ("val", "x"))
    ]
    plan = make_plan(sources, SplitOptions())
    assert plan.renamed == {2: "b/train/x", 6: "val/x"}
    assert [position for position, _ in plan.skipped] == [4, 5]
    assert plan.splits == ["train", "train", "train", "train", None, None, "val"]
    assert sum(plan.notes.values()) == 7


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train.tsv", "train"),
        ("gt_test.txt", "test"),
        ("lines.dev.jsonl", "val"),
        ("contest.csv", None),
        ("train-and-val.csv", None),
        ("valid/labels.csv", None),
        ("test/train.csv", "train"),
        ("my-test/labels.csv", None),
    ],
)
def test_the_name_of_a_source_states_its_split(tmp_path: Path, name: str, split: str | None) -> None:
    assert ListSource([], path=tmp_path / name).split == split
    (tmp_path / "Test").mkdir()
    assert ListSource([], path=tmp_path / "Test").split == "test"


def test_an_id_that_occurs_twice_is_left_out_the_second_time() -> None:
    plan = make_plan([ListSource([sample("a"), sample("b")]), ListSource([sample("a")])], SplitOptions())
    assert plan.splits == ["train", "train", None]
    assert [(position, item.reason, item.detail) for position, item in plan.skipped] == [(2, Reason.DUPLICATE, "a")]


@pytest.mark.parametrize(
    ("name", "counts", "only"),
    [
        ("aachen", {"train": 6161, "val": 966, "test": 2915}, ("c04-110-00", "test")),
        ("lwitlrt", {"train": 6161, "val": 1840, "test": 1861}, ("m01-049-00", "test")),
        ("aachen-part", {"train": 4729, "val": 449}, ("c04-156-00", "val")),
    ],
)
def test_the_named_splits_have_their_published_sizes(name: str, counts: dict[str, int], only: tuple[str, str]) -> None:
    lists = read_lists(name)
    assert Counter(lists.ids.values()) == counts
    assert lists.split_of(only[0], whole_pages=False) == only[1]


def test_the_lines_behind_our_figures_are_a_part_of_aachen() -> None:
    part, whole = read_lists("aachen-part").ids, read_lists("aachen").ids
    assert part.items() <= whole.items()


def test_no_page_is_in_two_splits() -> None:
    for name in NAMED_LISTS:
        lists = read_lists(name)
        of_page: dict[str, set[str]] = {}
        for identity, split in lists.ids.items():
            of_page.setdefault(identity[: identity.rindex("-")], set()).add(split)
        assert all(len(found) == 1 for found in of_page.values())


def test_shipped_lists_are_the_shared_ones(shared: Path) -> None:
    for name in ("aachen", "lwitlrt"):
        for split in SPLITS:
            ids = (shared / "iam-splits" / name / f"{split}.txt").read_text().split()
            assert [identity for identity, found in read_lists(name).ids.items() if found == split] == ids
    for split in ("train", "val"):
        ids = [
            line.id
            for _, line in LineStore(shared / "iam-lines", split).rows(images=False)
            if isinstance(line, StoredLine)
        ]
        assert [identity for identity, found in read_lists("aachen-part").ids.items() if found == split] == ids


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    (tmp_path / "train.txt").write_text("p1-00\np1-01\np2-00\n")
    (tmp_path / "test.txt").write_text("p3-00\np4-00\n")
    return tmp_path


def test_a_folder_of_lists(lists: Path) -> None:
    items = [
        sample("p1-00"),
        sample("p1-02"),
        sample("p3-00", split="train"),
        sample("p2-00-01", listed_as="p2-00"),
        Skipped("p1-01", Reason.NO_IMAGE, listed_as="p1-01"),
        Skipped("p9-01", Reason.NO_IMAGE, listed_as="p9-01"),
    ]
    plan = make_plan([ListSource(items)], SplitOptions(split=str(lists)))
    assert plan.splits == ["train", None, "test", "train", None, None]
    assert [(item.where, item.reason) for _, item in plan.skipped] == [
        ("p1-02", Reason.NOT_IN_SPLIT),
        ("p1-01", Reason.NO_IMAGE),
        ("p9-01", Reason.NOT_IN_SPLIT),
    ]
    assert [(item.where, item.reason) for item in plan.missing] == [("p4-00", Reason.NOT_IN_SOURCE)]


def test_two_sources_complete_one_list(lists: Path) -> None:
    sources = [ListSource([sample("p1-00"), sample("p1-01")]), ListSource([sample("p2-00"), sample("p3-00")])]
    plan = make_plan(sources, SplitOptions(split=str(lists)))
    assert [(item.where, Path(item.detail).name) for item in plan.missing] == [("p4-00", "test")]


def test_lists_with_other_names_and_ids_with_spaces(tmp_path: Path) -> None:
    (tmp_path / "TRAIN.TXT").write_bytes("a b\r\n  c \r\n\r\n".encode("utf-16"))
    (tmp_path / "val.txt").write_text("d e")
    assert read_lists(str(tmp_path)).ids == {"a b": "train", "c": "train", "d e": "val"}


def test_a_list_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "train.txt").mkdir()
    with pytest.raises(InputError, match=r"train\.txt: cannot be read"):
        read_lists(str(tmp_path))


def test_whole_pages(lists: Path) -> None:
    source = ListSource([sample("p1-02"), sample("p3-07"), sample("p9-00")])
    plan = make_plan([source], SplitOptions(split=str(lists), whole_pages=True))
    assert plan.splits == ["train", "test", None]


def test_iam_is_split_by_aachen_unless_told_otherwise() -> None:
    items: list[Sample | Skipped] = [sample("a01-000u-00"), sample("c04-156-00"), sample("x")]
    assert make_plan([ListSource(items, kind="iam")], SplitOptions()).splits == ["train", "val", None]
    assert make_plan([ListSource(items)], SplitOptions()).splits == ["train", "train", "train"]
    assert make_plan([ListSource(items, kind="iam")], SplitOptions(split="val")).splits == ["val", "val", "val"]


def is_random(items: list[Sample | Skipped], **options: object) -> list[str | None]:
    return make_plan([ListSource(items)], SplitOptions(**options)).splits  # type: ignore[arg-type]


def test_chance_keeps_writers_together_and_meets_the_shares() -> None:
    items: list[Sample | Skipped] = [sample(str(k), writer=str(k % 50), split="train") for k in range(1000)]
    found = is_random(items, val_share=0.1, test_share=0.2, seed=3)
    assert Counter(found) == {"train": 700, "val": 100, "test": 200}
    assert all(len({found[k] for k in range(writer, 1000, 50)}) == 1 for writer in range(50))
    assert found == is_random(items, val_share=0.1, test_share=0.2, seed=3)
    assert found != is_random(items, val_share=0.1, test_share=0.2, seed=4)


def test_chance_does_not_depend_on_the_order_of_the_source() -> None:
    items: list[Sample | Skipped] = [sample(str(k), writer=str(k % 20)) for k in range(200)]
    forward = is_random(items, val_share=0.2)
    backward = is_random(items[::-1], val_share=0.2)
    assert forward == backward[::-1]


def test_chance_falls_back_to_pages_and_lines() -> None:
    pages: list[Sample | Skipped] = [sample(str(k), page=str(k // 10), writer="w" if k else None) for k in range(100)]
    found = is_random(pages, val_share=0.3)
    assert Counter(found)["val"] == 30
    assert all(len(set(found[k : k + 10])) == 1 for k in range(0, 100, 10))
    lines: list[Sample | Skipped] = [sample(str(k)) for k in range(100)]
    assert Counter(is_random(lines, val_share=0.25))["val"] == 25
    same_writer: list[Sample | Skipped] = [sample(str(k), writer="w") for k in range(100)]
    assert Counter(is_random(same_writer, val_share=0.25, group="line"))["val"] == 25


def test_every_split_that_is_asked_for_gets_a_group() -> None:
    uneven: list[Sample | Skipped] = [sample(str(k), writer="abc"[min(k, 2)]) for k in range(100)]
    found = is_random(uneven, val_share=0.01, test_share=0.01)
    assert set(found) == {"train", "val", "test"}
    even: list[Sample | Skipped] = [sample(str(k), writer=str(k % 3)) for k in range(30)]
    assert set(is_random(even, val_share=0.45, test_share=0.45)) == {"train", "val", "test"}


def test_a_split_far_from_its_share_is_reported() -> None:
    pages: list[Sample | Skipped] = [sample(str(k), page=str(k // 10)) for k in range(30)]
    plan = make_plan([ListSource(pages)], SplitOptions(val_share=0.1))
    note = "val has 33 % of the lines, not 10 %, because pages stay together (see --split-by); number of pages"
    assert Counter(plan.splits)["val"] == 10 and plan.notes == {note: 3}
    assert not make_plan([ListSource(pages)], SplitOptions(val_share=0.3)).notes
    assert not make_plan([ListSource(pages)], SplitOptions(val_share=0.1, group="line")).notes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"val_share": 0.1}, "only 1 writer to split by; --split-by line splits single lines"),
        ({"val_share": 0.1, "group": "page"}, "2 of 2 samples have no page"),
        ({"val_share": 1.0}, "between 0 and 1"),
        ({"val_share": -0.1}, "between 0 and 1"),
        ({"val_share": 0.6, "test_share": 0.6}, "together below 1"),
        ({"val_share": 0.1, "split": "train"}, "cannot be combined"),
        ({"split": "train", "whole_pages": True}, "--whole-pages"),
        ({"split": "rwth"}, "unknown split 'rwth'; known: train, val, test, aachen, lwitlrt, aachen-part"),
    ],
)
def test_options_that_do_not_fit(options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        is_random([sample("a", writer="w"), sample("b", writer="w")], **options)


def test_lists_that_cannot_be_used(tmp_path: Path, lists: Path) -> None:
    (lists / "val.txt").write_text("p1-00\n")
    with pytest.raises(DataError, match=r"p1-00 is in train\.txt and in val\.txt"):
        read_lists(str(lists))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no ids"):
        read_lists(str(tmp_path / "empty"))
