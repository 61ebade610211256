"""The export of a user's data: everything that names them, in JSON, and no secret."""

import json

from flask import Flask
from services.making import make_link
from services.test_leaving import furnish, make, own

from minifile.extensions import db
from minifile.services.personal_data import export_account


def test_everything_that_names_the_user_is_in_it(everywhere: Flask):
    alice, bob = make("Alice"), make("Robert")
    furnish(everywhere, alice, bob)
    make_link(everywhere)

    text = "".join(export_account(alice.id))

    told = json.loads(text)
    assert {name: len(rows) for name, rows in told.items() if name != "account"} == {
        "sessions": 1, "api_tokens": 1, "identities": 1, "links": 1, "grants": 1,
        "file_requests": 1, "submissions": 1, "partial_uploads": 1, "daily_uploads": 1,
        "webhooks": 1, "subscriptions": 1, "notifications": 1, "audit": 0,
    }  # fmt: skip
    assert told["links"][0]["shared_with"] == ["Robert"]
    assert told["submissions"][0]["link"] == told["links"][0]["code"]
    assert told["submissions"][0]["file_request"] == told["file_requests"][0]["code"]
    assert told["subscriptions"][0]["webhook"] == told["webhooks"][0]["url"]
    for secret in ("$argon2", "a" * 64, "b" * 64, "_hash", "storage_key", "w" * 32):
        assert secret not in text


def test_many_links_are_told_page_by_page(everywhere: Flask, monkeypatch):
    monkeypatch.setattr("minifile.services.personal_data.ROWS", 2)
    alice = make("Alice")
    codes = [own(everywhere, alice, b"x", b"y").code for _ in range(5)]
    db.session.commit()

    told = json.loads("".join(export_account(alice.id)))

    assert [link["code"] for link in told["links"]] == codes
    assert [len(link["files"]) for link in told["links"]] == [2] * 5
