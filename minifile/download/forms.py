"""The forms of a recipient."""

from wtforms import RadioField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length

from minifile.web.forms import StrictForm


class ReportForm(StrictForm):
    """Asks what is wrong with a link. The route sets the choices."""

    reason = RadioField("What is wrong?", validators=[DataRequired("Choose one of the reasons.")])
    message = TextAreaField(
        "What the admin should know",
        # The service judges the length; a line break is sent as two characters.
        validators=[Length(max=5000, message="A message has at most 2,000 characters.")],
        render_kw={"rows": 4},
    )
    contact = StringField(
        "How to reach you",
        validators=[Length(max=254, message="A contact has at most 254 characters.")],
        render_kw={"autocomplete": "email"},
    )
