"""The short way to small files: it says what the long way says, or nothing at all."""

import socket
from collections.abc import Callable, Iterator, Mapping

import pytest
from conftest import FIREFOX, shell
from flask import Flask
from services.accounts import make_account, make_shared_link
from services.making import make_link
from sqlalchemy import select, update

from minifile.download.fast import MAX_BYTES, FastAnswer, FastDownloads, FastRequest
from minifile.extensions import db
from minifile.models import Delivery, Link, Slot
from minifile.services.links import revoke_link
from minifile.services.shared_with import read_sharing
from minifile.values import LinkRecord
from minifile.web.current import utcnow

HOST = "Host: localhost"
CURL = "User-Agent: curl/8.5.0"


def head(path: str, *lines: str, method: str = "GET", version: str = "HTTP/1.1") -> bytes:
    return "\r\n".join([f"{method} {path} {version}", *lines, "", ""]).encode()


@pytest.fixture
def fast(app: Flask) -> FastDownloads:
    return FastDownloads(app)


@pytest.fixture
def connection() -> Iterator[socket.socket]:
    """The server's end of a TCP connection; a client reads what comes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        theirs = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
    with ours, theirs:
        yield ours


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param((HOST, CURL, "Accept: */*"), id="curl"),
        pytest.param((HOST, "user-agent: Wget/1.21", "accept-encoding: identity"), id="wget"),
        pytest.param((HOST, CURL, "Connection: keep-alive"), id="kept"),
        pytest.param(("Host: 127.0.0.1:8000", CURL), id="by-address"),
        pytest.param(("Host:localhost", CURL), id="no-space"),
    ],
)
@pytest.mark.parametrize("path", ["/kT7wq2NhXa", "/kT7wq2NhXa/a.bin"])
def test_plain_requests_are_recognised(
    fast: FastDownloads, connection: socket.socket, lines: tuple[str, ...], path: str
):
    request = fast.recognise(head(path, *lines), "192.0.2.1", connection)

    assert request is not None
    assert (request.code, request.name) == ("kT7wq2NhXa", "a.bin" if "." in path else None)


REFUSED = {
    "post": head("/kT7wq2NhXa/a", HOST, CURL, method="POST"),
    "head": head("/kT7wq2NhXa/a", HOST, CURL, method="HEAD"),
    "http-1.0": head("/kT7wq2NhXa/a", HOST, CURL, version="HTTP/1.0"),
    "close": head("/kT7wq2NhXa/a", HOST, CURL, "Connection: close"),
    "cookie": head("/kT7wq2NhXa/a", HOST, CURL, "Cookie: minifile=x"),
    "password": head("/kT7wq2NhXa/a", HOST, CURL, "Authorization: Basic OnB3"),
    "link-password": head("/kT7wq2NhXa/a", HOST, CURL, "X-Link-Password: pw"),
    "range": head("/kT7wq2NhXa/a", HOST, CURL, "Range: bytes=0-1"),
    "precondition": head("/kT7wq2NhXa/a", HOST, CURL, "If-None-Match: *"),
    "prefetch": head("/kT7wq2NhXa/a", HOST, CURL, "Sec-Purpose: prefetch"),
    "proxy": head("/kT7wq2NhXa/a", HOST, CURL, "X-Forwarded-For: 192.0.2.9"),
    "body": head("/kT7wq2NhXa/a", HOST, CURL, "Content-Length: 5"),
    "expect": head("/kT7wq2NhXa/a", HOST, CURL, "Expect: 100-continue"),
    "bot": head("/kT7wq2NhXa/a", HOST, "User-Agent: Slackbot 1.0"),
    "browser-at-the-link": head("/kT7wq2NhXa", HOST, f"User-Agent: {FIREFOX}"),
    "page-wanted": head("/kT7wq2NhXa", HOST, CURL, "Accept: text/html"),
    "json-wanted": head("/kT7wq2NhXa", HOST, CURL, "Accept: application/json"),
    "no-agent-at-the-link": head("/kT7wq2NhXa", HOST),
    "no-host": head("/kT7wq2NhXa/a", CURL),
    "two-hosts": head("/kT7wq2NhXa/a", HOST, HOST, CURL),
    "foreign-host": head("/kT7wq2NhXa/a", "Host: evil.example", CURL),
    "query": head("/kT7wq2NhXa/a?inline=1", HOST, CURL),
    "preview": head("/kT7wq2NhXa/a", HOST, CURL, "Sec-Fetch-Dest: image"),
    "escapes": head("/kT7wq2NhXa/a%20b", HOST, CURL),
    "folder": head("/kT7wq2NhXa/a/b", HOST, CURL),
    "zip": head("/kT7wq2NhXa.zip", HOST, CURL),
    "index": head("/", HOST, CURL),
    "absolute": head("http://localhost/kT7wq2NhXa/a", HOST, CURL),
    "folded": head("/kT7wq2NhXa/a", HOST, CURL, " more: x"),
    "control": head("/kT7wq2NhXa/a", HOST, "User-Agent: curl\x01"),
    "bare-line-feed": head("/kT7wq2NhXa/a", HOST, CURL).replace(b"\r\n", b"\n"),
    "not-whole": head("/kT7wq2NhXa/a", HOST, CURL)[:-2],
    "pipelined": head("/kT7wq2NhXa/a", HOST, CURL) * 2,
    "long": head("/kT7wq2NhXa/a", HOST, CURL, "Accept: " + "x" * 3000),
    "nothing": b"",
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=list(REFUSED))
def test_everything_else_goes_the_long_way(
    fast: FastDownloads, connection: socket.socket, data: bytes
):
    assert fast.recognise(data, "192.0.2.1", connection) is None


def test_behind_a_proxy_there_is_no_short_way(make_app: Callable[..., Flask]):
    assert not FastDownloads(make_app(trusted_proxies=1)).is_possible


@pytest.mark.postgres
def test_where_commits_are_not_shared_there_is_no_short_way(any_database_app: Flask):
    assert FastDownloads(any_database_app).is_possible is (
        any_database_app.extensions["minifile"].settings.uses_sqlite
    )


def ask(app: Flask, connection: socket.socket, path: str) -> FastAnswer | None:
    """Ask the short way, as the client that `shell` is on the long one."""
    fast = FastDownloads(app)
    request = fast.recognise(head(path, HOST, CURL, "Accept: */*"), "192.0.2.1", connection)
    assert request is not None
    with fast.context():
        return answer(fast, request)


def answer(fast: FastDownloads, request: FastRequest) -> FastAnswer | None:
    [prepared] = fast.prepare([request])
    return prepared and fast.answer([prepared], [], durable=prepared.is_durable)[0]


def count(app: Flask, link: LinkRecord) -> int:
    with app.app_context():
        return db.session.scalars(select(Link.download_count).where(Link.id == link.id)).one()


def change(app: Flask, link: LinkRecord, **values: object) -> None:
    with app.app_context():
        db.session.execute(update(Link).where(Link.id == link.id).values(**values))
        db.session.commit()


def give_back(answer: FastAnswer) -> None:
    """Nothing of it was sent, so nothing stays counted."""
    answer.transfer.close()


@pytest.mark.parametrize("max_downloads", [None, 5])
@pytest.mark.parametrize("path", ["", "/0.bin"])
def test_both_ways_give_the_same_answer_for_an_open_link(
    app: Flask, connection: socket.socket, path: str, max_downloads: int | None
):
    with app.app_context():
        link = make_link(app, b"hello", now=utcnow(), max_downloads=max_downloads)
    long = shell(app).get(f"/{link.code}{path}")
    long.close()
    # What the long way counted was given back: nothing of it was sent.
    assert count(app, link) == 0

    answer = ask(app, connection, f"/{link.code}{path}")

    assert answer is not None
    assert count(app, link) == 1
    assert but_for_id(answer.headers) == but_for_id(long.headers)
    assert b"".join(answer.transfer) == long.data == b"hello"
    answer.transfer.close()


def but_for_id(headers: Mapping[str, str]) -> dict[str, str]:
    """Return what two answers have in common: each names its own request."""
    assert len(headers["X-Request-ID"]) == 16
    return {name: value for name, value in headers.items() if name != "X-Request-ID"}


def test_a_recipient_s_link_is_answered_as_the_long_way_answers_it(
    app: Flask, connection: socket.socket
):
    with app.app_context():
        parent = make_shared_link(make_account("Alice"), recipients=("carol@example.org",))
        [carol] = read_sharing(parent, now=utcnow()).recipients
    long = shell(app).get(f"/{carol.code}")
    long.close()

    answer = ask(app, connection, f"/{carol.code}")

    assert answer is not None
    assert but_for_id(answer.headers) == but_for_id(long.headers)
    assert b"".join(answer.transfer) == b"hello"
    answer.transfer.close()
    assert count(app, parent) == 0


def test_a_private_link_goes_the_long_way_and_writes_nothing(app: Flask, connection: socket.socket):
    with app.app_context():
        link = make_shared_link(make_account("Alice"), is_private=True)

    assert ask(app, connection, f"/{link.code}") is None
    assert count(app, link) == 0


def expired(app: Flask, link: LinkRecord) -> None:
    change(app, link, expires_at=utcnow())


def revoked(app: Flask, link: LinkRecord) -> None:
    with app.app_context():
        revoke_link(link, now=utcnow())


def being_deleted(app: Flask, link: LinkRecord) -> None:
    change(app, link, state="deleting")


def exhausted(app: Flask, link: LinkRecord) -> None:
    change(app, link, max_downloads=1, download_count=1)


def locked(app: Flask, link: LinkRecord) -> None:
    change(app, link, password_hash="$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA")


def without_its_blob(app: Flask, link: LinkRecord) -> None:
    app.extensions["minifile"].storage.delete(link.files[0].storage_key)


STATES = {
    410: (expired, revoked, exhausted),
    404: (being_deleted,),
    401: (locked,),
    500: (without_its_blob,),
}


@pytest.mark.parametrize("path", ["", "/0.bin"])
@pytest.mark.parametrize(
    ("status", "bring"),
    [pytest.param(s, b, id=b.__name__) for s, states in STATES.items() for b in states],
)
def test_whatever_is_no_plain_success_goes_the_long_way_uncounted(
    app: Flask,
    connection: socket.socket,
    path: str,
    status: int,
    bring: Callable[[Flask, LinkRecord], None],
):
    with app.app_context():
        link = make_link(app, b"hello", now=utcnow())
    bring(app, link)
    before = count(app, link)

    assert ask(app, connection, f"/{link.code}{path}") is None
    assert count(app, link) == before
    assert app.extensions["minifile"].transfers._running == {}
    answer = shell(app).get(f"/{link.code}{path}")
    answer.close()
    assert answer.status_code == status


def test_a_code_that_never_was_is_not_counted_as_a_guess(
    make_app: Callable[..., Flask], connection: socket.socket
):
    app = make_app(rate_unknown_codes=1)

    for _ in range(3):
        assert ask(app, connection, "/neverwas00/a.bin") is None

    assert shell(app).get("/neverwas00/a.bin").status_code == 404
    assert shell(app).get("/neverwas00/a.bin").status_code == 429


def test_an_address_that_is_locked_out_is_so_on_the_short_way_too(
    make_app: Callable[..., Flask], connection: socket.socket
):
    app = make_app(rate_unknown_codes=1)
    with app.app_context():
        link = make_link(app, now=utcnow())
    shell(app).get("/neverwas00/a.bin")

    assert ask(app, connection, f"/{link.code}/0.bin") is None


@pytest.mark.parametrize("path", ["", "/1.bin"])
def test_a_bundle_has_the_short_way_to_its_files_only(
    app: Flask, connection: socket.socket, path: str
):
    with app.app_context():
        link = make_link(app, b"a", b"bc", now=utcnow())

    answer = ask(app, connection, f"/{link.code}{path}")

    assert (answer is not None) is bool(path)
    if answer is not None:
        give_back(answer)


def test_a_large_file_goes_the_long_way(app: Flask, connection: socket.socket):
    with app.app_context():
        link = make_link(app, bytes(MAX_BYTES + 1), now=utcnow())

    assert ask(app, connection, f"/{link.code}") is None


def test_the_share_of_an_address_holds_on_the_short_way(
    make_app: Callable[..., Flask], connection: socket.socket
):
    app = make_app(max_transfers_per_address=1)
    with app.app_context():
        link = make_link(app, now=utcnow())

    first = ask(app, connection, f"/{link.code}")
    second = ask(app, connection, f"/{link.code}")

    assert first is not None
    assert second is None
    give_back(first)
    assert count(app, link) == 0


def test_many_at_once_are_counted_one_by_one_and_settled(app: Flask, connection: socket.socket):
    with app.app_context():
        link = make_link(app, b"hello", now=utcnow())
    fast = FastDownloads(app)
    request = fast.recognise(head(f"/{link.code}", HOST, CURL), "192.0.2.1", connection)
    assert request is not None

    with fast.context():
        prepared = [each for each in fast.prepare([request] * 7) if each is not None]
        answers = fast.answer(prepared, [], durable=False)
        transfers = [answer.transfer for answer in answers if answer is not None]
        for transfer in transfers:
            transfer.start()
        fast.answer([], transfers[:6], durable=False)

    # Six of which nothing was sent are given back, and one is still on its way.
    assert len(transfers) == 7
    assert count(app, link) == 1
    with app.app_context():
        assert len(db.session.scalars(select(Slot)).all()) == 1
        assert db.session.scalars(select(Delivery.in_flight)).all() == [1]
    transfers[6].close()
    assert count(app, link) == 0


class _Late(FastDownloads):
    """Somebody revokes the link after it was found and before it is counted."""

    def prepare(self, requests):
        prepared = super().prepare(requests)
        revoked(self._app, prepared[0].link)
        return prepared


def test_a_link_that_ends_between_look_up_and_count_goes_the_long_way(
    app: Flask, connection: socket.socket
):
    with app.app_context():
        link = make_link(app, b"hello", now=utcnow())
    fast = _Late(app)
    request = fast.recognise(head(f"/{link.code}", HOST, CURL), "192.0.2.1", connection)
    assert request is not None

    with fast.context():
        assert answer(fast, request) is None
    assert count(app, link) == 0
    assert app.extensions["minifile"].transfers._running == {}
