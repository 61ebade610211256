"""All that strangers have sent to a file request, as one zip for its owner."""

from flask import Response

from minifile.download.bytes_answer import answer_archive
from minifile.errors import NotFound
from minifile.identity import Scope
from minifile.services.downloads import Reading
from minifile.services.file_requests import find_own_request
from minifile.services.submission_lists import as_one_link, list_submissions
from minifile.web.current import (
    current_rates,
    current_visitor,
    require_account,
    utcnow,
    visitor_network,
)


def answer_submissions(request_code: str) -> Response:
    """Answer with every submission in a folder of its own. The owner's downloads do not count.

    Raises SignInNeeded, LinkNotFound, and NotFound where nothing has arrived.
    """
    account = require_account(Scope.READ)
    found = find_own_request(request_code, account, visitor_network(), rates=current_rates())
    submissions = list_submissions(found, page=None, now=utcnow())
    if not submissions:
        raise NotFound("Nobody has sent anything yet.")
    link = as_one_link(found, submissions)
    return answer_archive(Reading(link, current_visitor(), is_owner=True))
