"""Who owns a link, and which browsers have unlocked it."""

import hmac
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from minifile.codes import token_hash
from minifile.errors import LinkNotFound
from minifile.extensions import db, write_transaction
from minifile.models import BrowserAccess
from minifile.values import LinkRecord, Role, Visitor


def rights_of(visitor: Visitor, link: LinkRecord) -> frozenset[str]:
    """Return what the visitor has proved, by owner token or by browser: `owner`, `unlocked`."""
    rights: set[str] = set()
    if visitor.owner_token is not None and holds_owner_token(link, visitor.owner_token):
        rights.add(Role.OWNER)
    if visitor.browser is not None:
        query = select(BrowserAccess.role).where(
            BrowserAccess.browser_hash == token_hash(visitor.browser),
            BrowserAccess.link_id == link.id,
        )
        rights.update(db.session.scalars(query))
    return frozenset(rights)


def is_owner(link: LinkRecord, visitor: Visitor) -> bool:
    """Say whether the visitor proves to be the sender."""
    return Role.OWNER in rights_of(visitor, link)


def holds_owner_token(link: LinkRecord, owner_token: str) -> bool:
    """Compare the token in constant time."""
    return hmac.compare_digest(link.owner_token_hash, token_hash(owner_token))


def remember_owner(link: LinkRecord, browser: str, owner_token: str, *, now: datetime) -> None:
    """Let this browser manage the link from now on. Raises LinkNotFound for a wrong token."""
    if not holds_owner_token(link, owner_token):
        raise LinkNotFound
    with write_transaction() as session:
        give_access(session, link.id, browser, Role.OWNER, now)


def remember_unlocked(link: LinkRecord, browser: str, *, now: datetime) -> None:
    """Let this browser open the link without its password from now on."""
    with write_transaction(durable=False) as session:
        give_access(session, link.id, browser, Role.UNLOCKED, now)


def give_access(session: Session, link_id: int, browser: str, role: str, now: datetime) -> None:
    """Add the right within the caller's transaction; having it already is no error."""
    browser_hash = token_hash(browser)
    query = select(BrowserAccess.id).where(
        BrowserAccess.browser_hash == browser_hash,
        BrowserAccess.link_id == link_id,
        BrowserAccess.role == role,
    )
    if session.execute(query).first() is None:
        session.add(
            BrowserAccess(browser_hash=browser_hash, link_id=link_id, role=role, created_at=now)
        )
