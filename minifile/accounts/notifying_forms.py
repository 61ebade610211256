"""The forms with which users say what they are told of, and where."""

from typing import Any

from wtforms import HiddenField, IntegerField, SelectField, StringField
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange

from minifile.services.choices import zones_to_choose
from minifile.web.forms import StrictForm, strip
from minifile.web.notifying import ChoicesForm

_MAX_URL = 2000
# A month: no link of the defaults lives longer.
_MAX_HOURS = 720


class AccountChoicesForm(ChoicesForm):
    """The same for all links of an account, with what there is once for each account."""

    hours = IntegerField(
        "Hours before a link expires",
        validators=[
            InputRequired("Give a number of hours."),
            NumberRange(1, _MAX_HOURS, f"Give a number from 1 to {_MAX_HOURS}."),
        ],
        render_kw={"inputmode": "numeric", "min": "1", "max": str(_MAX_HOURS)},
    )


class MailChoicesForm(AccountChoicesForm):
    """The same where mail is sent."""

    digest = SelectField("Mails", default="off")
    zone = SelectField("Time zone", default="UTC")

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.digest.choices = [("off", "one for each"), ("daily", "one a day")]
        self.zone.choices = [(zone, zone.replace("_", " ")) for zone in zones_to_choose()]


class AddWebhookForm(StrictForm):
    """Adds a webhook."""

    url = StringField(
        "Address",
        filters=[strip],
        validators=[DataRequired("Give the address of the webhook."), Length(max=_MAX_URL)],
        render_kw={
            "type": "url",
            "placeholder": "https://example.org/hook",
            "autocomplete": "off",
            "spellcheck": "false",
        },
    )


class WebhookForm(StrictForm):
    """Does to one webhook what its button says."""

    webhook_id = HiddenField(validators=[DataRequired("Say which webhook is meant.")])


class RedeliverForm(StrictForm):
    """Sends a notification once more."""

    dispatch_id = HiddenField(validators=[DataRequired("Say which notification is meant.")])
