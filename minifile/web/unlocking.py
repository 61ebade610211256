"""The password of a link or of a file request: the form that asks for it, and what is answered."""

from collections.abc import Callable

from flask import Response
from flask_wtf import FlaskForm
from wtforms import PasswordField
from wtforms.validators import DataRequired

from minifile.errors import LinkLocked, TooManyTries
from minifile.web.addresses import see_other
from minifile.web.error_pages import answer_refusal, say_when_to_retry
from minifile.web.negotiate import names_in_accept

# Shows the form again with a status, and what was wrong.
Page = Callable[[int, str | None], Response]


class UnlockForm(FlaskForm):
    """Asks for a password."""

    password = PasswordField(
        "Password",
        validators=[DataRequired("Type the password first.")],
        render_kw={"autocomplete": "current-password", "autofocus": True},
    )


def answer_unlock(
    unlock: Callable[[str], None], tries_left: Callable[[], int | None], page: Page, leads_to: str
) -> Response:
    """Try the password that the form brings; lead on where it opens, else show the page again."""
    form = UnlockForm()
    if not form.validate_on_submit():
        return page(422, "Type the password first.")
    try:
        unlock(form.password.data or "")
    except LinkLocked as error:
        return page(401, f"{error}{_tries(tries_left())}")
    except TooManyTries as error:
        response = page(429, str(error))
        say_when_to_retry(response, error)
        return response
    return see_other(leads_to)


def ask_by_basic(error: LinkLocked, realm: str) -> Response:
    """Ask a client without pages for the password, by HTTP Basic."""
    response = answer_refusal(error)
    if not names_in_accept("text/html"):
        response.headers["WWW-Authenticate"] = f'Basic realm="{realm}", charset="UTF-8"'
    return response


def _tries(left: int | None) -> str:
    if left is None:
        return ""
    return f" {left} {'try' if left == 1 else 'tries'} left."
