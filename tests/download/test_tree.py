"""Folders of a bundle as a tree."""

from datetime import UTC, datetime

from minifile.download.tree import Folder, folder_tree
from minifile.values import FileRecord


def files(*names: str) -> list[FileRecord]:
    at = datetime(2026, 11, 22, tzinfo=UTC)
    return [FileRecord(i, name, "", 10, "", 0, "", at) for i, name in enumerate(names)]


def outline(folder: Folder) -> list[object]:
    inner = [(each.name, outline(each)) for each in folder.folders.values()]
    return [*(file.filename for file in folder.files), *inner]


def test_files_lie_in_their_folders_in_the_order_in_which_they_came():
    tree = folder_tree(files("b/2", "a/1", "0", "b/c/4", "b/3"))

    assert outline(tree) == ["0", ("b", ["b/2", "b/3", ("c", ["b/c/4"])]), ("a", ["a/1"])]


def test_a_folder_counts_all_that_lies_in_it():
    tree = folder_tree(files("a/1", "a/b/2", "a/b/c/3", "0"))

    assert (tree.count, tree.size_bytes) == (4, 40)
    assert (tree.folders["a"].count, tree.folders["a"].size_bytes) == (3, 30)


def test_folders_that_hold_one_folder_only_are_told_as_one():
    tree = folder_tree(files("2026/may/week 1/a", "2026/may/week 2/b", "0"))

    assert outline(tree) == [
        "0", ("2026/may", [("week 1", ["2026/may/week 1/a"]), ("week 2", ["2026/may/week 2/b"])])
    ]  # fmt: skip


def test_large_folders_are_closed_unless_there_is_only_one():
    many = [f"a/{number}" for number in range(31)]

    alone, beside = folder_tree(files(*many)), folder_tree(files(*many, "b/0"))

    assert alone.folders["a"].is_open
    assert not beside.folders["a"].is_open
    assert beside.folders["b"].is_open
