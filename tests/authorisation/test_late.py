"""Rights that end, and rules that come, while something is on its way or already there."""

import re
import socket
import threading
from datetime import timedelta
from mailbox import mail_server
from typing import Any
from urllib.parse import urlsplit

from cast import as_sent, fetch, form, form_token, press
from conftest import shell
from flask import Flask
from people import make_user, signed_in, with_token
from sqlalchemy import event, select
from upload.tus_client import BUNDLE, Tus
from wire import eventually

from minifile.extensions import db, write_transaction
from minifile.identity import BY_SHELL, Allowance, Scope, UserRole
from minifile.models import Link, Submission
from minifile.services.child_links import child_values
from minifile.services.digests import block_digest
from minifile.services.links import lock_link
from minifile.services.takedowns import Takedown, take_down
from minifile.services.users import (
    change_limits,
)
from minifile.web import background
from minifile.web.current import utcnow

JSON = {"Accept": "application/json"}
PASSWORD = "four plain words here"


def form_token_of(client: Any, path: str = "/links/") -> str:
    return form_token(client.get(path))


def upload(client: Any, **options: str) -> Any:
    answer = client.post("/", **form({"a.txt": b"alpha"}, options), headers=JSON)
    assert answer.status_code == 201, answer.text
    return as_sent(answer)


def act(client: Any, code: str, action: str, **fields: str) -> Any:
    token = form_token_of(client, f"/links/{code}")
    return client.post(f"/links/{code}", data={"action": action, "csrf_token": token, **fields})


def test_a_deleted_submission_takes_its_recipients_links_along(app: Flask):
    from file_requests.asking import ask_for, hand_in, own_page, sent_codes, stranger

    alice = signed_in(app, make_user(app))
    path = ask_for(app)
    assert hand_in(stranger(app), path, "a.txt").status_code == 201
    (code,) = sent_codes(app)
    assert act(alice, code, "recipient", addresses="carol@example.org").status_code == 303
    child = next(each for each in sent_codes(app) if each != code)
    with app.app_context():
        submission = db.session.scalars(select(Submission.id)).one()
        db.session.remove()
    page = own_page(path)
    assert press(alice, page, f"{page}/submissions/{submission}/delete").status_code == 303
    assert alice.get(f"/{code}").status_code == 410

    assert fetch(shell(app), f"/{child}").status_code == 410


def test_a_file_that_is_blocked_before_its_link_is_made_gets_none(app: Flask):
    import hashlib

    tus = Tus(app)
    tus.begin(5, data=b"alpha", filename="a.txt", bundle=BUNDLE)
    with app.app_context():
        block_digest(hashlib.sha256(b"alpha").hexdigest(), "bad", actor=BY_SHELL, now=utcnow())
        db.session.remove()

    answer = shell(app).post("/", **form({}, {"bundle": BUNDLE, "bundle_files": "1"}), headers=JSON)

    assert answer.status_code == 415, answer.text


def narrowed(app: Flask) -> Any:
    alice = make_user(app)
    with app.app_context():
        change_limits(
            alice.id, Allowance(max_lifetime=timedelta(days=1)), actor=BY_SHELL, now=utcnow()
        )
        db.session.remove()
    return alice


def lifetime_of(app: Flask, code: str) -> timedelta:
    with app.app_context():
        until = db.session.scalars(select(Link.expires_at).where(Link.code == code)).one()
        db.session.remove()
    return until - utcnow()


def test_a_link_is_extended_by_the_limits_of_its_owner(app: Flask):
    client = signed_in(app, narrowed(app))
    sent = upload(client)
    client.get(sent.private_page)
    client.post("/logout", data={"csrf_token": form_token_of(client, "/account/")})

    token = form_token_of(client, "/links/")
    client.post(
        "/links/",
        data={"csrf_token": token, "action": "extend", "code": sent.code, "expires_in": "30d"},
    )

    assert lifetime_of(app, sent.code) <= timedelta(days=1)


