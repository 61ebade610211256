"""The forms of file requests: the owner's, and the one that asks a stranger for the password."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from flask import request
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    PasswordField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import DataRequired, Length

from minifile.errors import BadOption
from minifile.services.file_requests import RequestFields
from minifile.services.request_rows import RequestRecord
from minifile.services.uploads import parse_lifetime
from minifile.units import duration_in_words, parse_size, split, write_duration
from minifile.web.forms import strip, with_plain_newlines

_OPEN_FOR = tuple(timedelta(days=days) for days in (1, 7, 30, 90))
DEFAULT_OPEN = timedelta(days=7)
_CHOICES = [(write_duration(length), duration_in_words(length)) for length in _OPEN_FOR]


def refuse_unknown(*known: str) -> None:
    """Raise BadOption for a form field that the form does not have."""
    for name in request.form:
        if name not in (*known, "csrf_token"):
            raise BadOption(f"The form has a field that nobody knows here: {name[:60]}.")


class RequestForm(FlaskForm):
    """What the owner asks for."""

    title = StringField(
        "Title",
        filters=[strip],
        validators=[
            DataRequired("Say what you ask for."),
            Length(max=200, message="A title has at most 200 characters."),
        ],
        render_kw={"placeholder": "Photos of the summer party", "autocomplete": "off"},
    )
    text = TextAreaField(
        "What the senders should know",
        filters=[with_plain_newlines],
        validators=[Length(max=4000, message="The text has at most 4,000 characters.")],
        render_kw={"rows": 4},
    )
    allowed_types = StringField(
        "Types of files",
        filters=[strip],
        render_kw={"placeholder": "any type", "autocomplete": "off", "spellcheck": "false"},
    )
    max_files = StringField(
        "Files in all",
        filters=[strip],
        render_kw={"inputmode": "numeric", "placeholder": "no limit", "autocomplete": "off"},
    )
    max_file_size = StringField(
        "Size of a file",
        filters=[strip],
        render_kw={"placeholder": "no limit of its own", "autocomplete": "off"},
    )
    max_size = StringField(
        "Size in all",
        filters=[strip],
        render_kw={"placeholder": "no limit of its own", "autocomplete": "off"},
    )
    expires_in = SelectField("Open for", default=write_duration(DEFAULT_OPEN))
    custom_expires_in = StringField(
        "Or open for",
        filters=[strip],
        render_kw={"placeholder": "36h or 10d", "autocomplete": "off"},
    )
    password = PasswordField(
        "Password", render_kw={"autocomplete": "new-password", "placeholder": "none"}
    )
    asks_who = BooleanField("Ask senders for their name and a message")

    def __init__(self, **defaults: Any) -> None:
        super().__init__(**defaults)  # type: ignore[no-untyped-call]
        self.expires_in.choices = self.choices()

    @staticmethod
    def choices() -> list[tuple[str, str]]:
        """Return how long a file request may be open, as (value, words)."""
        return _CHOICES

    def sent(self) -> RequestFields:
        """Return what was asked for, after validation. Raises BadOption."""
        lifetime = self.custom_expires_in.data or self.expires_in.data
        return RequestFields(
            title=self.title.data or "",
            text=self.text.data or None,
            allowed_types=_types(self.allowed_types.data),
            max_files=_count(self.max_files.data),
            max_file_size=_size(self.max_file_size.data),
            max_size=_size(self.max_size.data),
            lifetime=parse_lifetime(lifetime) if lifetime else None,
            password=self.password.data or None,
            remove_password=bool("remove_password" in self and self["remove_password"].data),
            asks_who=bool(self.asks_who.data),
        )


class EditRequestForm(RequestForm):
    """Changes a file request: an empty choice and an empty password leave things as they are."""

    expires_in = SelectField("Open for", default="")
    password = PasswordField(
        "New password",
        render_kw={"autocomplete": "new-password", "placeholder": "as it is now"},
    )
    remove_password = BooleanField("Remove the password")

    @staticmethod
    def choices() -> list[tuple[str, str]]:
        """Return the same, with none, which leaves it as it is."""
        return [("", "as it is now"), *_CHOICES]


def form_of(found: RequestRecord) -> EditRequestForm:
    """Return the form filled with what is now."""
    return EditRequestForm(
        data={
            "title": found.title,
            "text": found.text,
            "allowed_types": ", ".join(found.allowed_types),
            "max_files": _written(found.max_files),
            "max_file_size": _written_size(found.max_file_size),
            "max_size": _written_size(found.max_size),
            "asks_who": found.asks_who,
            "expires_in": "",
        }
    )


class SendForm(FlaskForm):
    """A form of nothing but a button."""


def _types(text: str | None) -> Sequence[str]:
    found = split(text or "")
    assert isinstance(found, tuple)
    return tuple(dict.fromkeys(name.lower() for name in found))


def _count(text: str | None) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 13):
        raise BadOption("The number of files must be a whole number from 1 on.")
    return int(text)


def _size(text: str | None) -> int | None:
    if not text:
        return None
    try:
        size: Any = parse_size(text) if len(text) < 30 else None
    except (ValueError, OverflowError):
        size = None
    if size is None:
        raise BadOption("A size must be written like 500 MiB or 2 GiB.")
    return int(size)


def _written(number: int | None) -> str:
    return "" if number is None else str(number)


def _written_size(size_bytes: int | None) -> str:
    """Return a size as the form reads it, exactly."""
    if size_bytes is None:
        return ""
    for unit, power in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size_bytes % power == 0:
            return f"{size_bytes // power} {unit}"
    return f"{size_bytes} B"
