"""Shared with me: the private links that others have shared with who is signed in."""

from flask import render_template

from minifile.identity import Scope
from minifile.services.shared_with import PAGE, list_shared_links
from minifile.web.current import require_account, utcnow
from minifile.web.paging import asked_page, cut


def shared_page() -> str:
    """Return the page of the list that is asked for. Raises SignInNeeded."""
    account, page = require_account(Scope.READ), asked_page()
    links, has_more = cut(list_shared_links(account.id, page=page, now=utcnow()), PAGE)
    return render_template("links/shared.html", links=links, page=page, has_more=has_more)
