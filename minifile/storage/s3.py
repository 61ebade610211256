"""S3, as Amazon and many others speak it, by botocore.

Each piece is sent with its SHA-256 in the signature, which the server verifies (Signature
Version 4): that is the one integrity check that every S3 has.
"""

import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from urllib3.exceptions import HTTPError

from minifile.config.buckets import BucketAddress
from minifile.errors import BlobMissing, StorageUnavailable, UploadOver
from minifile.storage.objects import Content, StoredObject, Unfinished, whole_size
from minifile.storage.s3_errors import translated
from minifile.values import Span

_CONNECT_SECONDS = 5
_READ_SECONDS = 30
_TRIES = 3
# Connections that are kept for the next request; more may be open at once.
_KEPT_CONNECTIONS = 64
# Objects are copied within the bucket: what is waited for is its answer.
_COPIES_AT_ONCE = 8


class S3Objects:
    """See `minifile.storage.objects.Objects`."""

    # With three on their way and one being filled, an upload holds less than 32 MiB.
    piece_bytes = 7 * 2**20
    most_pieces = 10_000
    pieces_at_once = 3
    least_joined_bytes = 5 * 2**20

    def __init__(self, address: BucketAddress) -> None:
        self._address = address
        self._bucket = address.bucket
        self._root = f"{address.prefix}/" if address.prefix else ""
        self._lock = threading.Lock()
        self._client: tuple[int, Any] | None = None

    @property
    def client(self) -> Any:
        """The client of this process: its connections must not be shared with a fork."""
        with self._lock:
            if self._client is None or self._client[0] != os.getpid():
                self._client = os.getpid(), _new_client(self._address)
            return self._client[1]

    def put(self, name: str, content: Content) -> None:
        with translated("write"):
            self.client.put_object(**self._at(name), Body=content)

    def begin(self, name: str) -> "S3Writer":
        with translated("write"):
            upload = self.client.create_multipart_upload(**self._at(name))
        return S3Writer(self.client, {**self._at(name), "UploadId": upload["UploadId"]})

    def read(self, name: str, span: Span | None) -> "S3Reader":
        if span is not None and not span.size_bytes:
            # A range can't be empty.
            return S3Reader(None, self.size(name))
        asked = {} if span is None else {"Range": f"bytes={span.start}-{span.stop - 1}"}
        with translated("read", name):
            answer = self.client.get_object(**self._at(name), **asked)
        size_bytes = whole_size(answer.get("ContentRange"), answer["ContentLength"], span)
        return S3Reader(answer["Body"], size_bytes)

    def size(self, name: str) -> int:
        try:
            with translated("read", name):
                return int(self.client.head_object(**self._at(name))["ContentLength"])
        except BlobMissing:
            # An answer without a body does not say whether it is the bucket that is missing.
            self._check_bucket()
            raise

    def list(self, prefix: str) -> Iterator[StoredObject]:
        asked = {"Bucket": self._bucket, "Prefix": self._root + prefix}
        pages = self.client.get_paginator("list_objects_v2").paginate(**asked)
        with translated("list"):
            for page in pages:
                for entry in page.get("Contents", ()):
                    name = entry["Key"].removeprefix(self._root)
                    yield StoredObject(name, entry["Size"], entry["LastModified"])

    def delete(self, name: str) -> None:
        # Some servers say that it is missing; Amazon's does not.
        with suppress(BlobMissing), translated("delete"):
            self.client.delete_object(**self._at(name))

    def join(self, name: str, sources: Sequence[str]) -> None:
        writer = self.begin(name)
        try:
            with ThreadPoolExecutor(min(len(sources), _COPIES_AT_ONCE)) as pool:
                keys = [self._root + source for source in sources]
                for copied in [pool.submit(writer.copy, *each) for each in enumerate(keys, 1)]:
                    copied.result()
            writer.complete()
        except BaseException:
            # What can't be thrown away now is swept.
            with suppress(StorageUnavailable):
                writer.abort()
            raise

    def unfinished(self) -> Iterator[Unfinished]:
        asked = {"Bucket": self._bucket, "Prefix": self._root}
        pages = self.client.get_paginator("list_multipart_uploads").paginate(**asked)
        with translated("list"):
            for page in pages:
                for entry in page.get("Uploads", ()):
                    yield Unfinished(entry["Key"].removeprefix(self._root), entry["UploadId"])

    def abort(self, unfinished: Unfinished) -> None:
        upload = {**self._at(unfinished.name), "UploadId": unfinished.upload_id}
        S3Writer(self.client, upload).abort()

    def signed_url(
        self, name: str, *, disposition: str, content_type: str, lifetime: timedelta
    ) -> str:
        asked = {
            **self._at(name),
            "ResponseContentDisposition": disposition,
            "ResponseContentType": content_type,
            "ResponseCacheControl": "private, no-cache",
        }
        with translated("sign"):
            url: str = self.client.generate_presigned_url(
                "get_object", Params=asked, ExpiresIn=int(lifetime.total_seconds())
            )
        return url

    def _check_bucket(self) -> None:
        try:
            with translated("list"):
                self.client.list_objects_v2(Bucket=self._bucket, MaxKeys=1, Prefix=self._root)
        except BlobMissing:
            raise StorageUnavailable("There is no such bucket.") from None

    def _at(self, name: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._root + name}


