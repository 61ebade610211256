"""Leases: one process of many does a job, once an interval."""

from datetime import datetime

from sqlalchemy import or_, update
from sqlalchemy.exc import IntegrityError

from minifile.extensions import db, write_transaction
from minifile.models import Lease


def take_lease(name: str, owner: str, *, until: datetime, now: datetime) -> bool:
    """Take the lease unless somebody holds it; say whether it was taken.

    The check and the taking are one UPDATE. A lease is not given back: it ends at `until`, and
    that is what makes the job run once an interval however many processes ask. One that would last
    two intervals more was taken while the clock was ahead, and holds nobody back.
    """
    is_free = or_(Lease.until <= now, Lease.until > until + (until - now))
    with write_transaction() as session:
        taken = session.execute(
            update(Lease).where(Lease.name == name, is_free).values(
                owner=owner, until=until
            ).returning(Lease.name)
        )  # fmt: skip
        if taken.first() is not None:
            return True
        if session.get(Lease, name) is not None:
            return False
        return _make_lease(Lease(name=name, owner=owner, until=until))


def _make_lease(lease: Lease) -> bool:
    """Write the first row of a name; another process may be doing just that."""
    try:
        with db.session.begin_nested():
            db.session.add(lease)
    except IntegrityError:
        return False
    return True
