"""Quotas: nobody holds or sends more than allowed, and nothing stays reserved."""

import io
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cast import form
from conftest import NOW, settings_of, shell
from flask import Flask
from people import with_token
from services.making import at_once, incoming, rates_of, storage_of
from services.test_users import make_user, token_of
from sqlalchemy import func, select

from minifile.errors import BadOption, BadUpload, CodeTaken, QuotaExceeded
from minifile.extensions import db, write_transaction
from minifile.identity import BY_SHELL, NO_LIMIT, Account, Allowance, Scope
from minifile.models import DailyUpload, File, Link, Reservation
from minifile.services.allowances import limits_of
from minifile.services.link_files import add_files
from minifile.services.links import revoke_link, undo_revoke
from minifile.services.quotas import use_of
from minifile.services.reservations import ALIVE_FOR, purge_reservations
from minifile.services.storing import Incoming
from minifile.services.uploads import NewLink, receive_upload
from minifile.services.users import change_limits
from minifile.values import Limits, LinkRecord, UploadOptions, Visitor
from minifile.web.current import utcnow

KIB = 1024
DAY = timedelta(days=1)


class Sender:
    """Alice with limits of her own, who uploads."""

    def __init__(self, app: Flask, **allowance: Any) -> None:
        self.app = app
        self.user = make_user()
        change_limits(self.user.id, Allowance(**allowance), actor=BY_SHELL, now=NOW)
        account = Account(self.user.id, "Alice", "user", frozenset(Scope))
        self.visitor = Visitor(None, "192.0.2.1", "192.0.2.1", "curl/8.5.0", account=account)

    @property
    def limits(self) -> Limits:
        settings = settings_of(self.app)
        return limits_of(self.user.id, settings.limits, settings.allowances)

    def send(
        self, size: int, *, declared: int | None = None, now=NOW, chunks: Any = None, **options: Any
    ) -> NewLink:
        files = [Incoming("a.bin", None, chunks or iter([bytes(size)]))]
        return receive_upload(
            iter(files), lambda: UploadOptions(**options), self.visitor, declared_bytes=declared,
            rates=rates_of(self.app), limits=self.limits, storage=storage_of(self.app),
            now=lambda: now,
        )  # fmt: skip

    def used(self, now=NOW) -> tuple[int, int, int]:
        use = use_of(self.user.id, now)
        return use.size_bytes, use.links, use.reserved_bytes


def reserved() -> int:
    count = db.session.scalar(select(func.count()).select_from(Reservation)) or 0
    db.session.commit()
    return count


@pytest.fixture
def sending(everywhere: Flask) -> Callable[..., Sender]:
    return lambda **allowance: Sender(everywhere, **allowance)


def test_of_fifty_uploads_at_once_as_many_come_through_as_fit(make_any_app: Callable[..., Flask]):
    app = make_any_app(rate_uploads="off")
    with app.app_context():
        alice = Sender(app, quota=100 * KIB)
        alice.send(90 * KIB, now=utcnow())
        token = token_of(alice.user, Scope.UPLOAD)
        codes = at_once(app, *[lambda: put(app, token, 4 * KIB)] * 50)

        assert sorted(codes) == [200] * 2 + [413] * 48
        assert alice.used(utcnow()) == (98 * KIB, 3, 0)
        assert reserved() == 0
        assert db.session.scalar(select(func.sum(File.size_bytes))) == 98 * KIB


def put(app: Flask, token: str, size: int) -> int:
    answer = shell(app).put(
        "/a.bin", data=bytes(size), headers={"Authorization": f"Bearer {token}"}
    )
    return answer.status_code


def test_of_fifty_resumable_uploads_at_once_as_many_begin_as_fit(
    make_any_app: Callable[..., Flask],
):
    app = make_any_app(rate_partial_uploads="off", rate_uploads="off")
    with app.app_context():
        alice = Sender(app, quota=100 * KIB)
        alice.send(90 * KIB, now=utcnow())
        token = token_of(alice.user, Scope.UPLOAD)
        begun = at_once(app, *[lambda: begin(app, token, 4 * KIB)] * 50)
        paths = [path for status, path in begun if status == 201]
        during = alice.used(utcnow())
        ended = [finish(app, path, 4 * KIB) for path in paths]

        assert [status for status, _ in begun].count(413) == 48
        assert during == (98 * KIB, 3, 8 * KIB)
        assert ended == [204, 204]
        assert alice.used(utcnow()) == (98 * KIB, 3, 0)


