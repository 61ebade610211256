"""The page on which users say what they are told of, and by which webhooks."""

from collections.abc import Callable, Collection
from typing import Any

from flask import Response, flash, make_response, render_template, url_for

from minifile.accounts.blueprint import bp, signed_in
from minifile.accounts.notifying_forms import (
    AccountChoicesForm,
    AddWebhookForm,
    MailChoicesForm,
    WebhookForm,
)
from minifile.identity import Account
from minifile.services.choices import (
    Habits,
    read_choices,
    read_habits,
    write_choices,
    write_habits,
)
from minifile.services.webhooks import (
    create_webhook,
    delete_webhook,
    disable_webhook,
    enable_webhook,
    list_webhooks,
    send_test,
)
from minifile.web.addresses import see_other
from minifile.web.current import current_settings, utcnow
from minifile.web.forms import answer_form
from minifile.web.ids import read_id
from minifile.web.notifying import Offer, boxes_of, offer_for_account


@bp.get("/account/notifications")
def notifications() -> Response:
    """Show what is chosen, and the webhooks."""
    return make_response(_page(signed_in()))


@bp.post("/account/notifications")
def choose_notifications() -> Response:
    """Choose what one is told of, for all links."""
    account = signed_in()
    habits = read_habits(account.id)
    offer = _offer(account, habits)
    form = _form(habits, offer)

    def act() -> Response:
        write_habits(
            account.id,
            form.hours.data or 0,
            form.digest.data if isinstance(form, MailChoicesForm) else habits.mode,
            form.zone.data if isinstance(form, MailChoicesForm) else habits.zone,
            now=utcnow(),
        )
        wanted = offer.read(form.wanted.data or ())
        write_choices(account.id, wanted, offer.all, now=utcnow())
        return _done("Saved.")

    return answer_form(form, act, lambda: _page(account, form=form))


@bp.post("/account/notifications/webhooks")
def add_webhook() -> Response:
    """Add a webhook, and show its secret, this once."""
    account, form = signed_in(), AddWebhookForm()

    def act() -> Response:
        secret = create_webhook(
            *(account.id, form.url.data or ""),
            allowed=current_settings().webhook_allowed_networks,
            now=utcnow(),
        )
        # In the answer itself: a flash would keep it in the cookie for a while.
        return make_response(_page(account, secret=secret), 201)

    return answer_form(form, act, lambda: _page(account, add_form=form))


@bp.post("/account/notifications/webhooks/test")
def test_webhook() -> Response:
    """Send something to a webhook, to see whether it arrives."""
    said = "A test is on its way. The log says what becomes of it."
    return _to_webhook(lambda user, webhook: send_test(user, webhook, now=utcnow()), said)


@bp.post("/account/notifications/webhooks/disable")
def pause_webhook() -> Response:
    """Send nothing to a webhook for now."""
    said = "Nothing is sent to this webhook any more."
    return _to_webhook(lambda user, webhook: disable_webhook(user, webhook, now=utcnow()), said)


@bp.post("/account/notifications/webhooks/enable")
def resume_webhook() -> Response:
    """Send to a webhook again."""
    return _to_webhook(enable_webhook, "What happens from now on is sent to this webhook.")


@bp.post("/account/notifications/webhooks/delete")
def drop_webhook() -> Response:
    """Delete a webhook, and what was to be sent to it."""
    return _to_webhook(delete_webhook, "The webhook is deleted.")


def _to_webhook(do: Callable[[int, int], None], said: str) -> Response:
    """Do something to the webhook that a form names; another's is not found."""
    account, form = signed_in(), WebhookForm()

    def act() -> Response:
        do(account.id, read_id(form.webhook_id.data))
        return _done(said)

    return answer_form(form, act, lambda: _page(account, webhook_form=form))


def _done(said: str) -> Response:
    flash(said, "good")
    return see_other(url_for("accounts.notifications"))


def _offer(account: Account, habits: Habits) -> Offer:
    return offer_for_account(account, habits, list_webhooks(account.id))


def _form(habits: Habits, offer: Offer, shown: Collection[str] | None = None) -> AccountChoicesForm:
    """Return the form: as it was sent, or with the boxes `shown` as what is chosen now."""
    given: dict[str, Any] = {}
    if shown is not None:
        given = {"formdata": None, "wanted": shown, "hours": habits.hours}
        given |= {"digest": habits.mode, "zone": habits.zone}
    form = MailChoicesForm(**given) if offer.has_mail else AccountChoicesForm(**given)
    form.wanted.choices = offer.choices
    return form


def _page(
    account: Account,
    *,
    form: AccountChoicesForm | None = None,
    add_form: AddWebhookForm | None = None,
    webhook_form: WebhookForm | None = None,
    secret: str | None = None,
) -> str:
    habits = read_habits(account.id)
    offer = _offer(account, habits)
    return render_template(
        "accounts/notifications.html",
        form=form or _form(habits, offer, boxes_of(read_choices(account.id))),
        offer=offer,
        webhooks=list_webhooks(account.id),
        add_form=add_form or AddWebhookForm(formdata=None),
        webhook_form=webhook_form,
        secret=secret,
    )
