"""Resumable uploads that are sent to a file request: what is different when one begins."""

from dataclasses import replace
from datetime import datetime

from minifile.errors import BadOption, BadRequest
from minifile.policy.file_requests import check_sender
from minifile.services.answering import Answer, check_answer
from minifile.services.request_rows import RequestRecord
from minifile.services.resumable import Draft
from minifile.services.submission_rows import Sender
from minifile.values import Limits, UploadOptions


def draft_of_answer(
    request: RequestRecord, draft: Draft, sender: Sender, *, limits: Limits, now: datetime
) -> Draft:
    """Return the draft as that of an upload to a file request, which is judged for it.

    It is kept for as long as the owner's links may live. Raises BadRequest, BadOption, TooLarge.
    """
    if draft.length is None or draft.concat is not None:
        raise BadRequest("An upload to a file request says its length, and comes in one piece.")
    if not request.asks_who and (sender.name or sender.message):
        raise BadOption("This file request does not ask for a name or a message.")
    check_sender(sender.name, sender.message)
    check_answer(request, 1, draft.length, now)
    return replace(
        draft,
        options=UploadOptions(lifetime=limits.max_lifetime, note=sender.message, is_private=True),
        answers=Answer(request.id, sender),
    )