def begin(app: Flask, token: str, size: int | None) -> tuple[int, str]:
    length = {"Upload-Defer-Length": "1"} if size is None else {"Upload-Length": str(size)}
    answer = shell(app).post(
        "/tus/",
        headers={"Tus-Resumable": "1.0.0", "Authorization": f"Bearer {token}", **length},
    )
    return answer.status_code, (answer.location or "").partition("/tus/")[2]


def finish(app: Flask, path: str, size: int, **more: str) -> int:
    """Send the bytes as whoever knows the address: without the token."""
    answer = shell(app).patch(
        f"/tus/{path}", data=bytes(size), content_type="application/offset+octet-stream",
        headers={"Tus-Resumable": "1.0.0", "Upload-Offset": "0", **more},
    )  # fmt: skip
    return answer.status_code


def test_what_fits_exactly_is_taken_and_a_byte_more_is_not(sending: Callable[..., Sender]):
    alice = sending(quota=10)

    with pytest.raises(QuotaExceeded, match="11 B more do not fit: 10 B are left of 10 B"):
        alice.send(11, declared=11)
    alice.send(10, declared=10)

    assert alice.used() == (10, 1, 0)
    with pytest.raises(QuotaExceeded):
        alice.send(1)
    alice.send(0)


def test_nothing_is_read_of_what_does_not_fit(sending: Callable[..., Sender]):
    alice = sending(quota=10)

    def never() -> Iterator[bytes]:
        pytest.fail("a byte was read")
        yield b""

    with pytest.raises(QuotaExceeded):
        alice.send(0, declared=11, chunks=never())


def test_an_upload_of_unknown_length_stops_where_the_quota_ends(sending: Callable[..., Sender]):
    alice = sending(quota=40 * 2**20)
    read: list[int] = []

    def chunks() -> Iterator[bytes]:
        for _ in range(100):
            read.append(2**20)
            yield bytes(2**20)

    with pytest.raises(QuotaExceeded):
        alice.send(0, chunks=chunks())

    assert len(read) == 41
    assert (alice.used(), reserved()) == ((0, 0, 0), 0)


def test_an_upload_that_breaks_off_gives_its_room_back(sending: Callable[..., Sender]):
    alice = sending(quota=10)
    seen: list[tuple[int, int, int]] = []

    def broken() -> Iterator[bytes]:
        seen.append(alice.used())
        yield b"12345"
        raise BadUpload("cut")

    with pytest.raises(BadUpload):
        alice.send(0, declared=10, chunks=broken())

    assert seen == [(10, 1, 10)]
    assert (alice.used(), reserved()) == ((0, 0, 0), 0)


def test_a_revoked_and_an_expired_link_take_no_room_from_that_moment_on(
    sending: Callable[..., Sender],
):
    alice = sending(quota=20)
    first, second = alice.send(10).link, alice.send(10, lifetime=DAY).link

    revoke_link(first, now=NOW, undo_within=timedelta(minutes=10))

    assert alice.used() == (10, 1, 0)
    assert alice.used(NOW + DAY) == (0, 0, 0)
    assert second


def test_a_revoke_is_undone_only_while_there_is_room(sending: Callable[..., Sender]):
    alice = sending(quota=15)
    link = alice.send(10).link
    revoke_link(link, now=NOW, undo_within=timedelta(minutes=10))
    other = alice.send(10).link

    with pytest.raises(QuotaExceeded):
        undo_revoke(link, limits=alice.limits, now=NOW)
    assert alice.used() == (10, 1, 0)
    revoke_link(other, now=NOW)
    undo_revoke(link, limits=alice.limits, now=NOW)

    assert alice.used() == (10, 1, 0)


def test_a_quota_below_what_is_used_stops_uploads_and_takes_nothing(
    sending: Callable[..., Sender],
):
    alice = sending(quota=100)
    alice.send(50)

    change_limits(alice.user.id, Allowance(quota=10), actor=BY_SHELL, now=NOW)

    with pytest.raises(QuotaExceeded, match="0 B are left of 10 B"):
        alice.send(1)
    assert alice.used() == (50, 1, 0)


def test_live_links_are_counted_and_limited(sending: Callable[..., Sender]):
    alice = sending(max_links=2)
    links = [alice.send(1).link, alice.send(1).link]

    with pytest.raises(QuotaExceeded, match="2 live links may be there at once, and there are 2"):
        alice.send(1)
    revoke_link(links[0], now=NOW)

    assert alice.send(1)