def test_a_bundle_is_finished_by_the_limits_of_its_owner(app: Flask):
    alice = narrowed(app)
    shell_of_alice = with_token(app, alice)
    import base64

    def b64(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    made = shell_of_alice.post(
        "/tus/",
        data=b"alpha",
        headers={
            "Tus-Resumable": "1.0.0",
            "Upload-Length": "5",
            "Upload-Metadata": f"filename {b64('a.txt')},bundle {b64(BUNDLE)}",
            "Content-Type": "application/offset+octet-stream",
        },
    )
    assert made.status_code == 201, made.text
    answer = shell(app).post(
        "/",
        **form({}, {"bundle": BUNDLE, "bundle_files": "1", "expires_in": "30d"}),
        headers=JSON,
    )
    if answer.status_code == 201:
        assert lifetime_of(app, answer.json["code"]) <= timedelta(days=1)


def test_a_limit_that_a_patch_does_not_name_stays(app: Flask):
    root, alice = make_user(app, "Root", role=UserRole.ADMIN), make_user(app)
    api = with_token(app, root, Scope.ADMIN)
    api.patch(f"/api/v1/users/{alice.id}", json={"limits": {"quota": 1000, "max_links": 5}})
    answer = api.patch(f"/api/v1/users/{alice.id}", json={"limits": {"max_links": 7}})

    assert answer.json["limits"]["max_links"] == 7
    assert answer.json["limits"]["quota"] == 1000


def test_recipients_are_not_added_where_their_mail_is_refused(app: Flask):
    alice = signed_in(app, make_user(app))
    sent = upload(alice, private="1")
    answer = act(alice, sent.code, "recipient", addresses="carol@example.org", by_mail="y")

    assert answer.status_code == 422
    assert alice.get(sent.page, headers=JSON).json["recipients"] == []


def test_a_takedown_reaches_a_recipient_who_is_added_meanwhile(make_any_app: Any):
    app = make_any_app()
    alice = make_user(app)
    sent = upload(with_token(app, alice))
    locked, asked = threading.Event(), threading.Event()

    def add_a_child() -> None:
        with app.app_context():
            link_id = db.session.scalars(select(Link.id).where(Link.code == sent.code)).one()
            with write_transaction() as session:
                row = lock_link(link_id)
                locked.set()
                # SQLite's writers wait in a queue before they ask anything: held for long enough.
                asked.wait(0.5)
                values = child_values(row, "carol@example.org", code_length=10, now=utcnow())
                session.add(Link(**values))
            db.session.remove()

    thread = threading.Thread(target=add_a_child)
    thread.start()
    locked.wait(10)
    with app.app_context():
        link_id = db.session.scalars(select(Link.id).where(Link.code == sent.code)).one()
        storage = app.extensions["minifile"].storage
        # What it asks for first is the row that the other has.
        event.listen(db.engine, "before_cursor_execute", lambda *_: asked.set())
        take_down(link_id, Takedown("bad"), actor=BY_SHELL, storage=storage, now=utcnow())
        db.session.remove()
    thread.join()
    with app.app_context():
        states = db.session.execute(select(Link.recipient, Link.state)).all()
        db.session.remove()
    assert {state for _, state in states} == {"revoked"}, states


def test_an_upload_that_is_on_its_way_ends_when_its_sender_is_disabled(start_server: Any):
    server = start_server()
    server.run("user", "create", "Alice", "--password-stdin", text=f"{PASSWORD}\n")
    token = server.run("token", "create", "Alice", "x", "--scopes", "upload").stdout
    token = re.search(r"mf_[A-Za-z0-9_-]+", token)[0]
    host, port = urlsplit(server.url).hostname, urlsplit(server.url).port
    with socket.create_connection((host, port)) as connection:
        head = (
            f"PUT /late.bin HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: */*\r\n"
            f"Authorization: Bearer {token}\r\nContent-Length: 200000\r\n\r\n"
        )
        connection.sendall(head.encode() + b"a" * 100_000)
        eventually(lambda: any(server.instance_path.rglob("*.part")))
        assert server.run("user", "disable", "Alice").returncode == 0
        connection.sendall(b"b" * 100_000)
        connection.settimeout(20)
        answer = connection.recv(2000)
    assert answer.startswith((b"HTTP/1.1 401", b"HTTP/1.1 403")), answer[:15]


def test_a_downgrade_does_not_open_private_links(make_any_app: Any):
    import flask_migrate

    from minifile.cli.db import prepare_migrations

    app = make_any_app()
    sent = upload(signed_in(app, make_user(app)), private="1")
    assert shell(app).get(f"/{sent.code}").status_code == 404
    with app.app_context():
        prepare_migrations(app)
        folder = str(app.extensions["minifile"].migrations)
        flask_migrate.downgrade(directory=folder, revision="0009")
        # What the version before accounts serves is every link that is open.
        state = db.session.execute(db.text("SELECT state FROM link")).scalar_one()
        db.session.remove()
    assert state != "open"


def test_recipients_are_not_added_where_one_mail_too_many_is_refused(make_app: Any):
    with mail_server() as mailbox:
        app = make_app(
            mail_url=mailbox.url,
            public_url="http://localhost",
            mail_from="Files <files@example.org>",
            rate_mails=1,
        )
        alice = signed_in(app, make_user(app))
        first, second = upload(alice, private="1"), upload(alice, private="1")
        assert (
            act(alice, first.code, "recipient", addresses="carol@example.org", by_mail="y")
        ).status_code == 303
        answer = act(
            alice,
            second.code,
            "recipient",
            addresses="dave@example.org, carol@example.org",
            by_mail="y",
        )
        background.finish()
        left = alice.get(second.page, headers=JSON).json["recipients"]
        assert answer.status_code == 429
        assert [each["address"] for each in left] == []
