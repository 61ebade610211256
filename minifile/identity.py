"""Who asks and what they may: the small frozen values about users that all layers pass on."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Scope(StrEnum):
    """What an API token may be used for; somebody who is signed in has all of them."""

    UPLOAD = "upload"
    READ = "read"
    MANAGE = "manage"
    ADMIN = "admin"


class UserRole(StrEnum):
    """What a user is on this instance."""

    USER = "user"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Account:
    """The user who asks, and what the proof that came with the request lets them do.

    By a session's cookie that is all the user may do; by an API token what its scopes name of it.
    """

    id: int
    name: str
    role: str
    scopes: frozenset[Scope]
    session_id: int | None = None
    token_id: int | None = None

    @property
    def is_admin(self) -> bool:
        return self.role == UserRole.ADMIN

    def may(self, scope: Scope) -> bool:
        """Say whether the proof reaches so far; the scope `admin` also needs an admin."""
        return scope in self.scopes and (scope is not Scope.ADMIN or self.is_admin)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something that is written into the audit log, and how: page, api, cli, instance."""

    user_id: int | None
    via: str


BY_SHELL = Actor(None, "cli")
BY_INSTANCE = Actor(None, "instance")


# In an allowance: more than any disk or calendar holds.
NO_LIMIT = -1


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a role or one user may have; None falls back to what is above it, sizes in bytes.

    Above a user is the role, above the role the instance. NO_LIMIT (for the lifetime: that many
    seconds) lifts the limit.
    """

    max_file_size: int | None = None
    quota: int | None = None
    max_links: int | None = None
    max_lifetime: timedelta | None = None
    daily_upload: int | None = None