def test_of_many_links_at_once_as_many_are_made_as_are_allowed(
    make_any_app: Callable[..., Flask],
):
    app = make_any_app(rate_uploads="off")
    with app.app_context():
        alice = Sender(app, max_links=5)
        made = at_once(app, *[lambda: alice.send(1)] * 20)

        assert [isinstance(each, NewLink) for each in made].count(True) == 5


def test_a_day_has_its_limit_and_the_next_one_a_new_one(sending: Callable[..., Sender]):
    alice = sending(daily_upload=10)
    revoke_link(alice.send(8).link, now=NOW)

    with pytest.raises(QuotaExceeded, match="too much for today: 2 B are left of 10 B a day"):
        alice.send(3)

    assert alice.send(2)
    assert alice.send(10, now=NOW + DAY)


def test_files_that_are_added_need_room_too(sending: Callable[..., Sender]):
    alice = sending(quota=20)
    link = alice.send(10).link

    add(alice, link, 10)
    with pytest.raises(QuotaExceeded):
        add(alice, link, 1)

    assert (alice.used(), reserved()) == ((20, 1, 0), 0)


def add(sender: Sender, link: LinkRecord, size: int) -> None:
    add_files(
        link, iter([incoming("b.bin", bytes(size))]), sender.visitor, declared_bytes=size,
        rates=rates_of(sender.app), limits=sender.limits, storage=storage_of(sender.app),
        now=lambda: NOW,
    )  # fmt: skip


def test_a_resumable_upload_holds_its_room_until_it_expires(everywhere: Flask):
    alice = Sender(everywhere, quota=10)
    token = token_of(alice.user, Scope.UPLOAD)

    status, _ = begin(everywhere, token, 8)
    again, _ = begin(everywhere, token, 3)

    assert (status, again) == (201, 413)
    assert alice.used(now=NOW + timedelta(days=36_000)) == (0, 0, 0)


def test_an_upload_whose_length_is_said_later_is_held_to_the_quota(everywhere: Flask):
    alice = Sender(everywhere, quota=10)
    token = token_of(alice.user, Scope.UPLOAD)
    _, path = begin(everywhere, token, None)
    _, other = begin(everywhere, token, None)

    too_much = finish(everywhere, path, 11, **{"Upload-Length": "11"})
    fits = finish(everywhere, path, 10, **{"Upload-Length": "10"})
    unsaid = finish(everywhere, other, 1)

    assert (too_much, fits, unsaid) == (413, 204, 413)
    assert reserved() == 0


def test_parts_and_what_is_made_of_them_are_counted_once(everywhere: Flask):
    alice = Sender(everywhere, quota=10)
    token = token_of(alice.user, Scope.UPLOAD)
    proof = {"Tus-Resumable": "1.0.0", "Authorization": f"Bearer {token}"}
    paths = []
    for _ in range(2):
        answer = shell(everywhere).post(
            "/tus/", data=b"12345", content_type="application/offset+octet-stream",
            headers={**proof, "Upload-Length": "5", "Upload-Concat": "partial"},
        )  # fmt: skip
        paths.append("/tus/" + answer.location.partition("/tus/")[2])

    answers = at_once(everywhere, *[lambda: join(everywhere, proof, paths)] * 3)

    assert sorted(answers)[0] == 201
    assert answers.count(201) == 1
    assert db.session.scalar(select(func.sum(File.size_bytes))) == 10
    assert use_of(alice.user.id, NOW).size_bytes in (0, 10)


def join(app: Flask, proof: dict[str, str], paths: list[str]) -> int:
    answer = shell(app).post(
        "/tus/", headers={**proof, "Upload-Concat": f"final;{' '.join(paths)}"}
    )
    return answer.status_code


def test_what_a_dead_process_had_reserved_is_free_after_a_while(sending: Callable[..., Sender]):
    alice = sending(quota=10)
    with write_transaction() as session:
        dead = {"size_bytes": 10, "links": 1, "created_at": NOW, "alive_until": NOW + ALIVE_FOR}
        session.add(Reservation(holder=alice.user.id, **dead))
        session.add(DailyUpload(holder=alice.user.id, day="2026-11-01", size_bytes=10))

    assert alice.used() == (10, 1, 10)
    assert alice.used(NOW + ALIVE_FOR) == (0, 0, 0)
    assert purge_reservations(NOW + ALIVE_FOR) == 1
    assert db.session.scalars(select(DailyUpload)).all() == []


