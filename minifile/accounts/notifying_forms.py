"""The forms with which users say what they are told of, and where."""

from wtforms import HiddenField, IntegerField, SelectField, SelectMultipleField, StringField
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange

from minifile.policy.daily_mails import DEFAULT_ZONE, list_zones
from minifile.web.forms import StrictForm, strip

_MAX_URL = 2000
# A month: no link of the defaults lives longer.
_MAX_HOURS = 720


class ChoicesForm(StrictForm):
    """What somebody is told of: a value for each kind and each way. The route sets the choices."""

    wanted = SelectMultipleField("Tell me of", choices=[])


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

    digest = SelectField(
        "Mails", choices=[("off", "one for each"), ("daily", "one a day")], default="off"
    )
    zone = SelectField(
        "Time zone",
        choices=[(zone, zone.replace("_", " ")) for zone in list_zones()],
        default=DEFAULT_ZONE,
    )


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
