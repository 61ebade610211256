"""The files of a link as a tree of their folders, for the landing page."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from minifile.values import FileRecord

# A folder with more files is closed at first, unless it is the only one.
_MAX_OPEN = 30


@dataclass(slots=True)
class Folder:
    """A folder: its files and its folders in the order in which they came."""

    name: str = ""
    files: list[FileRecord] = field(default_factory=list)
    folders: dict[str, "Folder"] = field(default_factory=dict)
    count: int = 0
    size_bytes: int = 0
    is_open: bool = True


def folder_tree(files: Sequence[FileRecord]) -> Folder:
    """Return the root. `count` and `size_bytes` are of all that lies in a folder, however deep.

    A folder that holds nothing but one folder is told together with it: `2026/may`.
    """
    root = Folder()
    for file in files:
        folder = root
        _count(folder, file)
        for name in file.filename.split("/")[:-1]:
            folder = folder.folders.setdefault(name, Folder(name))
            _count(folder, file)
        folder.files.append(file)
    _settle(root)
    return root


def _count(folder: Folder, file: FileRecord) -> None:
    folder.count += 1
    folder.size_bytes += file.size_bytes


def _settle(folder: Folder) -> None:
    """Join folders that are alone, and say which are open. As deep as filenames, which is 31."""
    folder.folders = {name: _joined(each) for name, each in folder.folders.items()}
    is_alone = len(folder.folders) == 1 and not folder.files
    for each in folder.folders.values():
        each.is_open = is_alone or each.count <= _MAX_OPEN
        _settle(each)


def _joined(folder: Folder) -> Folder:
    while not folder.files and len(folder.folders) == 1:
        (inner,) = folder.folders.values()
        inner.name = f"{folder.name}/{inner.name}"
        folder = inner
    return folder
