"""Mails to recipients: each gets the link that is theirs."""

from collections.abc import Collection
from functools import partial

from minifile.errors import BadOption, NotFound
from minifile.services.rate_limits import MAILS
from minifile.services.shared_with import SeenRecipient, read_sharing
from minifile.values import LinkRecord
from minifile.web.background import run_later
from minifile.web.current import current_rates, utcnow
from minifile.web.letters import mail_child_link, sends_mail


def check_mails(addresses: Collection[str]) -> None:
    """Judge mails before anything is done that they are to tell of.

    Raises BadOption where no mail is sent, and TooManyTries for an address that was written to
    too often.
    """
    if not sends_mail():
        raise BadOption("This site sends no mail. Copy the link and send it yourself.")
    for address in addresses:
        current_rates().check(MAILS, "to", address.strip().casefold())


def mail_recipients(link: LinkRecord, ids: Collection[int], sender: str) -> None:
    """Send the recipients with these ids their links, in the background.

    Raises BadOption where no mail is sent, NotFound for a recipient who is none or was revoked,
    and TooManyTries for an address that was written to too often.
    """
    check_mails([])
    recipients = read_sharing(link, now=utcnow()).recipients
    chosen = [each for each in recipients if each.id in ids and each.standing == "open"]
    if len(chosen) < len(set(ids)):
        raise NotFound("The link has no such recipient, or theirs works no more.")
    for recipient in chosen:
        _mail(link, recipient, sender)


def _mail(link: LinkRecord, recipient: SeenRecipient, sender: str) -> None:
    rates, who = current_rates(), recipient.address.casefold()
    # As for every other mail: nobody floods a mailbox by us.
    rates.check(MAILS, "to", who)
    rates.count(MAILS, "to", who)
    run_later(
        partial(mail_child_link, recipient.address, sender, f"/{recipient.code}", link.expires_at)
    )
