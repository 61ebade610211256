"""Clients: the keyed hash by which a link knows who is fetching it.

The key is a salt that changes every day (UTC) and is destroyed when the following day ends, so
a stored hash can't be tied to an address afterwards; today's and yesterday's salts are tried.
"""

import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from minifile.extensions import db, write_transaction
from minifile.models import ClientSalt
from minifile.services.statements import Statement, reading
from minifile.values import Visitor

_SALTS = Statement(
    select(ClientSalt.day, ClientSalt.salt).where(
        ClientSalt.day.in_([bindparam("today"), bindparam("yesterday")])
    )
)
_kept: "WeakKeyDictionary[Engine, Mapping[date, bytes]]" = WeakKeyDictionary()


def client_hashes(link_id: int, visitor: Visitor, now: datetime) -> list[str]:
    """Return the hashes under which the visitor's slots on a link may stand, today's first.

    Empty for a visitor who can't be told from others. Reads; writes the day's salt when it is
    the first to ask, in a transaction of its own.
    """
    who = _identity(visitor)
    if who is None:
        return []
    salts = _salts(now.date())
    if now.date() not in salts:
        salts = _make_salt(now.date())
    return _hashes(link_id, who, salts)


def known_client_hashes(link_id: int, visitor: Visitor, now: datetime) -> list[str]:
    """As `client_hashes`, for readers: makes no salt."""
    who = _identity(visitor)
    return [] if who is None else _hashes(link_id, who, _salts(now.date()))


def visitor_hash(visitor: Visitor, now: datetime) -> str | None:
    """Return the hash by which analytics tells clients apart for one day (UTC), on all links.

    None for a visitor who can't be told from others. Makes no salt: `client_hashes` has.
    """
    who, salt = _identity(visitor), _salts(now.date()).get(now.date())
    if who is None or salt is None:
        return None
    text = f"analytics\0{who}".encode("utf-8", "surrogatepass")
    return hmac.new(salt, text, hashlib.sha256).hexdigest()[:32]


def destroy_old_salts(now: datetime) -> bool:
    """Delete the salts of all days but yesterday to tomorrow, within the caller's transaction.

    One of a later day was made while the clock was wrong, and would be kept until that day has
    passed. Returns whether there was any.
    """
    day = timedelta(days=1)
    is_kept = ClientSalt.day.between(now.date() - day, now.date() + day)
    gone = db.session.scalars(delete(ClientSalt).where(~is_kept).returning(ClientSalt.day)).all()
    _kept.pop(db.engine, None)
    return bool(gone)


def _identity(visitor: Visitor) -> str | None:
    if visitor.browser is not None:
        return f"browser\0{visitor.browser}"
    if visitor.address is None:
        return None
    # Two users may fetch by scripts on one machine.
    user = "" if visitor.account is None else f"\0{visitor.account.id}"
    return f"address\0{network_of(visitor.address)}\0{visitor.user_agent}{user}"


@lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """Return the address, of IPv6 the /64: within it one machine changes its address at will."""
    try:
        ip = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return address
    if ip.version == 4:
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    if ip.is_loopback:
        return str(ip)
    return str(ipaddress.ip_network((ip, 64), strict=False))


def _salts(today: date) -> Mapping[date, bytes]:
    """Return the salts of today and yesterday, as far as there are any.

    A salt never changes, so a process asks once a day; it forgets the older ones as the
    database does.
    """
    known = _kept.get(db.engine, {})
    if today in known:
        return known
    with reading(db.engine) as driver:
        days = (today, today - timedelta(days=1))
        salts: Mapping[date, bytes] = dict(_SALTS.run(driver, today=days[0], yesterday=days[1]))
    _kept[db.engine] = salts
    return salts


def _make_salt(today: date) -> Mapping[date, bytes]:
    """Write the day's salt, unless another process was faster; return what there is then."""
    salt = secrets.token_bytes(32)
    insert = sqlite_insert if db.engine.dialect.name == "sqlite" else postgresql_insert
    with write_transaction(durable=False) as session:
        session.execute(insert(ClientSalt).values(day=today, salt=salt).on_conflict_do_nothing())
    return _salts(today)


def _hashes(link_id: int, who: str, salts: Mapping[date, bytes]) -> list[str]:
    text = f"{link_id}\0{who}".encode("utf-8", "surrogatepass")
    return [
        hmac.new(salts[day], text, hashlib.sha256).hexdigest()
        for day in sorted(salts, reverse=True)
    ]
