"""What stands in the head of each page: who is signed in, and where they may go."""

from flask import Flask, g

from minifile.errors import MinifileError
from minifile.extensions import DATABASE_UNAVAILABLE
from minifile.identity import Account
from minifile.services.users import has_users
from minifile.web.browsers import browser_in_words
from minifile.web.current import current_account, current_settings

_ADMIN_PAGES = "/admin/"


def register(app: Flask) -> None:
    """Let the templates of `app` ask who is signed in, and whether there are admin pages."""
    app.jinja_env.globals.update(signed_in_as=signed_in_as, can_sign_in=can_sign_in)
    app.jinja_env.filters.update(browser=browser_in_words)

    @app.context_processor
    def name_admin_pages() -> dict[str, str | None]:
        exist = any(rule.rule == _ADMIN_PAGES for rule in app.url_map.iter_rules())
        return {"admin_pages": _ADMIN_PAGES if exist else None}


def can_sign_in() -> bool:
    """Say whether somebody has an account here, or could make one."""
    if "can_sign_in" not in g:
        try:
            g.can_sign_in = current_settings().registration == "open" or has_users()
        except (MinifileError, *DATABASE_UNAVAILABLE):
            g.can_sign_in = False
    return bool(g.can_sign_in)


def signed_in_as() -> Account | None:
    """Return who is signed in by a session; None also where that can't be found out.

    An error page says what is wrong, and must not fail over it again.
    """
    try:
        account = current_account()
    except (MinifileError, *DATABASE_UNAVAILABLE):
        return None
    return account if account is not None and account.session_id is not None else None
