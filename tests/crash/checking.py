"""What must hold after a crash, whatever was going on."""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime

from flask import Flask

from minifile.errors import BlobMissing
from minifile.extensions import db
from minifile.models import Link
from minifile.services.fsck import ORPHAN, list_faults
from minifile.services.purge import purge_expired
from minifile.storage.local import LocalStorage

Digests = list[str]
"""The SHA-256 of each file of a link, in order."""


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def find_damage(app: Flask, promised: Mapping[str, Digests], *, now: datetime) -> list[str]:
    """Return what a crash broke: a lost or damaged link, or what a purge does not clean.

    `promised` holds, by code, what must be there because its sender was told so.
    """
    with app.app_context():
        storage = app.extensions["minifile"].storage
        damage = [*_broken_promises(promised, storage), *_faults(storage, but=ORPHAN)]
        purge_expired(storage=storage, now=now)
        damage += [*_broken_promises(promised, storage), *_faults(storage)]
        damage += [f"left behind: {path}" for path in _unknown_files(storage)]
        db.session.remove()
    return damage


def count_orphans(app: Flask) -> int:
    with app.app_context():
        storage = app.extensions["minifile"].storage
        return sum(fault.fault == ORPHAN for fault in list_faults(storage=storage))


def _broken_promises(promised: Mapping[str, Digests], storage: LocalStorage) -> Iterator[str]:
    """Look at the bytes of every link that is served, the promised ones above all."""
    links = {
        link.code: link for link in db.session.scalars(db.select(Link).filter_by(state="open"))
    }
    yield from (f"lost: {code}" for code in promised if code not in links)
    for code, link in links.items():
        recorded = [file.sha256 for file in link.files]
        if promised.get(code, recorded) != recorded:
            yield f"other files than promised: {code}"
        if [_digest_of(file.storage_key, storage) for file in link.files] != recorded:
            yield f"damaged: {code}"
    db.session.rollback()
    db.session.expunge_all()


def _digest_of(key: str, storage: LocalStorage) -> str:
    try:
        with storage.open(key) as blob:
            return digest(blob.read())
    except BlobMissing:
        return "missing"


def _faults(storage: LocalStorage, but: str = "") -> Iterator[str]:
    found = list_faults(storage=storage, digests=True)
    yield from (f"{fault.fault}: {fault.key}" for fault in found if fault.fault != but)


def _unknown_files(storage: LocalStorage) -> Iterator[str]:
    known = {blob.key for blob in storage.blobs()}
    names = (path.name for path in storage.root.rglob("*") if path.is_file())
    yield from (name for name in names if name not in known)
