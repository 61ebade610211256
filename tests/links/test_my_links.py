"""My links: what this browser has made, and nothing of anybody else."""

import re
from datetime import UTC, datetime

import pytest
from cast import change_row, send
from conftest import browser
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from minifile.extensions import db
from minifile.services.owned_links import PAGE


@pytest.fixture
def alice(any_database_app: Flask) -> FlaskClient:
    client = browser(any_database_app)
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


def test_who_has_made_no_link_is_told_what_to_do(any_database_app: Flask, alice: FlaskClient):
    stranger = browser(any_database_app)

    for client in (alice, stranger):
        answer = client.get("/links/")
        assert answer.status_code == 200
        assert "Links that you make in this browser are listed here" in answer.text
        assert answer.headers["Cache-Control"] == "no-store"


def test_the_newest_link_comes_first(any_database_app: Flask, alice: FlaskClient):
    made = [give(any_database_app, alice, f"{number}.txt") for number in range(3)]

    assert codes(alice) == made[::-1]


def test_links_of_others_are_not_listed(any_database_app: Flask, alice: FlaskClient):
    link = send(any_database_app, {"a.txt": b"a"}, password="word")
    bob = browser(any_database_app)
    bob.get("/")
    bob.post(f"/{link.code}/unlock", data={"password": "word"})
    give(any_database_app, alice, "b.txt")

    assert codes(bob) == []
    assert link.code not in codes(alice)


def test_a_row_tells_name_size_count_and_state(any_database_app: Flask, alice: FlaskClient):
    one = give(any_database_app, alice, "a&b <i>.txt", max_downloads="3")
    many = give(any_database_app, alice, "x/a.txt", "x/b.txt")

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
    any_database_app: Flask, alice: FlaskClient, standing: str, changes: dict, is_linked: bool
):
    code = give(any_database_app, alice, "a.txt")
    change_row(any_database_app, code, **changes)

    row = row_of(alice, code)

    assert f">{standing}</span>" in row
    assert (f'href="/links/{code}"' in row) == is_linked


def test_a_link_that_is_being_deleted_is_not_listed(any_database_app: Flask, alice: FlaskClient):
    code = give(any_database_app, alice, "a.txt")
    change_row(any_database_app, code, state="deleting")

    assert codes(alice) == []


def test_many_links_come_in_pages_with_two_queries_each(
    any_database_app: Flask, alice: FlaskClient
):
    made = [give(any_database_app, alice, f"{number}.txt") for number in range(PAGE + 2)]
    statements: list[str] = []
    with any_database_app.app_context():
        event.listen(db.engine, "before_cursor_execute", lambda *more: statements.append(more[2]))

    first, second = codes(alice), codes(alice, "/links/?page=2")

    assert first + second == made[::-1]
    assert len(first) == PAGE
    assert len([one for one in statements if "FROM link" in one or "FROM file" in one]) == 4
    assert 'rel="next"' not in alice.get("/links/?page=2").text


@pytest.mark.parametrize("page", ["0", "-1", "x", "1" * 30, "٣", ""])
def test_a_page_that_is_none_is_the_first(any_database_app: Flask, alice: FlaskClient, page: str):
    code = give(any_database_app, alice, "a.txt")

    assert codes(alice, f"/links/?page={page}") == [code]


def test_a_page_after_the_last_is_empty(alice: FlaskClient):
    answer = alice.get("/links/?page=7")

    assert answer.status_code == 200
    assert "nothing on this page" in answer.text


def test_the_address_without_a_slash_leads_there(alice: FlaskClient):
    answer = alice.get("/links")

    assert answer.status_code == 308
    assert answer.headers["Location"].endswith("/links/")
