"""What the API takes and answers, as models: they judge what comes in, and describe themselves.

An unknown field is refused: whoever misspells one must not believe that it was obeyed.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from minifile.values import ENDLESS

Text500 = Annotated[str, StringConstraints(max_length=500)]


class _Incoming(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class LinkPatch(_Incoming):
    """What is to be otherwise; what is left out stays as it is, null takes it away."""

    expires_in: Annotated[str, Field(description="How long from now: 90m, 12h, 3d")] | None = None
    max_downloads: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None
    note: Text500 | None = None
    password: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None


class LimitsPatch(_Incoming):
    """What one user may have: null follows the role, -1 is without a limit; sizes in bytes.

    What is left out stays as it is.
    """

    max_file_size: Annotated[int, Field(ge=-1, le=ENDLESS)] | None = None
    quota: Annotated[int, Field(ge=-1, le=ENDLESS)] | None = None
    max_links: Annotated[int, Field(ge=-1, le=ENDLESS)] | None = None
    max_lifetime_seconds: Annotated[int, Field(ge=-1, le=100 * 365 * 86_400)] | None = None
    daily_upload: Annotated[int, Field(ge=-1, le=ENDLESS)] | None = None


class UserPatch(_Incoming):
    """What is to be otherwise with a user, all or nothing; what is left out stays as it is."""

    role: Literal["user", "admin"] | None = None
    disabled: bool | None = None
    limits: LimitsPatch | None = None


class FileAnswer(BaseModel):
    """A file of a link; `size` in bytes, `url` are its bytes."""

    name: str
    size: int
    sha256: str
    content_type: str
    url: str


class LinkInList(BaseModel):
    """A link as a list shows it; `name` is that of one of its files, `size` in bytes."""

    code: str
    url: str
    name: str
    files: int
    size: int
    state: Literal["open", "exhausted", "expired", "revoked"]
    is_private: bool
    download_count: int
    max_downloads: int | None
    expires_at: datetime


class LinkList(BaseModel):
    """A page of links; `has_more` says whether there is a next one."""

    links: list[LinkInList]
    page: int
    has_more: bool


class LinkAnswer(BaseModel):
    """A link with all that its owner may know of it."""

    code: str
    url: str
    state: Literal["open", "exhausted", "expired", "revoked"]
    is_private: bool
    has_password: bool
    note: str | None
    download_count: int
    max_downloads: int | None
    created_at: datetime
    expires_at: datetime
    size: int
    files: list[FileAnswer]


class LimitsAnswer(BaseModel):
    """What a user may have; null is without a limit, sizes in bytes."""

    max_file_size: int | None
    max_link_size: int | None
    max_lifetime_seconds: int
    quota: int | None
    max_links: int | None
    daily_upload: int | None


class UsageAnswer(BaseModel):
    """What a user has by now, with what is on its way; sizes in bytes."""

    size: int
    reserved: int
    links: int
    uploaded_today: int


class MeAnswer(BaseModel):
    """Who the token acts for, and how far it reaches."""

    id: int
    name: str
    role: Literal["user", "admin"]
    scopes: list[str]
    limits: LimitsAnswer
    usage: UsageAnswer


class UserAnswer(BaseModel):
    """A user, as an admin sees one."""

    id: int
    name: str
    email: str | None
    role: Literal["user", "admin"]
    disabled: bool
    created_at: datetime
    signed_in_at: datetime | None
    limits: LimitsPatch
    usage: UsageAnswer


class UserList(BaseModel):
    """A page of users by name."""

    users: list[UserAnswer]
    page: int
    has_more: bool
