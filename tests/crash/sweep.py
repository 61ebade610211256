"""Kill a process before each step that it takes to the disk, one run a step.

`python -m crash.sweep upload|purge|resume` on the instance that the environment names. Prints
what it found as JSON. A step is a call of C code that reaches the system or SQLite, as Python's
profiler sees it, so nothing of the program is replaced. What is on the disk after one step is what
is there before the next, when all that was acknowledged in between has been told.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from itertools import count
from types import FrameType
from typing import Any

from conftest import NOW, dispose
from crash.checking import Digests, count_orphans, digest, find_damage
from flask import Flask
from services.making import ALICE, DAY, incoming, make_link, upload

from minifile import create_app
from minifile.cli.db import upgrade_database
from minifile.extensions import db
from minifile.services.expiry import purge_partial_uploads
from minifile.services.leftovers import complete_left_full
from minifile.services.partials import Terms
from minifile.services.purge import purge_expired
from minifile.services.receiving import Part, receive_part
from minifile.services.resumable import Draft, begin_upload, look_at
from minifile.values import UploadOptions

STEPS = {"open", "close", "write", "fsync", "rename", "unlink", "mkdir", "flock"}
SQL_STEPS = {"execute", "executemany", "commit"}
CONTENTS = [b"first" * 1000, b"second" * 1000]


@dataclass
class Found:
    steps: int = 0
    acknowledged: int = 0
    orphans: int = 0
    damage: list[str] = field(default_factory=list)


def main(scenario: str) -> None:
    # Background jobs rest for those who are served meanwhile; nobody is here.
    time.sleep = lambda _seconds: None
    app = create_app()
    with app.app_context():
        upgrade_database(app)
    dispose(app)
    print(json.dumps(asdict(SCENARIOS[scenario](app))))


def sweep_upload(app: Flask) -> Found:
    found, promised = Found(), dict[str, Digests]()
    for step in count(1):
        survived, told = run_and_kill(step, lambda: upload_two(app))
        promised |= {code: [digest(content) for content in CONTENTS] for code in told}
        found.orphans += count_orphans(app)
        note(found, step, find_damage(app, promised, now=NOW))
        dispose(app)
        if survived:
            found.acknowledged = len(promised)
            return found
    raise AssertionError("count() never ends")


def sweep_resume(app: Flask) -> Found:
    """Kill an upload in three requests; what was acknowledged stays, and can be gone on with."""
    found, promised = Found(), dict[str, Digests]()
    for step in count(1):
        survived, told = run_and_kill(step, lambda: resume_in_parts(app))
        with app.app_context():
            terms = terms_of(app)
            complete_left_full(terms=terms, now=lambda: NOW)
            damage = list(broken_offsets(told, terms))
            purge_partial_uploads(storage=terms.storage, now=NOW + DAY)
            db.session.remove()
        dispose(app)
        promised |= {code[5:]: [digest(b"".join(CONTENTS))] for code in told if code[:5] == "link "}
        found.orphans += count_orphans(app)
        note(found, step, damage + find_damage(app, promised, now=NOW))
        dispose(app)
        if survived:
            found.acknowledged = len(promised)
            return found
    raise AssertionError("count() never ends")


def resume_in_parts(app: Flask) -> Iterator[str]:
    with app.app_context():
        terms, length = terms_of(app), sum(map(len, CONTENTS))
        begun = begin_upload(
            Draft(length, "a.bin", None, None, UploadOptions()), None, ALICE,
            terms=terms, now=lambda: NOW,
        )  # fmt: skip
        offset = 0
        yield f"upload {begun.upload_id} {offset}"
        for content in CONTENTS:
            part = Part(iter([content]), len(content))
            progress = receive_part(
                begun.upload_id, offset, None, part, ALICE, terms=terms, now=lambda: NOW
            )
            offset = progress.row.offset
            yield f"upload {begun.upload_id} {offset}"
        assert progress.made is not None
        yield f"link {progress.made.link.code}"


def broken_offsets(told: list[str], terms: Terms) -> Iterator[str]:
    """Look whether the last offset that a client was told is still had."""
    for line in told[-1:] if told and told[-1].startswith("upload ") else ():
        _, upload_id, offset = line.split()
        row = look_at(upload_id, ALICE, terms=terms, now=lambda: NOW).row
        if row.offset < int(offset):
            yield f"lost: {row.offset} of {offset} acknowledged bytes"
        if row.state == "open":
            with terms.storage.appending(row.storage_key, begins=row.offset == 0) as blob:
                if blob.head(row.offset) != b"".join(CONTENTS)[: row.offset]:
                    yield "other bytes than were sent"


def terms_of(app: Flask) -> Terms:
    instance = app.extensions["minifile"]
    settings = instance.settings
    return Terms(instance.storage, settings.limits, instance.rates, DAY, settings.secret_key)


def sweep_purge(app: Flask) -> Found:
    # One link stays through all the kills; more of them would only be looked at again and again.
    with app.app_context():
        promised = {make_link(app, b"stays", lifetime=DAY).code: [digest(b"stays")]}
    found = Found()
    for step in count(1):
        with app.app_context():
            make_link(app, *CONTENTS, lifetime=timedelta(minutes=1))
        dispose(app)
        later = NOW + timedelta(minutes=1)
        survived, _ = run_and_kill(step, lambda: purge(app))
        note(found, step, find_damage(app, promised, now=later))
        dispose(app)
        if survived:
            return found
    raise AssertionError("count() never ends")


def upload_two(app: Flask) -> Iterator[str]:
    with app.app_context():
        files = (incoming(f"{n}", content) for n, content in enumerate(CONTENTS))
        yield upload(app, files, UploadOptions()).link.code


def purge(app: Flask) -> Iterator[str]:
    with app.app_context():
        purge_expired(storage=app.extensions["minifile"].storage, now=NOW + timedelta(minutes=1))
    yield from ()


def note(found: Found, step: int, damage: list[str]) -> None:
    found.steps = step
    found.damage += [f"step {step}: {what}" for what in damage]


def run_and_kill(step: int, act: Callable[[], Iterator[str]]) -> tuple[bool, list[str]]:
    """Run `act` in a child that is killed at a step.

    Returns whether it came to its end, and what it had told before.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        sys.setprofile(killer(step))
        for told in act():
            os.write(writing, f"{told}\n".encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told_lines:
        told = told_lines.read().splitlines()
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL), f"step {step}: the child failed with status {status}"
    return status == 0, told


def killer(step: int) -> Callable[[FrameType, str, Any], None]:
    """Return a profiler that kills its process as it begins its `step`-th step."""
    seen = 0

    def profile(_frame: FrameType, event: str, called: Any) -> None:
        nonlocal seen
        if event == "c_call" and is_step(called):
            seen += 1
            if seen == step:
                os.kill(os.getpid(), signal.SIGKILL)

    return profile


def is_step(called: Any) -> bool:
    if called.__module__ in ("posix", "fcntl"):
        return called.__name__ in STEPS
    owner = type(getattr(called, "__self__", None))
    return owner.__module__ == "sqlite3" and called.__name__ in SQL_STEPS


SCENARIOS = {"upload": sweep_upload, "purge": sweep_purge, "resume": sweep_resume}

if __name__ == "__main__":
    main(sys.argv[1])
