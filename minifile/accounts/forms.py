"""The forms of the account pages."""

from wtforms import (
    BooleanField,
    HiddenField,
    PasswordField,
    SelectField,
    SelectMultipleField,
    StringField,
)
from wtforms.validators import DataRequired, EqualTo, Length, Optional, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from minifile.web.forms import StrictForm

# Longer ones are judged by the services; these bounds only keep nonsense from their doors.
_MAX_NAME, _MAX_EMAIL, _MAX_PASSWORD, _MAX_PATH = 200, 300, 1000, 2000


def _name(label: str, autocomplete: str) -> StringField:
    return StringField(
        label,
        validators=[DataRequired("Type a name."), Length(max=_MAX_NAME)],
        render_kw={"autocomplete": autocomplete, "spellcheck": "false", "autocapitalize": "none"},
    )


def _email(*validators: object) -> StringField:
    return StringField(
        "E-mail address",
        validators=[*validators, Length(max=_MAX_EMAIL)],
        render_kw={"type": "email", "autocomplete": "email"},
    )


def _old_password(label: str) -> PasswordField:
    return PasswordField(
        label,
        validators=[DataRequired("Type your password."), Length(max=_MAX_PASSWORD)],
        render_kw={"autocomplete": "current-password"},
    )


def _new_password() -> PasswordField:
    return PasswordField(
        "New password",
        validators=[DataRequired("Choose a password."), Length(max=_MAX_PASSWORD)],
        render_kw={"autocomplete": "new-password"},
    )


def _again(name: str) -> PasswordField:
    return PasswordField(
        "The same once more",
        validators=[EqualTo(name, message="The two passwords differ.")],
        render_kw={"autocomplete": "new-password"},
    )


def _check_chosen(_form: object, field: SelectMultipleField) -> None:
    """Ask for one of several boxes; a required box would have to be ticked itself."""
    if not field.data:
        raise ValidationError("Choose at least one scope for the token.")


class SignInForm(StrictForm):
    """Asks who it is."""

    name = _name("Name or e-mail address", "username")
    password = _old_password("Password")
    # A path of ours to go on to; anything else is left alone.
    next = HiddenField(validators=[Length(max=_MAX_PATH)])


class SignOutForm(StrictForm):
    """A button."""


class InvitedForm(StrictForm):
    """Makes an account whose address the invitation names, or that has none."""

    name = _name("Name", "username")
    password = _new_password()
    again = _again("password")


class RegisterForm(InvitedForm):
    """Makes an account; the address may be left out."""

    email = _email(Optional())


class AddressForm(StrictForm):
    """Asks for an address to send an invitation to."""

    email = _email(DataRequired("Type your e-mail address."))


class AskResetForm(StrictForm):
    """Asks whose password is forgotten."""

    name = _name("Name or e-mail address", "username")


class ResetForm(StrictForm):
    """Takes the new password of who has forgotten the old one."""

    password = _new_password()
    again = _again("password")
    revoke_tokens = BooleanField("Revoke my API tokens, too", default=True)


class NameForm(StrictForm):
    """Changes the name."""

    name = _name("Name", "username")


class EmailForm(StrictForm):
    """Changes the address, or removes it. The password keeps a borrowed browser from doing so."""

    email = _email(Optional())
    password = PasswordField(
        "Your password",
        validators=[Length(max=_MAX_PASSWORD)],
        # The page has another form, whose fields have ids too.
        id="email-password",
        render_kw={"autocomplete": "current-password"},
    )


class ConfirmEmailForm(StrictForm):
    """A button."""


class PasswordForm(StrictForm):
    """Changes the password."""

    old = _old_password("Old password")
    password = _new_password()
    again = _again("password")
    revoke_tokens = BooleanField("Revoke my API tokens, too")


class EndSessionForm(StrictForm):
    """Ends one session."""

    session_id = HiddenField(validators=[DataRequired("Say which session is meant.")])


class EndOthersForm(StrictForm):
    """Ends all sessions but this one."""


class TokenForm(StrictForm):
    """Makes an API token. The route sets the choices."""

    name = _name("Name", "off")
    scopes = SelectMultipleField(
        "What it may do",
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
        validators=[_check_chosen],
    )
    expires_in = SelectField("Valid for", default="30d")


class RevokeTokenForm(StrictForm):
    """Revokes one API token."""

    token_id = HiddenField(validators=[DataRequired("Say which token is meant.")])


class DeleteAccountForm(StrictForm):
    """Asks once more before an account is deleted."""

    proof = PasswordField(
        "Your password",
        validators=[DataRequired("Type your password."), Length(max=_MAX_PASSWORD)],
        render_kw={"autocomplete": "current-password"},
    )
