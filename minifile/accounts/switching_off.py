"""Switching mails off by the address in them: no sign-in, and nothing is done by GET."""

from flask import Response, make_response, render_template

from minifile.accounts.blueprint import bp
from minifile.errors import NotFound
from minifile.extensions import exempt_from_csrf
from minifile.notification_values import NotificationKind
from minifile.services.choices import is_chosen, link_words, read_habits, switch_mails_off
from minifile.web.notification_words import KIND_WORDS
from minifile.web.switching_off import Off, read_off


@bp.get("/notifications/off/<token>")
def ask_off(token: str) -> Response:
    """Say what would be switched off, and ask."""
    off = _found(token)
    is_on = is_chosen(off.user_id, off.kind, off.link_id)
    return _page(off, "ask" if is_on else "off")


@bp.post("/notifications/off/<token>")
@exempt_from_csrf  # The token in the address is the proof; a mail program sends nothing else.
def switch_off(token: str) -> Response:
    """Switch off what the token names; what is off already stays so."""
    off = _found(token)
    switch_mails_off(off.user_id, off.kind, off.link_id)
    return _page(off, "done")


def _found(token: str) -> Off:
    """Return what a token is for. Raises NotFound, also when the account is gone."""
    off = read_off(token)
    read_habits(off.user_id)
    if off.kind != NotificationKind.DIGEST and off.kind not in KIND_WORDS:
        raise NotFound
    return off


def _page(off: Off, state: str) -> Response:
    return make_response(
        render_template("accounts/switch_off.html", state=state, words=_words(off))
    )


def _words(off: Off) -> str:
    if off.kind == NotificationKind.DIGEST:
        return "All mails about your links and file requests, and so the one mail a day."
    words = f"Mails about {KIND_WORDS[off.kind]}"
    if off.link_id is None:
        return f"{words}, for your whole account."
    return f"{words}, for one link: {link_words(off.link_id) or 'one that is gone by now'}."