class S3Writer:
    """A multipart upload. Pieces may be added by several threads at once."""

    def __init__(self, client: Any, upload: dict[str, str]) -> None:
        self._client = client
        self._upload = upload
        self._tags: dict[int, str] = {}
        self._is_over = False

    def add(self, number: int, piece: Content) -> None:
        with translated("write"):
            answer = self._client.upload_part(**self._upload, PartNumber=number, Body=piece)
        self._tags[number] = answer["ETag"]

    def copy(self, number: int, key: str) -> None:
        """Add a piece that is an object of the bucket already."""
        source = {"Bucket": self._upload["Bucket"], "Key": key}
        with translated("write", key):
            answer = self._client.upload_part_copy(
                **self._upload, PartNumber=number, CopySource=source
            )
        self._tags[number] = answer["CopyPartResult"]["ETag"]

    def complete(self) -> None:
        parts = [{"PartNumber": number, "ETag": tag} for number, tag in sorted(self._tags.items())]
        try:
            with translated("write"):
                self._client.complete_multipart_upload(
                    **self._upload, MultipartUpload={"Parts": parts}
                )
        except UploadOver:
            # It may be over because it is complete, and only the answer was lost.
            self._check_there()
        self._is_over = True

    def abort(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        # What is over already is no error.
        with suppress(BlobMissing, UploadOver), translated("delete"):
            self._client.abort_multipart_upload(**self._upload)

    def _check_there(self) -> None:
        """Raise UploadOver unless the object is there; nobody else writes one of its name."""
        try:
            with translated("read", "of an upload"):
                self._client.head_object(Bucket=self._upload["Bucket"], Key=self._upload["Key"])
        except BlobMissing:
            raise UploadOver from None


class S3Reader:
    """The body of one answer."""

    def __init__(self, body: Any, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self._body = body

    def read(self, size_bytes: int) -> bytes:
        if self._body is None:
            return b""
        try:
            return bytes(self._body.read(size_bytes))
        except (BotoCoreError, HTTPError, OSError) as error:
            raise OSError(f"the bucket broke off ({type(error).__name__})") from None

    def close(self) -> None:
        if self._body is not None:
            self._body.close()


def _new_client(address: BucketAddress) -> Any:
    """Return a client; access keys come from the address, or from where botocore looks for them."""
    addressing = address.addressing or ("path" if address.endpoint else "auto")
    try:
        with translated("connect"):
            return _client_of(address, addressing)
    except ValueError:
        # Its own sentence shows the address.
        raise StorageUnavailable("The endpoint in STORAGE_URL can't be used.") from None


def _client_of(address: BucketAddress, addressing: str) -> Any:
    session = botocore.session.get_session()
    return session.create_client(
        "s3",
        endpoint_url=address.endpoint,
        region_name=address.region or session.get_config_variable("region") or "us-east-1",
        aws_access_key_id=address.access_key_id,
        aws_secret_access_key=address.secret_access_key,
        config=Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": _TRIES},
            max_pool_connections=_KEPT_CONNECTIONS,
            signature_version="s3v4",
            # Checksums in trailers are unknown to many servers; the signature has one.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": addressing, "payload_signing_enabled": True},
        ),
    )