def test_senders_without_an_account_share_a_quota_of_their_own(
    make_any_app: Callable[..., Flask],
):
    app = make_any_app(anonymous_quota="100KiB", rate_uploads="off")
    with app.app_context():
        Sender(app).send(500 * KIB, now=utcnow())
        codes = at_once(app, *[lambda: anonymous_put(app, 30 * KIB)] * 10)

        assert sorted(codes) == [200] * 3 + [413] * 7
        assert reserved() == 0


def anonymous_put(app: Flask, size: int) -> int:
    return shell(app).put("/a.bin", data=bytes(size)).status_code


@pytest.mark.parametrize("make", ["form", "put"])
def test_a_form_whose_files_just_fit_is_taken(make_any_app: Callable[..., Flask], make: str):
    app = make_any_app(user_quota="1000")
    with app.app_context():
        token = token_of(make_user(), Scope.UPLOAD)
    proof = {"Authorization": f"Bearer {token}"}
    client = shell(app)

    def send(size: int) -> int:
        if make == "put":
            return client.put("/a", data=bytes(size), headers=proof).status_code
        files = {"file": (io.BytesIO(bytes(size)), "a")}
        return client.post("/", data=files, headers=proof).status_code

    assert [send(1001), send(1000), send(1)] == [413, 200, 413]


def test_an_allowance_is_the_users_then_the_roles_then_the_instances(
    make_any_app: Callable[..., Flask],
):
    app = make_any_app(max_file_size="1MiB", user_max_file_size="3MiB", user_max_lifetime="10d")
    settings = settings_of(app)
    with app.app_context():
        alice = make_user()
        by_role = limits_of(alice.id, settings.limits, settings.allowances)
        nobodys = limits_of(None, settings.limits, settings.allowances)
        own = Allowance(max_file_size=NO_LIMIT, max_lifetime=timedelta(days=400))
        change_limits(alice.id, own, actor=BY_SHELL, now=NOW)
        by_admin = limits_of(alice.id, settings.limits, settings.allowances)

    assert nobodys == replace(settings.limits, holder=0)
    assert (by_role.max_file_size, by_role.max_lifetime) == (3 * 2**20, timedelta(days=10))
    assert by_admin.max_file_size > 2**60
    assert by_admin.max_link_size >= by_admin.max_file_size
    assert by_admin.max_lifetime == timedelta(days=400)


def test_a_code_that_was_chosen_is_the_links_and_never_anothers(sending: Callable[..., Sender]):
    alice = sending()
    link = alice.send(1, custom_code="Our-Report").link
    with write_transaction() as session:
        session.execute(db.delete(Link))

    assert link.code == "Our-Report"
    with pytest.raises(CodeTaken):
        alice.send(1, custom_code="Our-Report")
    assert reserved() == 0


def test_of_many_who_choose_one_code_at_once_one_gets_it(make_any_app: Callable[..., Flask]):
    app = make_any_app(rate_uploads="off")
    with app.app_context():
        alice = Sender(app)
        made = at_once(app, *[lambda: alice.send(1, custom_code="the-code")] * 6)

        assert sorted(type(each).__name__ for each in made) == ["CodeTaken"] * 5 + ["NewLink"]
        assert db.session.scalar(select(func.count()).select_from(File)) == 1


@pytest.mark.parametrize("code", ["ab", "a" * 65, "a b", "links", "ADMIN", "tus", "ä" * 5, "a.zip"])
def test_what_can_not_be_a_code_is_refused(sending: Callable[..., Sender], code: str):
    with pytest.raises(BadOption):
        sending().send(1, custom_code=code)


def test_only_users_choose_codes(client: Any):
    answer = client.put("/a.txt?code=my-code", data=b"x")

    assert (answer.status_code, answer.text[:7]) == (422, "Sign in")


def test_the_last_link_that_is_allowed_may_be_a_bundle(make_any_app: Callable[..., Flask]):
    app = make_any_app(user_max_links="1")
    with app.app_context():
        client = with_token(app, make_user(), Scope.UPLOAD)
    bundle = "bundle-that-nobody-guesses"
    told = ",".join(f"{key} {b64encode(value.encode()).decode()}" for key, value in (
        ("filename", "a.bin"), ("bundle", bundle),
    ))  # fmt: skip
    headers = {"Tus-Resumable": "1.0.0", "Upload-Metadata": told, "Upload-Length": "5"}

    begun = client.post(
        "/tus/", data=b"12345", content_type="application/offset+octet-stream", headers=headers
    )
    finished = client.post("/", **form({}, {"bundle": bundle, "bundle_files": "1"}))
    more = client.put("/b.bin", data=b"1")

    assert (begun.status_code, finished.status_code, more.status_code) == (201, 200, 413)
