"""Shared with me: the private links that others have shared with who is signed in."""

from flask import render_template, request

from minifile.links.pages import read_page_number
from minifile.services.shared_with import PAGE, list_shared_links
from minifile.values import Scope
from minifile.web.current import require_account, utcnow


def shared_page() -> str:
    """Return a page of the list. Raises SignInNeeded."""
    account = require_account(Scope.READ)
    page = read_page_number(request.args.get("page", "1"))
    links = list_shared_links(account.id, page=page, now=utcnow())
    return render_template(
        "links/shared.html", links=links[:PAGE], page=page, has_more=len(links) > PAGE
    )
