"""Forms that take what they ask for and nothing else, and how a page answers one; filters."""

from collections.abc import Callable
from itertools import chain
from typing import Any

from flask import Response, make_response, request
from flask_wtf import FlaskForm
from wtforms import SelectMultipleField

from minifile.errors import (
    BadOption,
    Conflict,
    MinifileError,
    SignInRefused,
    TooManyTries,
)
from minifile.web.error_pages import say_when_to_retry, status_of
from minifile.web.negotiate import answer_format

# What a form is shown again for, with the reason; anything else has a page of its own.
_SHOWN = (BadOption, Conflict, SignInRefused, TooManyTries)


def strip(value: object) -> object:
    """Return a field's text without spaces around it, for its filters."""
    # Filters also see what the form is made with, such as a limit that is an int.
    return value.strip() if isinstance(value, str) else value


def with_plain_newlines(value: object) -> object:
    """Return a field's text with one character for a line break, and stripped."""
    # A textarea counts a line break as one character and sends two.
    return value.replace("\r\n", "\n").strip() if isinstance(value, str) else value


class StrictForm(FlaskForm):
    """A form that refuses fields it does not have, and those sent twice.

    So nobody sets by a made-up field what the page does not offer.
    """

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)  # type: ignore[no-untyped-call]

    def validate(self, extra_validators: Any = None) -> bool:
        surplus = [name for name in request.form if not self._fits(name)]
        if surplus:
            self.form_errors.append(
                "The form holds fields that it does not have. Nothing was done."
            )
        return bool(super().validate(extra_validators)) and not surplus

    def _fits(self, name: str) -> bool:
        field = self._fields.get(name)
        several = isinstance(field, SelectMultipleField)
        return field is not None and (several or len(request.form.getlist(name)) == 1)


def answer_form(
    form: FlaskForm, act: Callable[[], Response], page: Callable[[], str | Response]
) -> Response:
    """Do what a form asks for; where it can't be done, show its page again with the reason.

    A client that asks for no page is told by the error itself.
    """
    if form.validate_on_submit():
        try:
            return act()
        except _SHOWN as error:
            form.form_errors.append(str(error))
            return _again(page, error)
    return _again(page, BadOption(_reasons(form)))


def _again(page: Callable[[], str | Response], error: MinifileError) -> Response:
    if answer_format() != "html":
        raise error
    response = make_response(page())
    response.status_code = status_of(error)[0]
    say_when_to_retry(response, error)
    return response


def _reasons(form: FlaskForm) -> str:
    return " ".join(dict.fromkeys(map(str, chain(form.form_errors, *form.errors.values()))))
