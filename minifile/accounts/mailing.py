"""How many mails a visitor may cause, and a mailbox gets."""

from minifile.errors import TooManyTries
from minifile.services.rate_limits import MAILS
from minifile.services.users import asked_key
from minifile.web.current import current_rates, visitor_network


def check_mail_rate(to: str) -> None:
    """Count one mail to whoever is named. Raises TooManyTries.

    By the visitor and by the one who is named, however it is written; it counts for a name that
    nobody has as well, and so tells nothing.
    """
    rates, who = current_rates(), asked_key(to)
    rates.check(MAILS, visitor_network())
    rates.check(MAILS, "to", who)
    rates.count(MAILS, visitor_network())
    rates.count(MAILS, "to", who)


def is_flooded(email: str) -> bool:
    """Count one mail to a mailbox, and say whether it has had enough of them.

    To be asked where the visitor does not wait: the answer would tell whose mailbox it is.
    """
    try:
        current_rates().take(MAILS, "mailbox", asked_key(email))
    except TooManyTries:
        return True
    return False
