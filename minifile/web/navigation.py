"""What stands in the head of each page: who is signed in, and where they may go."""

from flask import Flask

from minifile.errors import MinifileError
from minifile.extensions import DATABASE_UNAVAILABLE
from minifile.identity import Account
from minifile.web.browsers import browser_in_words
from minifile.web.current import current_account

_ADMIN_PAGES = "/admin/"


def register(app: Flask) -> None:
    """Let the templates of `app` ask who is signed in, and whether there are admin pages."""
    app.jinja_env.globals.update(signed_in_as=signed_in_as)
    app.jinja_env.filters.update(browser=browser_in_words)

    @app.context_processor
    def name_admin_pages() -> dict[str, str | None]:
        exist = any(rule.rule == _ADMIN_PAGES for rule in app.url_map.iter_rules())
        return {"admin_pages": _ADMIN_PAGES if exist else None}


def signed_in_as() -> Account | None:
    """Return who is signed in by a session; None also where that can't be found out.

    An error page says what is wrong, and must not fail over it again.
    """
    try:
        account = current_account()
    except (MinifileError, *DATABASE_UNAVAILABLE):
        return None
    return account if account is not None and account.session_id is not None else None
