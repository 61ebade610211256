"""Allowances: what a sender may have, by themselves, by role, or by the instance."""

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import timedelta

from minifile.errors import Forbidden, NotFound
from minifile.extensions import db
from minifile.identity import NO_LIMIT, Allowance
from minifile.models import ANONYMOUS, User
from minifile.values import ENDLESS, Limits

NOBODY = "anonymous"
_FOR_EVER = timedelta(days=36_500)


def limits_of(user_id: int | None, instance: Limits, roles: Mapping[str, Allowance]) -> Limits:
    """Return the limits of one sender: their own, else their role's, else the instance's.

    `user_id` is None for who is not signed in. Raises Forbidden for a disabled user.
    """
    if user_id is None:
        return _fitted(instance, roles[NOBODY], ANONYMOUS)
    row = db.session.get(User, user_id, populate_existing=True)
    if row is None:
        raise NotFound("There is no such user.")
    if row.disabled_at is not None:
        raise Forbidden("This account is disabled.")
    return _fitted(instance, _first(own_allowance(row), roles[row.role]), user_id)


def own_allowance(row: User) -> Allowance:
    """Return what an admin has set for one user."""
    seconds = row.max_lifetime_seconds
    return Allowance(
        max_file_size=row.max_file_size,
        quota=row.quota,
        max_links=row.max_links,
        max_lifetime=None if seconds is None else timedelta(seconds=seconds),
        daily_upload=row.daily_upload,
    )


def _first(own: Allowance, role: Allowance) -> Allowance:
    return Allowance(
        **{
            field.name: getattr(role if getattr(own, field.name) is None else own, field.name)
            for field in fields(Allowance)
        }
    )


def _fitted(instance: Limits, own: Allowance, holder: int) -> Limits:
    max_file_size = instance.max_file_size if own.max_file_size is None else own.max_file_size
    max_file_size = ENDLESS if max_file_size == NO_LIMIT else max_file_size
    max_lifetime = instance.max_lifetime if own.max_lifetime is None else own.max_lifetime
    max_lifetime = _FOR_EVER if max_lifetime == timedelta(seconds=NO_LIMIT) else max_lifetime
    # Who may send a larger file than others may have a link that holds it.
    is_larger = max_file_size > instance.max_file_size
    return replace(
        instance,
        holder=holder,
        max_file_size=max_file_size,
        max_link_size=max(instance.max_link_size, max_file_size if is_larger else 0),
        max_lifetime=max_lifetime,
        default_lifetime=min(instance.default_lifetime, max_lifetime),
        quota=_unless_endless(own.quota),
        max_links=_unless_endless(own.max_links),
        daily_upload=_unless_endless(own.daily_upload),
    )


def _unless_endless(limit: int | None) -> int | None:
    return None if limit == NO_LIMIT else limit
