"""Users as services know them: Alice owns, Bob was given access, Charlie was not."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from conftest import NOW
from flask import current_app
from services.making import CHARLIE, DAY, incoming

from minifile.identity import Account, Scope
from minifile.services.uploads import receive_upload
from minifile.services.users import create_user
from minifile.values import LinkRecord, UploadOptions, Visitor
from minifile.web.current import utcnow


def make_account(name: str, *, email: str | None = None) -> Account:
    """Make a user without a password, and return who they are once signed in."""
    user = create_user(name, email=email, password=None, now=NOW)
    return Account(user.id, user.name, user.role, frozenset(Scope), session_id=1)


def visitor_of(account: Account) -> Visitor:
    """Return a user's browser, which keeps its cookie."""
    return replace(CHARLIE, browser=f"{account.id:032}", account=account)


def make_shared_link(owner: Account, *, now: datetime | None = None, **options: Any) -> LinkRecord:
    """Let a user upload one small file, now unless the test has a time of its own."""
    instance = current_app.extensions["minifile"]
    new = receive_upload(
        iter([incoming("0.bin", b"hello")]),
        lambda: UploadOptions(lifetime=DAY, **options),
        visitor_of(owner),
        declared_bytes=None,
        rates=instance.rates,
        limits=replace(instance.settings.limits, holder=owner.id),
        storage=instance.storage,
        now=lambda: now or utcnow(),
    )
    return new.link
