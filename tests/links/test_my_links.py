"""My links: what this browser has made, and nothing of anybody else."""

import re
from datetime import UTC, datetime

import pytest
from cast import change_row, form_token, send, stored_link
from conftest import browser
from flask import Flask
from flask.testing import FlaskClient
from people import make_user, signed_in, with_token
from sqlalchemy import event

from minifile.extensions import db
from minifile.services.owned_links import PAGE
from minifile.services.user_sessions import open_session
from minifile.services.users import UserRecord
from minifile.web.current import current_session_times, utcnow


@pytest.fixture
def alice(app: Flask) -> FlaskClient:
    client = browser(app)
    client.get("/")
    return client


def give(app: Flask, alice: FlaskClient, *names: str, **options: str) -> str:
    """Make a link, let Alice's browser own it, and return its code."""
    link = send(app, dict.fromkeys(names, b"12345"), **options)
    assert alice.get(link.private_page).status_code == 303
    return link.code


def codes(client: FlaskClient, address: str = "/links/") -> list[str]:
    return re.findall(r'<span class="soft code">(\w+)</span>', client.get(address).text)


def row_of(client: FlaskClient, code: str) -> str:
    rows = re.findall(r"<tr>.*?</tr>", client.get("/links/").text, re.DOTALL)
    return next(re.sub(r"\s+", " ", row) for row in rows if code in row)


def test_who_has_made_no_link_is_told_what_to_do(app: Flask, alice: FlaskClient):
    stranger = browser(app)

    for client in (alice, stranger):
        answer = client.get("/links/")
        assert answer.status_code == 200
        assert "Links that you make in this browser are listed here" in answer.text
        assert answer.headers["Cache-Control"] == "no-store"


def test_the_newest_link_comes_first(app: Flask, alice: FlaskClient):
    made = [give(app, alice, f"{number}.txt") for number in range(3)]

    assert codes(alice) == made[::-1]


def test_links_of_others_are_not_listed(app: Flask, alice: FlaskClient):
    link = send(app, {"a.txt": b"a"}, password="word")
    bob = browser(app)
    bob.get("/")
    bob.post(f"/{link.code}/unlock", data={"password": "word"})
    give(app, alice, "b.txt")

    assert codes(bob) == []
    assert link.code not in codes(alice)


def test_a_row_tells_name_size_count_and_state(app: Flask, alice: FlaskClient):
    one = give(app, alice, "a&b <i>.txt", max_downloads="3")
    many = give(app, alice, "x/a.txt", "x/b.txt")

    row = row_of(alice, one)
    assert f'<a href="/links/{one}"><bdi>a&amp;b &lt;i&gt;.txt</bdi></a>' in row
    assert "0 of 3" in row
    assert "in 1 day" in row
    assert '<span class="tag good">open</span>' in row
    assert f'<a href="/links/{many}">2 files</a>' in row_of(alice, many)
    assert "10 B" in row_of(alice, many)


@pytest.mark.parametrize(
    ("standing", "changes", "is_linked"),
    [
        ("exhausted", {"max_downloads": 2, "download_count": 2}, True),
        ("revoked", {"state": "revoked"}, False),
        ("expired", {"expires_at": datetime(2026, 1, 1, tzinfo=UTC)}, False),
    ],
)
def test_a_link_that_is_over_says_how(
    app: Flask, alice: FlaskClient, standing: str, changes: dict, is_linked: bool
):
    code = give(app, alice, "a.txt")
    change_row(app, code, **changes)

    row = row_of(alice, code)

    assert f">{standing}</span>" in row
    assert (f'href="/links/{code}"' in row) == is_linked


def test_a_link_that_is_being_deleted_is_not_listed(app: Flask, alice: FlaskClient):
    code = give(app, alice, "a.txt")
    change_row(app, code, state="deleting")

    assert codes(alice) == []


def test_many_links_come_in_pages_with_three_queries_each(any_database_app: Flask):
    app = any_database_app
    alice = browser(app)
    alice.get("/")
    made = [give(app, alice, f"{number}.txt") for number in range(PAGE + 2)]
    statements: list[str] = []
    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", lambda *more: statements.append(more[2]))

    first, second = codes(alice), codes(alice, "/links/?page=2")

    assert first + second == made[::-1]
    assert len(first) == PAGE
    assert len([one for one in statements if "FROM link" in one or "FROM file" in one]) == 6
    assert 'rel="next"' not in alice.get("/links/?page=2").text


@pytest.mark.parametrize("page", ["0", "-1", "x", "1" * 30, "٣", ""])
def test_a_page_that_is_none_is_the_first(app: Flask, alice: FlaskClient, page: str):
    code = give(app, alice, "a.txt")

    assert codes(alice, f"/links/?page={page}") == [code]


def test_a_page_after_the_last_is_empty(alice: FlaskClient):
    answer = alice.get("/links/?page=7")

    assert answer.status_code == 200
    assert "nothing on this page" in answer.text


def test_the_address_without_a_slash_leads_there(alice: FlaskClient):
    answer = alice.get("/links")

    assert answer.status_code == 308
    assert answer.headers["Location"].endswith("/links/")


@pytest.fixture
def user(app: Flask) -> UserRecord:
    return make_user(app)


def put(client: FlaskClient, name: str, content: bytes = b"12345", **options: str) -> str:
    """Upload with an API token or as a browser, and return the code."""
    answer = client.put(f"/{name}", data=content, query_string=options, headers=JSON)
    assert answer.status_code == 201, answer.text
    return answer.json["code"]


JSON = {"Accept": "application/json"}


