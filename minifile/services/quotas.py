"""Quotas: what a sender may have, and how much of it is used or promised."""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select

from minifile.extensions import db
from minifile.models import ANONYMOUS, User
from minifile.values import NO_LIMIT, Allowance, Limits

# More than any disk or calendar holds, and still a number that every database knows.
_ENDLESS = 2**62
_FOR_EVER = timedelta(days=36_500)


def limits_of(user_id: int | None, instance: Limits, role: Allowance) -> Limits:
    """Return the limits of one sender: their own, else their role's, else the instance's."""
    return _fitted(instance, _own(user_id, role), ANONYMOUS if user_id is None else user_id)


def _own(user_id: int | None, role: Allowance) -> Allowance:
    if user_id is None:
        return role
    query = select(
        User.max_file_size, User.quota, User.max_links, User.max_lifetime_seconds, User.daily_upload
    ).where(User.id == user_id)
    size, quota, links, seconds, daily = db.session.execute(query).one()
    return Allowance(
        max_file_size=role.max_file_size if size is None else size,
        quota=role.quota if quota is None else quota,
        max_links=role.max_links if links is None else links,
        max_lifetime=role.max_lifetime if seconds is None else timedelta(seconds=seconds),
        daily_upload=role.daily_upload if daily is None else daily,
    )


def _fitted(instance: Limits, own: Allowance, holder: int) -> Limits:
    max_file_size = instance.max_file_size if own.max_file_size is None else own.max_file_size
    if max_file_size == NO_LIMIT:
        max_file_size = _ENDLESS
    max_lifetime = instance.max_lifetime if own.max_lifetime is None else own.max_lifetime
    if max_lifetime == timedelta(seconds=NO_LIMIT):
        max_lifetime = _FOR_EVER
    return replace(
        instance,
        holder=holder,
        max_file_size=max_file_size,
        # Who may send larger files than a link may hold elsewhere may have a link for each.
        max_link_size=max(instance.max_link_size, min(max_file_size, _ENDLESS))
        if max_file_size > instance.max_file_size
        else instance.max_link_size,
        max_lifetime=max_lifetime,
        default_lifetime=min(instance.default_lifetime, max_lifetime),
        quota=None if own.quota == NO_LIMIT else own.quota,
        max_links=None if own.max_links == NO_LIMIT else own.max_links,
        daily_upload=None if own.daily_upload == NO_LIMIT else own.daily_upload,
    )
