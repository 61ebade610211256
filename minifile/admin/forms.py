"""The forms of the admin pages."""

from typing import Any

from wtforms import BooleanField, HiddenField, SelectField, StringField
from wtforms.validators import DataRequired, Length

from minifile.identity import UserRole
from minifile.web.forms import StrictForm

# Longer ones are judged by the services; these bounds only keep nonsense from their doors.
_MAX_TEXT = 600
_ROLES = [(UserRole.USER.value, "User"), (UserRole.ADMIN.value, "Admin")]
_FATES = [
    ("delete", "are deleted at once"),
    ("keep", "stay until they expire, without an owner"),
    ("give", "are given to another user"),
]
_OFF = {"autocomplete": "off"}
_PLAIN = {**_OFF, "spellcheck": "false", "autocapitalize": "none"}


def _text(label: str, *validators: object, **render: object) -> StringField:
    return StringField(
        label, validators=[*validators, Length(max=_MAX_TEXT)], render_kw={**_OFF, **render}
    )


class ActForm(StrictForm):
    """A button that does one thing."""


class TakedownForm(StrictForm):
    """Ends a link for good."""

    reason = _text("Reason", DataRequired("Say why, in a few words."))
    deletes_bytes = BooleanField("Delete the bytes now")
    blocks_digests = BooleanField("Refuse these files from now on")
    takes_holders = BooleanField("Take down all other links that hold one of these files")


class BlockForm(StrictForm):
    """Refuses a file from now on."""

    sha256 = _text("SHA-256", DataRequired("Give the SHA-256 of the file."), **_PLAIN)
    reason = _text("Reason", DataRequired("Say why, in a few words."))
    takes_holders = BooleanField("Take down the links that hold it")


class UnblockForm(StrictForm):
    """Accepts a file again."""

    sha256 = HiddenField(validators=[DataRequired(), Length(max=_MAX_TEXT)])


class DismissForm(StrictForm):
    """Handles the reports of a link without doing anything to it."""

    link_id = HiddenField(validators=[DataRequired(), Length(max=20)])


class InviteForm(StrictForm):
    """Invites somebody."""

    email = _text("E-mail address", type="email")
    role = SelectField("Role")

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.role.choices = list(_ROLES)


class RoleForm(StrictForm):
    """Makes a user an admin, or an admin a user."""

    role = SelectField("Role")

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.role.choices = list(_ROLES)


class LimitsForm(StrictForm):
    """What one user may have. Empty: what their role has. `none`: no limit."""

    quota = _text("Bytes of all live links", **_PLAIN)
    max_file_size = _text("Largest file", **_PLAIN)
    max_links = _text("Live links", **_PLAIN)
    max_lifetime = _text("Longest lifetime", **_PLAIN)
    daily_upload = _text("Bytes uploaded in a day", **_PLAIN)


class DeleteUserForm(StrictForm):
    """Deletes a user."""

    fate = SelectField("Their links")
    heir = _text("Name of the user who gets them", **_PLAIN)
    name = _text("Type their name to confirm", DataRequired("Type the name of the user."), **_PLAIN)

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.fate.choices = list(_FATES)


class SessionForm(StrictForm):
    """Ends a session, or with `all` those of its user."""

    user_id = HiddenField(validators=[DataRequired(), Length(max=20)])
    session_id = HiddenField(validators=[DataRequired(), Length(max=20)])
