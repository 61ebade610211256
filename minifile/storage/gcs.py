"""Google Cloud Storage, by its own client.

Objects are sent with their CRC-32C, which the server verifies. What was begun and never
completed is forgotten by the bucket after a week, and costs nothing until then.
"""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import google.auth
import requests
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import DefaultCredentialsError
from google.auth.transport.requests import AuthorizedSession, Request
from google.cloud import storage
from google.cloud.storage.fileio import BlobWriter
from google.cloud.storage.retry import DEFAULT_RETRY
from urllib3.exceptions import HTTPError

from minifile.codes import new_key
from minifile.config.buckets import BucketAddress
from minifile.errors import BlobMissing, StorageUnavailable
from minifile.storage.gcs_errors import check_status, translated
from minifile.storage.objects import Content, StoredObject, Unfinished, whole_size
from minifile.values import Span

_SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]
_TIMEOUT_SECONDS = (5, 30)
_RETRY = DEFAULT_RETRY.with_timeout(20)
# So many objects are composed in one request, says Google.
_COMPOSED_AT_ONCE = 32


class GcsObjects:
    """See `minifile.storage.objects.Objects`."""

    piece_bytes = 8 * 2**20
    # As many as there may be: an upload is one stream.
    most_pieces = 2**31
    pieces_at_once = 1
    least_joined_bytes = 1

    def __init__(self, address: BucketAddress) -> None:
        self._address = address
        self._root = f"{address.prefix}/" if address.prefix else ""
        self._lock = threading.Lock()
        self._connected: tuple[int, _Connection] | None = None

    @property
    def connection(self) -> "_Connection":
        """The client of this process: its connections must not be shared with a fork."""
        with self._lock:
            if self._connected is None or self._connected[0] != os.getpid():
                with translated("connect"):
                    self._connected = os.getpid(), _Connection(self._address)
            return self._connected[1]

    def put(self, name: str, content: Content) -> None:
        with translated("write"):
            self._blob(name).upload_from_string(
                bytes(content), checksum="crc32c", retry=_RETRY, timeout=_TIMEOUT_SECONDS
            )

    def begin(self, name: str) -> "GcsWriter":
        return GcsWriter(self._blob(name), self.piece_bytes)

    def read(self, name: str, span: Span | None) -> "GcsReader":
        if span is not None and not span.size_bytes:
            # A range can't be empty.
            return GcsReader(None, self.size(name))
        asked = {} if span is None else {"Range": f"bytes={span.start}-{span.stop - 1}"}
        with translated("read", name):
            answer = self.connection.get(self._root + name, asked)
            check_status(answer, name)
        headers = answer.headers
        size_bytes = whole_size(headers.get("Content-Range"), headers["Content-Length"], span)
        return GcsReader(answer, size_bytes)

    def size(self, name: str) -> int:
        blob = self._blob(name)
        with translated("read", name):
            blob.reload(timeout=_TIMEOUT_SECONDS, retry=_RETRY)
        return int(blob.size)

    def list(self, prefix: str) -> Iterator[StoredObject]:
        connection = self.connection
        with translated("list"):
            for blob in connection.client.list_blobs(
                connection.bucket, prefix=self._root + prefix, timeout=_TIMEOUT_SECONDS
            ):
                yield StoredObject(blob.name.removeprefix(self._root), int(blob.size), blob.updated)

    def delete(self, name: str) -> None:
        with suppress(BlobMissing), translated("delete", name):
            self._blob(name).delete(timeout=_TIMEOUT_SECONDS, retry=_RETRY)

    def join(self, name: str, sources: Sequence[str]) -> None:
        """See `Objects.join`. What is joined on the way lies among the segments of the blob."""
        left = list(sources)
        while len(left) > _COMPOSED_AT_ONCE:
            joined = f"{name}.part/joined-{new_key()}"
            self._compose(joined, left[:_COMPOSED_AT_ONCE])
            left = [joined, *left[_COMPOSED_AT_ONCE:]]
        self._compose(name, left)

    def unfinished(self) -> Iterator[Unfinished]:
        yield from ()

    def abort(self, unfinished: Unfinished) -> None:
        raise NotImplementedError

    def signed_url(
        self, name: str, *, disposition: str, content_type: str, lifetime: timedelta
    ) -> str:
        with translated("sign"):
            url: str = self._blob(name).generate_signed_url(
                version="v4",
                expiration=lifetime,
                response_disposition=disposition,
                response_type=content_type,
                **self.connection.signer(),
            )
        return url

    def _compose(self, name: str, sources: Sequence[str]) -> None:
        blobs = [self._blob(source) for source in sources]
        with translated("write", name):
            self._blob(name).compose(blobs, timeout=_TIMEOUT_SECONDS, retry=_RETRY)

    def _blob(self, name: str) -> Any:
        return self.connection.bucket.blob(self._root + name)


