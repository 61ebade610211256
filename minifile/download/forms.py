"""The form on the password page."""

from flask_wtf import FlaskForm
from wtforms import PasswordField
from wtforms.validators import DataRequired


class UnlockForm(FlaskForm):
    """Asks for the link password."""

    password = PasswordField(
        "Link password",
        validators=[DataRequired("Type the password first.")],
        render_kw={"autocomplete": "current-password", "autofocus": True},
    )
