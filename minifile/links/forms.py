"""The forms on the sender's page."""

from typing import Any, ClassVar

from flask import request
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    HiddenField,
    PasswordField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import DataRequired, Length, Optional, Regexp

from minifile.web.forms import strip, with_plain_newlines
from minifile.web.ids import read_id


class PageForm(FlaskForm):
    """One of several forms that post to one page.

    It reads the request only if it is the one that was sent, which `action` says, so a route
    can make all of them and ask each for `validate_on_submit()`.
    """

    ACTION: ClassVar[str]

    action = HiddenField()

    def __init__(self, **defaults: Any) -> None:
        sent = request.form if self.is_submitted() else None
        super().__init__(formdata=sent, **defaults)  # type: ignore[no-untyped-call]

    def is_submitted(self) -> bool:
        # Only there is the body a form of the page; elsewhere it may be files on their way.
        return request.endpoint == "links.change" and request.form.get("action") == self.ACTION

    def validate_on_submit(self, extra_validators: Any = None) -> bool:
        return self.is_submitted() and self.validate(extra_validators)


class EditLinkForm(PageForm):
    """Changes what the sender chose. Make it with `obj=link`, so that it shows what is now.

    An empty choice of lifetime and an empty password leave things as they are; an empty limit
    or note removes it.
    """

    ACTION = "edit"

    # The route sets the choices; the lifetimes are those of the instance.
    expires_in = SelectField("Keep for", default="")
    custom_expires_in = StringField(
        "Or keep for", filters=[strip], render_kw={"placeholder": "36h or 10d"}
    )
    max_downloads = StringField(
        "Downloads allowed",
        filters=[strip],
        validators=[
            Optional(),
            Regexp(r"^[1-9][0-9]{0,8}\Z", message="Give a whole number from 1 on, or nothing."),
        ],
        render_kw={"inputmode": "numeric", "placeholder": "no limit", "autocomplete": "off"},
    )
    password = PasswordField(
        "New link password",
        render_kw={"autocomplete": "new-password", "placeholder": "as it is now"},
    )
    remove_password = BooleanField("Remove the link password")
    note = TextAreaField(
        "Note to the recipient",
        filters=[with_plain_newlines],
        validators=[Length(max=500, message="A note has at most 500 characters.")],
        render_kw={"rows": 3},
    )

    @property
    def chosen_max_downloads(self) -> int | None:
        """The limit after validation; None means no limit."""
        return int(self.max_downloads.data) if self.max_downloads.data else None


class _FileForm(PageForm):
    """A form that stands at each file."""

    file_id = HiddenField(validators=[DataRequired("Say which file is meant.")])

    @property
    def chosen_file(self) -> int:
        """The id of the file that was meant; 0, which no file has, where none can be."""
        return read_id(self.file_id.data)


class RenameFileForm(_FileForm):
    """Gives one file of the link another name."""

    ACTION = "rename"

    filename = StringField(
        "New name",
        filters=[strip],
        validators=[
            DataRequired("A file needs a name."),
            Length(max=1024, message="A name has at most 1,024 characters."),
        ],
        render_kw={"autocomplete": "off", "spellcheck": "false", "required": True},
    )


class RemoveFileForm(_FileForm):
    """Takes one file out of the link."""

    ACTION = "remove"


class RevokeForm(PageForm):
    """Ends the link."""

    ACTION = "revoke"


class UndoForm(PageForm):
    """Opens a revoked link again."""

    ACTION = "undo"
