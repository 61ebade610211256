"""What a notification says of files: their names as far as somebody reads them, number and size."""

from collections.abc import Sequence
from typing import Any

from minifile.values import FileRecord

_MAX_NAMES = 20


def told_files(files: Sequence[FileRecord]) -> dict[str, Any]:
    """Return the part of a payload that names files; sizes in bytes."""
    return {
        "files": [file.filename for file in files[:_MAX_NAMES]],
        "file_count": len(files),
        "size_bytes": sum(file.size_bytes for file in files),
    }
