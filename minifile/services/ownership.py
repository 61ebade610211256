"""Who owns a link, and which browsers have unlocked it."""

import hmac
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from minifile.codes import token_hash
from minifile.errors import Forbidden, LinkNotFound
from minifile.extensions import db, write_transaction
from minifile.identity import Account, Scope
from minifile.models import BrowserAccess, Grant, User
from minifile.values import LinkRecord, Role, Visitor


def rights_of(visitor: Visitor, link: LinkRecord) -> frozenset[str]:
    """Return what the visitor has proved, by account, owner token or browser: `owner`, `unlocked`.

    A token of the owner's account is an owner's proof for reading only if its scope is `read`. What
    a user made is no browser's, and its owner token proves nothing while the user is disabled.
    """
    rights: set[str] = set()
    account = visitor.account
    if account is not None and account.id == link.owner_id and account.may(Scope.READ):
        rights.add(Role.OWNER)
    if visitor.owner_token is not None and holds_owner_token(link, visitor.owner_token):
        rights.update([Role.OWNER] if _may_act(link.owner_id) else [])
    if visitor.browser is not None:
        query = select(BrowserAccess.role).where(
            BrowserAccess.browser_hash == token_hash(visitor.browser),
            BrowserAccess.link_id == link.id,
        )
        if link.owner_id is not None:
            query = query.where(BrowserAccess.role != Role.OWNER)
        rights.update(db.session.scalars(query))
    return frozenset(rights)


def is_owner(link: LinkRecord, visitor: Visitor, scope: Scope = Scope.READ) -> bool:
    """Say whether the visitor proves to be the sender.

    Raises Forbidden for an API token of the sender that lacks the scope.
    """
    account = visitor.account
    if account is not None and account.id == link.owner_id:
        check_scope(account, scope)
        return True
    return Role.OWNER in rights_of(visitor, link)


def check_scope(account: Account, scope: Scope) -> None:
    """Raise Forbidden for an API token that may not be used for this."""
    if not account.may(scope):
        raise Forbidden(f"This API token does not have the scope {scope}.")


def holds_grant(link: LinkRecord, account: Account | None) -> bool:
    """Say whether a private link was shared with this account."""
    if account is None or not account.may(Scope.READ):
        return False
    query = select(Grant.id).where(Grant.link_id == link.id, Grant.user_id == account.id)
    return db.session.execute(query).first() is not None


def move_browser(old: str, new: str) -> None:
    """Give what one browser id owns and has unlocked to another, which takes its place.

    At a sign-in: an id that somebody else has planted is worth nothing afterwards.
    """
    with write_transaction() as session:
        session.execute(
            update(BrowserAccess)
            .where(BrowserAccess.browser_hash == token_hash(old))
            .values(browser_hash=token_hash(new))
            .execution_options(synchronize_session=False)
        )


def holds_owner_token(link: LinkRecord, owner_token: str) -> bool:
    """Compare the token in constant time."""
    return hmac.compare_digest(link.owner_token_hash, token_hash(owner_token))


def _may_act(user_id: int | None) -> bool:
    """Say whether what proves to be of this user counts: a disabled one does nothing."""
    if user_id is None:
        return True
    query = select(User.id).where(User.id == user_id, User.disabled_at.is_(None))
    return db.session.execute(query).first() is not None


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
