"""What is wrong with an instance, its storage or its settings."""

from minifile.errors.base import MinifileError


class StorageFull(MinifileError):
    """There is not enough free space to keep the upload."""


class StorageUnavailable(MinifileError):
    """The storage does not answer as it should."""


class UploadOver(StorageUnavailable):
    """What was begun in a bucket is not there any more: it was completed, or aborted."""

    def __init__(self) -> None:
        super().__init__("The upload to the bucket was ended in between. Try again in a moment.")


class BlobMissing(MinifileError):
    """A row names a blob that the storage does not have."""


class BlobHeld(MinifileError):
    """Another request holds a partial blob."""


class ConfigError(MinifileError):
    """The settings can't be used; the message names every fault."""

    def __init__(self, *faults: str) -> None:
        lines = "".join(f"\n- {fault}" for fault in faults)
        super().__init__(f"The settings can't be used:{lines}")
        self.faults = faults


class SchemaOutdated(MinifileError):
    """The database lacks migrations that this version needs."""
