"""The one blueprint of the account pages, and who may open them."""

from flask import Blueprint

from minifile.errors import Forbidden
from minifile.identity import Account, Scope
from minifile.services.own_account import check_own_password
from minifile.web.current import current_rates, require_account, visitor_network

bp = Blueprint("accounts", __name__)


def signed_in() -> Account:
    """Return who is signed in by a session. Raises SignInNeeded.

    An API token is no way to an account: whoever has found one must not make a lasting one of
    it, nor shut its user out. Raises Forbidden for one.
    """
    account = require_account(Scope.MANAGE)
    if account.session_id is None:
        raise Forbidden("An account is changed by who is signed in, not by an API token.")
    return account


def check_proof(account: Account, password: str | None) -> None:
    """Raise WrongOwnPassword, or TooManyTries, unless the user gives their password."""
    check_own_password(account.id, password or "", address=visitor_network(), rates=current_rates())
