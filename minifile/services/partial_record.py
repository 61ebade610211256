"""A partial upload, as its row was read."""

from dataclasses import dataclass
from datetime import datetime

from minifile.values import PartialState


@dataclass(frozen=True, slots=True)
class PartialRecord:
    """A partial upload, as its row was read; the model says what each field is."""

    id: int
    upload_hash: str
    bundle_hash: str | None
    bundle_files: int | None
    owner_hash: str | None
    state: str
    length: int | None
    offset: int
    concat: str | None
    parts: str | None
    filename: str
    declared_type: str | None
    metadata_text: str | None
    lifetime_seconds: int | None
    max_downloads: int | None
    password_hash: str | None
    note: str | None
    storage_key: str
    writer: str | None
    content_type: str | None
    sha256: str | None
    crc32: int | None
    created_at: datetime
    expires_at: datetime
    completed_at: datetime | None
    link_id: int | None
    owner_id: int | None = None
    is_private: bool = False
    custom_code: str | None = None
    grant_to: str | None = None
    recipients: str | None = None
    file_request_id: int | None = None
    sender_name: str | None = None

    @property
    def is_part(self) -> bool:
        """Say whether it will be a part of another one, and never a file."""
        return self.concat == "partial"

    @property
    def is_final(self) -> bool:
        """Say whether it is made of parts."""
        return self.parts is not None

    @property
    def is_full(self) -> bool:
        """Say whether every byte is there."""
        return self.length is not None and self.offset >= self.length

    def is_expired(self, now: datetime) -> bool:
        """Say whether it was left alone for too long; what belongs to a link was not."""
        return self.state != PartialState.JOINED and self.expires_at <= now
