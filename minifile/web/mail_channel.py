"""Mail as a way of telling: one notification becomes one mail, offered to the server once."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from minifile.notification_values import NotificationKind, SendAnswer, SendOutcome
from minifile.services.dispatching import Claimed
from minifile.services.mail import PATIENCE, Mail, Mailer, domain_of, offer_mail
from minifile.services.told import ToldRecord, codes_of, read_told
from minifile.web.current import current_settings
from minifile.web.letters import mailer_of
from minifile.web.notification_mails import write_digest, write_mail
from minifile.web.notification_words import Told
from minifile.web.switching_off import Off


def send_by_mail(claimed: Claimed, *, now: datetime, patience: timedelta = PATIENCE) -> SendAnswer:
    """Write the mail about a notification and offer it to the server, within the app's context.

    Without an address, or an account, the mail is refused; without MAIL_URL it waits.
    """
    mailer, told = mailer_of(current_settings()), read_told(claimed.notification_id)
    if mailer is None:
        return SendAnswer(SendOutcome.LATER, "MAIL_URL is not set")
    if told is None or told.email is None:
        return SendAnswer(SendOutcome.REFUSED, "no address")
    mail = _mail(told, told.email, _message_id(mailer, claimed.name))
    return offer_mail(replace(mailer, patience=patience), mail, now=now)


def _mail(told: ToldRecord, to: str, message_id: str) -> Mail:
    if told.kind == NotificationKind.DIGEST:
        off = Off(told.user_id, NotificationKind.DIGEST)
        return write_digest(to, _events(told), off, message_id=message_id)
    off = Off(told.user_id, told.kind, told.chosen_link_id)
    return write_mail(
        to, Told(told.kind, told.at, told.payload, told.code), off, message_id=message_id
    )


def _events(told: ToldRecord) -> list[Told]:
    events: list[Mapping[str, Any]] = told.payload["events"]
    link_ids = {each["link_id"] for each in events if each["link_id"] is not None}
    codes = codes_of(told.user_id, sorted(link_ids))
    return [
        Told(
            each["kind"],
            datetime.fromisoformat(each["at"]),
            each["payload"],
            codes.get(each["link_id"]),
        )
        for each in events
    ]


def _message_id(mailer: Mailer, name: str) -> str:
    """Return the Message-ID; no two instances that send from one domain make the same."""
    of_instance = hashlib.sha256(f"{current_settings().secret_key} {name}".encode()).hexdigest()
    return f"<{of_instance[:32]}@{domain_of(mailer)}>"
