"""What S3 says when something is wrong, as one sentence without addresses and secrets."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore import exceptions

from minifile.errors import BlobMissing, StorageUnavailable, UploadOver

_KEYS = (
    "The bucket does not accept the access key: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
)
_REGION = "The bucket is in another region{}: set region= in STORAGE_URL."
_SENTENCES = {
    "AccessDenied": "The bucket refuses: the access key lacks the right to {}.",
    "AllAccessDisabled": "The bucket refuses: the access key lacks the right to {}.",
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "PermanentRedirect": _REGION,
    "301": _REGION,
    "InvalidAccessKeyId": _KEYS,
    "SignatureDoesNotMatch": "The bucket does not accept the secret of the access key.",
    "ExpiredToken": "The session token of the access key has expired.",
    "InvalidToken": "The session token of the access key is not accepted.",
    "NoSuchBucket": "There is no such bucket.",
    "InvalidBucketName": "The bucket's name is not one.",
    "RequestTimeTooSkewed": (
        "The clock of this machine is wrong: the bucket's is more than 15 minutes away."
    ),
    "RequestExpired": "The clock of this machine is wrong.",
    "QuotaExceeded": "The bucket is full.",
    "EntityTooLarge": "The bucket does not take objects of this size.",
}
_BUSY = "The bucket is too busy. Try again in a moment."
_MISSING = {"NoSuchKey", "404", "NotFound"}


@contextmanager
def translated(what: str, name: str = "") -> Iterator[None]:
    """Raise StorageUnavailable, or BlobMissing, for what botocore raises in the block.

    `what` is the right that is being used: read, write, list or delete.
    """
    try:
        yield
    except exceptions.ClientError as error:
        if code_of(error) == "NoSuchUpload":
            raise UploadOver from None
        if code_of(error) in _MISSING:
            raise BlobMissing(f"the object {name} is missing") from None
        raise StorageUnavailable(_sentence(error, what)) from None
    except exceptions.BotoCoreError as error:
        raise StorageUnavailable(_connection_sentence(error)) from None


def code_of(error: exceptions.ClientError) -> str:
    """Return the code of an answer; where it has no body, its status."""
    return str(error.response.get("Error", {}).get("Code", ""))


def _sentence(error: exceptions.ClientError, what: str) -> str:
    answer: dict[str, Any] = error.response.get("ResponseMetadata", {})
    status, code = int(answer.get("HTTPStatusCode", 0)), code_of(error)
    if code in _SENTENCES:
        sentence = _SENTENCES[code]
        return sentence.format(_region(error, answer) if sentence is _REGION else what)
    if status == 403:
        return f"The bucket refuses to let this access key {what}."
    if status in (429, 500, 502, 503, 504):
        return _BUSY
    return f"The bucket answers with an error that is not known here ({code[:40] or status})."


def _region(error: exceptions.ClientError, answer: dict[str, Any]) -> str:
    headers = answer.get("HTTPHeaders", {})
    region = headers.get("x-amz-bucket-region") or error.response.get("Error", {}).get("Region")
    return f" ({region})" if region else ""


def _connection_sentence(error: exceptions.BotoCoreError) -> str:
    if isinstance(error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError):
        return "No access key is given: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
    if isinstance(error, exceptions.SSLError):
        return "The certificate of the bucket's endpoint can't be verified."
    if isinstance(error, exceptions.ConnectTimeoutError | exceptions.EndpointConnectionError):
        return "The bucket's endpoint can't be reached."
    if isinstance(error, exceptions.ReadTimeoutError):
        return "The bucket does not answer in time."
    if isinstance(error, exceptions.HTTPClientError):
        return "The connection to the bucket broke off."
    return f"The bucket can't be used ({type(error).__name__})."
