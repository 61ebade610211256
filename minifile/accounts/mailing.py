"""How many mails a visitor may cause."""

from minifile.services.rate_limits import MAILS
from minifile.web.current import current_rates, visitor_network


def check_mail_rate(to: str) -> None:
    """Count one mail to whoever is named. Raises TooManyTries.

    By the visitor and by the one who gets it, so that nobody floods a mailbox; it counts for a
    name that nobody has as well, and so tells nothing.
    """
    rates, who = current_rates(), to.strip().casefold()
    rates.check(MAILS, visitor_network())
    rates.check(MAILS, "to", who)
    rates.count(MAILS, visitor_network())
    rates.count(MAILS, "to", who)
