"""Clients: the keyed hash by which a link knows who is fetching it.

The key is a salt that changes every day (UTC) and is destroyed when the following day ends, so
a stored hash can't be tied to an address afterwards; today's and yesterday's salts are tried.
"""

import hashlib
import hmac
import ipaddress
import secrets
from datetime import date, datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from minifile.extensions import db
from minifile.models import ClientSalt
from minifile.values import Visitor


def client_hashes(link_id: int, visitor: Visitor, now: datetime) -> list[str]:
    """Return the hashes under which the visitor's slots on a link may stand, today's first.

    Empty for a visitor who can't be told from others. Reads; writes the day's salt when it is
    the first to ask, so it needs a write transaction around it.
    """
    who = _identity(visitor)
    if who is None:
        return []
    today = now.date()
    salts = _salts(today)
    if today not in salts:
        salts[today] = _make_salt(today)
    return _hashes(link_id, who, salts)


def known_client_hashes(link_id: int, visitor: Visitor, now: datetime) -> list[str]:
    """As `client_hashes`, for readers: makes no salt."""
    who = _identity(visitor)
    return [] if who is None else _hashes(link_id, who, _salts(now.date()))


def destroy_old_salts(now: datetime) -> None:
    """Delete the salts of all days before yesterday, within the caller's transaction."""
    yesterday = now.date() - timedelta(days=1)
    db.session.execute(delete(ClientSalt).where(ClientSalt.day < yesterday))


def _identity(visitor: Visitor) -> str | None:
    if visitor.browser is not None:
        return f"browser\0{visitor.browser}"
    if visitor.address is None:
        return None
    return f"address\0{network_of(visitor.address)}\0{visitor.user_agent}"


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


def _salts(today: date) -> dict[date, bytes]:
    query = select(ClientSalt.day, ClientSalt.salt).where(
        ClientSalt.day.in_([today, today - timedelta(days=1)])
    )
    return {row.day: row.salt for row in db.session.execute(query)}


def _make_salt(today: date) -> bytes:
    """Write the day's salt, or return the one that another process wrote just before."""
    try:
        with db.session.begin_nested():
            salt = ClientSalt(day=today, salt=secrets.token_bytes(32))
            db.session.add(salt)
    except IntegrityError:
        return _salts(today)[today]
    return salt.salt


def _hashes(link_id: int, who: str, salts: dict[date, bytes]) -> list[str]:
    text = f"{link_id}\0{who}".encode("utf-8", "surrogatepass")
    return [
        hmac.new(salts[day], text, hashlib.sha256).hexdigest()
        for day in sorted(salts, reverse=True)
    ]
