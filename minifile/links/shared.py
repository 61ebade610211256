"""Shared with me: the private links that others have shared with who is signed in."""

from flask import render_template

from minifile.identity import Scope
from minifile.services.shared_with import PAGE, list_shared_links
from minifile.web.current import require_account, utcnow


def shared_page(page: int) -> str:
    """Return a page of the list. Raises SignInNeeded."""
    account = require_account(Scope.READ)
    links = list_shared_links(account.id, page=page, now=utcnow())
    return render_template(
        "links/shared.html", links=links[:PAGE], page=page, has_more=len(links) > PAGE
    )
