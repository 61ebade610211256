"""What the owner of a link is told of: a part of the sender's page, and a page of its own."""

from dataclasses import dataclass

from flask import Response, flash, make_response, render_template, url_for

from minifile.errors import LinkNotFound
from minifile.services.choices import read_choices, read_habits, write_choices
from minifile.services.webhooks import list_webhooks
from minifile.values import LinkRecord
from minifile.web.addresses import see_other
from minifile.web.current import current_account, utcnow
from minifile.web.forms import answer_form
from minifile.web.notifying import ChoicesForm, Offer, boxes_of, offer_for_link


@dataclass(frozen=True, slots=True)
class Notifying:
    """What the form offers and shows."""

    offer: Offer
    form: ChoicesForm
    always: list[str]
    """The boxes of what is chosen for all links."""


def notifying_of(link: LinkRecord) -> Notifying | None:
    """Return what the sender's page shows; None where there is nobody to be told, or no way."""
    user_id = _owner(link)
    if user_id is None:
        return None
    found = _notifying(link, user_id, is_sent=False)
    return found if found.offer.targets else None


def render_choices(link: LinkRecord) -> Response:
    """Show what is chosen for the link. Raises LinkNotFound for all but its owner."""
    return make_response(_page(link, _notifying(link, _check(link), is_sent=False)))


def choose(link: LinkRecord) -> Response:
    """Keep what is chosen for the link. Raises LinkNotFound for all but its owner."""
    user_id = _check(link)
    sent = _notifying(link, user_id, is_sent=True)

    def act() -> Response:
        wanted = sent.offer.read(sent.form.wanted.data or ())
        write_choices(user_id, wanted, sent.offer.all, link_id=link.id, now=utcnow())
        flash("Saved.", "good")
        return see_other(url_for("links.show", code=link.code))

    return answer_form(sent.form, act, lambda: _page(link, sent))


def _check(link: LinkRecord) -> int:
    user_id = _owner(link)
    if user_id is None:
        raise LinkNotFound
    return user_id


def _owner(link: LinkRecord) -> int | None:
    """Return the owner if their own session asks: nobody else is told of anything."""
    account = current_account()
    if account is None or account.session_id is None or account.id != link.owner_id:
        return None
    return account.id


def _notifying(link: LinkRecord, user_id: int, *, is_sent: bool) -> Notifying:
    offer = offer_for_link(read_habits(user_id), list_webhooks(user_id))
    chosen = boxes_of(read_choices(user_id, link.id))
    form = ChoicesForm() if is_sent else ChoicesForm(formdata=None, wanted=chosen)
    form.wanted.choices = offer.choices
    return Notifying(offer, form, boxes_of(read_choices(user_id)))


def _page(link: LinkRecord, notifying: Notifying) -> str:
    return render_template("links/notifications.html", link=link, notifying=notifying)
