"""Telling the owner of a file request that something has arrived: the one place that does it."""

from functools import partial

from flask import url_for

from minifile.services.rate_limits import MAILS
from minifile.services.submission_lists import read_news
from minifile.web.background import run_later
from minifile.web.current import current_rates, utcnow
from minifile.web.letters import mail_submission, sends_mail


def tell_owner(request_id: int) -> None:
    """Write to the owner, in the background, if nothing else is waiting to be seen.

    So whoever sends a thousand files fills no mailbox.
    """
    if sends_mail():
        path = url_for("file_requests.index")
        run_later(partial(_tell, request_id, path))


def _tell(request_id: int, path: str) -> None:
    news = read_news(request_id, now=utcnow())
    if news is None:
        return
    rates, who = current_rates(), news.email.casefold()
    if rates.left(MAILS, "to", who) != 0:
        rates.count(MAILS, "to", who)
        mail_submission(news.email, news.title, f"{path}{news.code}")
