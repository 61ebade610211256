"""Resumable uploads as the services' tests begin and go on with them."""

from collections.abc import Callable
from datetime import datetime, timedelta

from conftest import NOW
from flask import Flask
from services.making import ALICE, DAY

from minifile.extensions import db
from minifile.models import PartialUpload
from minifile.services.joining import Progress
from minifile.services.partials import Terms
from minifile.services.receiving import Part, receive_part
from minifile.services.resumable import Begun, Draft, begin_upload, look_at
from minifile.values import Chunk, UploadOptions

BUNDLE = "bundle-that-nobody-guesses"
HOUR = timedelta(hours=1)


def terms_of(app: Flask) -> Terms:
    instance = app.extensions["minifile"]
    settings = instance.settings
    return Terms(instance.storage, settings.limits, instance.rates, DAY, settings.secret_key)


def at(now: datetime) -> Callable[[], datetime]:
    return lambda: now


def draft(length: int | None, bundle: str | None = None, **more) -> Draft:
    return Draft(length, "a.bin", None, None, UploadOptions(), bundle, **more)


def begin(app: Flask, what: Draft, first: bytes | None = None, now: datetime = NOW) -> Begun:
    part = None if first is None else Part(iter([first]), len(first))
    return begin_upload(what, part, ALICE, terms=terms_of(app), now=at(now))


def send(app: Flask, upload_id: str, offset: int, *chunks: Chunk, now: datetime = NOW) -> Progress:
    part = Part(iter(chunks), None)
    return receive_part(upload_id, offset, None, part, ALICE, terms=terms_of(app), now=at(now))


def look(app: Flask, upload_id: str, now: datetime = NOW) -> Progress:
    return look_at(upload_id, ALICE, terms=terms_of(app), now=at(now))


def rows() -> int:
    count = db.session.scalar(db.select(db.func.count()).select_from(PartialUpload)) or 0
    db.session.commit()
    return count


def stored_key() -> str:
    key = db.session.scalars(db.select(PartialUpload.storage_key)).one()
    db.session.commit()
    return key
