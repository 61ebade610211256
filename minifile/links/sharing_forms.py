"""The forms with which the sender says who may open a link."""

from typing import Any

from flask import request
from wtforms import BooleanField, HiddenField, StringField, TextAreaField
from wtforms.validators import AnyOf, DataRequired, Length

from minifile.links.forms import PageForm
from minifile.web.forms import strip, with_plain_newlines


class _SharingForm(PageForm):
    """One that takes its own fields and no others."""

    def validate(self, extra_validators: Any = None) -> bool:
        if not super().validate(extra_validators):
            return False
        unknown = set(request.form) - {field.name for field in self} - {"csrf_token"}
        if unknown:
            self.form_errors.append("The form holds a field that is unknown here.")
        return not unknown


class PrivacyForm(_SharingForm):
    """Makes a link private or public."""

    ACTION = "privacy"

    private = HiddenField(validators=[AnyOf(["0", "1"], message="Say 1 for private, or 0.")])


class GrantForm(_SharingForm):
    """Lets users of the instance open a private link."""

    ACTION = "grant"

    names = StringField(
        "Share with users",
        filters=[strip],
        validators=[
            DataRequired("Name at least one user."),
            Length(max=10_000, message="Name fewer users at once."),
        ],
        render_kw={"autocomplete": "off", "spellcheck": "false", "placeholder": "bob, dana"},
    )


class RevokeGrantForm(_SharingForm):
    """Lets a user open the link no more."""

    ACTION = "revoke-grant"

    user_id = HiddenField(validators=[DataRequired("Say which user is meant.")])


class RecipientForm(_SharingForm):
    """Makes a link of their own for each recipient."""

    ACTION = "recipient"

    addresses = TextAreaField(
        "Mail addresses",
        filters=[with_plain_newlines],
        validators=[
            DataRequired("Give at least one mail address."),
            Length(max=32_000, message="Give fewer addresses at once."),
        ],
        render_kw={"rows": 2, "autocomplete": "off", "spellcheck": "false"},
    )
    by_mail = BooleanField("Send each their link by mail")


class MailRecipientForm(_SharingForm):
    """Sends a recipient their link."""

    ACTION = "mail-recipient"

    recipient_id = HiddenField(validators=[DataRequired("Say which recipient is meant.")])


class RevokeRecipientForm(_SharingForm):
    """Closes the link of one recipient."""

    ACTION = "revoke-recipient"

    recipient_id = HiddenField(validators=[DataRequired("Say which recipient is meant.")])
