"""What Google Cloud Storage says when something is wrong, as one sentence without a secret."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from google.api_core import exceptions as api
from google.auth import exceptions as auth
from google.cloud.storage.exceptions import InvalidResponse

from minifile.errors import BlobMissing, StorageUnavailable

_SENTENCES = {
    401: "The bucket does not accept the credentials: set GOOGLE_APPLICATION_CREDENTIALS.",
    403: "The bucket refuses: the credentials lack the right to {}.",
    412: "The bucket refuses: an object is there already.",
}
_BUSY = "The bucket is too busy. Try again in a moment."
_CONNECTION = (requests.RequestException, auth.TransportError, api.RetryError, OSError)


@contextmanager
def translated(what: str, name: str = "") -> Iterator[None]:
    """Raise StorageUnavailable, or BlobMissing, for what the client raises in the block.

    `what` is the right that is being used: read, write, list or delete. Where no `name` is asked
    for, it is the bucket that is missing.
    """
    try:
        yield
    except api.GoogleAPICallError as error:
        raise _translated(error.code, what, name) from None
    except InvalidResponse as error:
        raise _translated(error.response.status_code, what, name) from None
    except _CONNECTION:
        raise StorageUnavailable("The bucket can't be reached.") from None
    except auth.GoogleAuthError:
        raise StorageUnavailable(
            "No credentials for the bucket: set GOOGLE_APPLICATION_CREDENTIALS."
        ) from None


def check_status(answer: Any, name: str) -> None:
    """Raise for an answer that has no bytes, and let go of it."""
    if answer.status_code not in (200, 206):
        answer.close()
        raise _translated(answer.status_code, "read", name)


def _translated(status: int | None, what: str, name: str) -> BlobMissing | StorageUnavailable:
    if status == 404 and not name:
        return StorageUnavailable("There is no such bucket.")
    if status == 404:
        return BlobMissing(f"the object {name} is missing")
    if status in _SENTENCES:
        return StorageUnavailable(_SENTENCES[status].format(what))
    if status in (408, 429) or (status or 0) >= 500:
        return StorageUnavailable(_BUSY)
    return StorageUnavailable(f"The bucket answers with status {status}.")