def test_a_user_finds_their_links_wherever_they_were_made(app: Flask, user: UserRecord):
    made = [put(with_token(app, user), "a.txt")]
    made.append(put(signed_in(app, user), "b.txt"))

    assert codes(signed_in(app, user)) == made[::-1]
    assert codes(signed_in(app, make_user(app, "Bob"))) == []
    assert codes(browser(app)) == []


def test_what_a_user_made_is_not_left_to_the_browser(app: Flask, user: UserRecord):
    client = signed_in(app, user)
    code = put(client, "a.txt")
    with client.session_transaction() as session:
        del session["account"]

    assert codes(client) == []
    assert client.get(f"/links/{code}").status_code == 404


def test_what_the_browser_made_before_is_listed_too(
    app: Flask, alice: FlaskClient, user: UserRecord
):
    before = give(app, alice, "before.txt")
    with alice.session_transaction() as session, app.app_context():
        session["account"] = nonce_of(user)
    after = put(alice, "after.txt")

    assert codes(alice) == [after, before]


def nonce_of(user: UserRecord) -> str:
    times = current_session_times()
    return open_session(user.id, user_agent="", times=times, now=utcnow())


# What is asked for, and which of the four links come in which order.
ASKED = {
    "q=REPORT": "cb", "q=100%25": "d", "q=_": "", "q=for+Bob": "a", "q=%00": "dcba",
    "q=" + "x" * 9000: "", "state=exhausted": "b", "state=expired": "a", "state=revoked": "c",
    "state=open": "d", "state=private": "", "state=x": "dcba", "sort=oldest": "abcd",
    "sort=size": "dcba", "sort=name": "adbc", "sort=downloads": "bdca", "sort=expiry": "acdb",
    "sort=x&q=report&state=revoked": "c",
}  # fmt: skip


def test_links_are_looked_for_filtered_and_sorted(any_database_app: Flask):
    app = any_database_app
    user = make_user(app)
    script, client = with_token(app, user), signed_in(app, user)
    names = {
        put(script, "aaa.txt", b"1", note="for Bob"): "a",
        put(script, "report 1.pdf", b"12"): "b",
        put(script, "Report 2.pdf", b"123"): "c",
        put(script, "at 100% now.txt", b"1234", expires_in="2d"): "d",
    }
    by_name = {name: code for code, name in names.items()}
    change_row(app, by_name["a"], expires_at=datetime(2026, 1, 1, tzinfo=UTC))
    change_row(app, by_name["b"], max_downloads=2, download_count=2)
    change_row(app, by_name["b"], expires_at=datetime(2099, 1, 1, tzinfo=UTC))
    change_row(app, by_name["c"], state="revoked")

    shown = {
        asked: "".join(names[code] for code in codes(client, f"/links/?{asked}")) for asked in ASKED
    }

    assert shown == ASKED


def test_the_totals_are_those_of_all_links(app: Flask, user: UserRecord):
    script = with_token(app, user)
    put(script, "a.txt", bytes(1024))
    over = put(script, "b.txt", bytes(2048))
    change_row(app, over, state="revoked", download_count=1234)

    page = re.sub(r"<[^>]+>|\s+", " ", signed_in(app, user).get("/links/?q=no").text)

    assert "1 live link" in re.sub(r" +", " ", page)
    assert "1 KiB in them" in re.sub(r" +", " ", page)
    assert "1,234 downloads" in re.sub(r" +", " ", page)


def tick(client: FlaskClient, action: str, *ticked: str, **fields: str):
    form = {
        "csrf_token": form_token(client.get("/links/")),
        "action": action,
        "code": list(ticked),
        **fields,
    }
    return client.post("/links/?sort=oldest", data=form)


def test_ticked_links_are_revoked_at_once_and_those_of_others_are_not(app: Flask, user: UserRecord):
    script, client = with_token(app, user), signed_in(app, user)
    mine = [put(script, f"{number}.txt") for number in range(3)]
    theirs = put(with_token(app, make_user(app, "Bob")), "b.txt")

    answer = tick(client, "revoke", mine[0], mine[1], theirs, "unknowncode")

    assert (answer.status_code, answer.location) == (303, "/links/?sort=oldest")
    assert "2 links revoked." in client.get("/links/").text
    states = [stored_link(app, code).state for code in [*mine, theirs]]
    assert states == ["revoked", "revoked", "open", "open"]


def test_ticked_links_live_longer_and_never_shorter(app: Flask, user: UserRecord):
    script, client = with_token(app, user), signed_in(app, user)
    short, long = put(script, "a.txt", expires_in="1h"), put(script, "b.txt", expires_in="20d")

    tick(client, "extend", short, long, expires_in="7d")

    days = [(stored_link(app, code).expires_at - utcnow()).days for code in (short, long)]
    assert days == [6, 19]


@pytest.mark.parametrize(
    ("action", "ticked", "lifetime", "status"),
    [
        ("revoke", False, "", 422), ("extend", True, "99999d", 422), ("extend", True, "x", 422),
        ("extend", True, "", 422), ("explode", True, "1d", 400),
    ],
)  # fmt: skip
def test_what_makes_no_sense_changes_nothing(
    app: Flask, user: UserRecord, action: str, ticked: bool, lifetime: str, status: int
):
    code = put(with_token(app, user), "a.txt")
    client = signed_in(app, user)
    before = stored_link(app, code).expires_at

    answer = tick(client, action, *([code] if ticked else []), expires_in=lifetime)

    assert answer.status_code == status
    after = stored_link(app, code)
    assert (after.state, after.expires_at) == ("open", before)


def test_another_site_can_not_revoke(app: Flask, user: UserRecord):
    code = put(with_token(app, user), "a.txt")
    client = signed_in(app, user)

    answer = client.post("/links/", data={"action": "revoke", "code": code})

    assert answer.status_code == 400
    assert stored_link(app, code).state == "open"