class _Connection:
    """The client, and a session of its own for what is read as a stream."""

    def __init__(self, address: BucketAddress) -> None:
        self.credentials = _credentials(address)
        self.client = storage.Client(
            project="minifile",
            credentials=self.credentials,
            client_options={"api_endpoint": address.endpoint} if address.endpoint else None,
        )
        self.bucket = self.client.bucket(address.bucket)
        self._session = AuthorizedSession(self.credentials or AnonymousCredentials())
        self._objects = f"{self.client.api_endpoint}/storage/v1/b/{quote(address.bucket)}/o"

    def get(self, name: str, headers: dict[str, str]) -> Any:
        """Ask for the bytes of an object, which come as they are read."""
        return self._session.get(
            f"{self._objects}/{quote(name, safe='')}",
            params={"alt": "media"},
            headers={**headers, "Accept-Encoding": "identity"},
            stream=True,
            timeout=_TIMEOUT_SECONDS,
        )

    def signer(self) -> dict[str, str]:
        """Return who signs addresses when the credentials have no key of their own."""
        if hasattr(self.credentials, "sign_bytes"):
            return {}
        if not hasattr(self.credentials, "service_account_email"):
            raise StorageUnavailable("These credentials can't sign: use a service account.")
        # Google signs for it, at the cost of a request.
        self.credentials.refresh(Request())
        return {
            "service_account_email": self.credentials.service_account_email,
            "access_token": self.credentials.token,
        }


class GcsWriter:
    """A resumable upload of Google's."""

    def __init__(self, blob: Any, piece_bytes: int) -> None:
        self._name = blob.name
        self._writer = BlobWriter(
            blob,
            chunk_size=piece_bytes,
            retry=_RETRY,
            checksum="crc32c",
            timeout=_TIMEOUT_SECONDS,
        )

    def add(self, _number: int, piece: Content) -> None:
        with translated("write"):
            self._writer.write(piece)

    def complete(self) -> None:
        with translated("write"):
            self._writer.close()

    def abort(self) -> None:
        with suppress(BlobMissing), translated("delete", self._name):
            self._writer.terminate()


class GcsReader:
    """The body of one answer."""

    def __init__(self, answer: Any, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self._answer = answer

    def read(self, size_bytes: int) -> bytes:
        if self._answer is None:
            return b""
        try:
            return bytes(self._answer.raw.read(size_bytes))
        except (requests.RequestException, HTTPError, OSError) as error:
            raise OSError(f"the bucket broke off ({type(error).__name__})") from None

    def close(self) -> None:
        if self._answer is not None:
            self._answer.close()


def _credentials(address: BucketAddress) -> Any:
    """Return the credentials of the environment.

    An endpoint of one's own may need none; of an emulator the client knows that itself.
    """
    try:
        credentials, _ = google.auth.default(scopes=_SCOPES)
    except DefaultCredentialsError:
        return AnonymousCredentials() if address.endpoint else None
    return credentials
