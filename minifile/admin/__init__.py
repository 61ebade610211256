"""Admins look after the instance. To everybody else nothing is here."""

from minifile.admin import (
    audit,
    digests,
    links,
    overview,
    reports,
    sessions,
    settings,
    user_acts,
    users,
)
from minifile.admin.blueprint import bp, hide

__all__ = [
    "audit",
    "bp",
    "digests",
    "hide",
    "links",
    "overview",
    "reports",
    "sessions",
    "settings",
    "user_acts",
    "users",
]
