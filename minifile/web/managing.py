"""Who looks after a link: by cookie, API token or owner token."""

from dataclasses import replace

from minifile.values import Visitor
from minifile.web.current import current_visitor


def with_token_alone(owner_token: str) -> Visitor:
    """Return who is asking without the cookie.

    The token must prove it: a forged request could bring any token, and the cookie, which stands
    for a browser and for who is signed in there.
    """
    visitor = current_visitor(owner_token=owner_token)
    account = visitor.account
    by_cookie = account is not None and account.token_id is None
    return replace(visitor, browser=None, account=None if by_cookie else account)
