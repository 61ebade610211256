"""The numbers of the sender's page: as JSON for its script, and in the page without it."""

import pytest
from cast import Sent, change_row, fetch, send, stored_link
from conftest import browser, shell
from flask import Flask

JSON = {"Accept": "application/json"}


@pytest.fixture
def link(app: Flask) -> Sent:
    return send(app, {"a.txt": b"alpha", "may/<b>.txt": b"beta"}, max_downloads="2", note="Hi")


def as_owner(link: Sent) -> dict[str, str]:
    return {**JSON, "Authorization": f"Bearer {link.owner_token}"}


def test_the_owner_gets_the_numbers_as_json(app: Flask, link: Sent):
    fetch(shell(app), link.file())

    answer = shell(app).get(
        link.page, headers={**JSON, "Authorization": f"Bearer {link.owner_token}"}
    )

    found = answer.json
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert (found["state"], found["download_count"], found["downloads_left"]) == ("open", 1, 1)
    assert (found["code"], found["note"], found["fetching"]) == (link.code, "Hi", 0)
    assert 86_000 < found["seconds_left"] <= 86_400
    assert found["files"][0]["id"] == stored_link(app, link.code).files[0].id
    (delivery,) = found["deliveries"]
    assert (delivery["name"], delivery["size"], delivery["bytes_sent"]) == ("a.txt", 5, 5)


def test_the_browser_that_owns_the_link_gets_them_too(app: Flask, link: Sent):
    alice = browser(app)
    alice.get("/")
    alice.get(link.private_page)

    answer = alice.get(link.page, headers=JSON)

    assert answer.json["download_count"] == 0
    assert {"Accept", "Cookie"} <= set(answer.headers["Vary"].split(", "))


def test_a_program_gets_them_at_the_private_address(app: Flask, link: Sent):
    answer = shell(app).get(link.private_page, headers=JSON)

    assert answer.json["code"] == link.code
    assert "Set-Cookie" not in answer.headers
    assert shell(app).get(f"{link.page}/{'x' * 32}", headers=JSON).status_code == 404


@pytest.mark.parametrize("token", [None, "x" * 32])
def test_nobody_else_gets_them(app: Flask, link: Sent, token: str | None):
    headers = JSON if token is None else {**JSON, "Authorization": f"Bearer {token}"}

    answer = shell(app).get(link.page, headers=headers)

    assert answer.status_code == 404
    assert "download_count" not in answer.text


def test_nothing_of_a_secret_is_in_them(app: Flask, link: Sent):
    answer = shell(app).get(
        link.page, headers={**JSON, "Authorization": f"Bearer {link.owner_token}"}
    )

    row = stored_link(app, link.code)
    for secret in (link.owner_token, row.owner_token_hash, row.files[0].storage_key):
        assert secret not in answer.text


def test_an_exhausted_and_an_expired_link_say_so(app: Flask, link: Sent):
    owner = as_owner(link)
    change_row(app, link.code, download_count=2)
    exhausted = shell(app).get(link.page, headers=owner)
    change_row(app, link.code, expires_at=stored_link(app, link.code).created_at)

    expired = shell(app).get(link.page, headers=owner)

    assert (exhausted.json["state"], exhausted.json["downloads_left"]) == ("exhausted", 0)
    assert expired.status_code == 410


def test_the_page_lists_deliveries_without_a_script(app: Flask, link: Sent):
    before = browser(app).get(link.private_page).text
    fetch(shell(app), link.file(1))

    page = browser(app).get(link.private_page).text

    assert "Nobody has fetched anything yet." in before
    assert "<bdi data-name>may/&lt;b&gt;.txt</bdi>" in page
    assert "data-state>completed</span>" in page
    assert "<b data-live-fetching>0</b>" in page
    assert f'<a href="{link.private_page}">Refresh</a>' in page


def test_the_qr_code_can_be_kept_as_a_file(app: Flask, link: Sent):
    page = browser(app).get(link.private_page).text

    assert f'href="/{link.code}.qr.svg" download="{link.code}.qr.svg"' in page
