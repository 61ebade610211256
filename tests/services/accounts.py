"""Users as services know them: Alice owns, Bob was given access, Charlie was not."""

from dataclasses import replace

from conftest import NOW
from services.making import CHARLIE

from minifile.identity import Account, Scope
from minifile.services.users import create_user
from minifile.values import Visitor


def make_account(name: str, *, email: str | None = None) -> Account:
    """Make a user without a password, and return who they are once signed in."""
    user = create_user(name, email=email, password=None, now=NOW)
    return Account(user.id, user.name, user.role, frozenset(Scope), session_id=1)


def visitor_of(account: Account) -> Visitor:
    """Return a user's browser, which keeps its cookie."""
    return replace(CHARLIE, browser=f"{account.id:032}", account=account)
