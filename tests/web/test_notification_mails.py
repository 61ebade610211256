"""What mails about notifications say: all of it twice, and nothing that does not belong there."""

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from conftest import NOW
from flask import Flask

from minifile.services.mail import Mail
from minifile.web.notification_mails import write_digest, write_mail
from minifile.web.notification_words import KIND_WORDS, Told, one_line
from minifile.web.switching_off import Off, read_off

SITE = "https://f.example.org"
FILES = {"files": ["Fotos & <b>Rezepte</b>.zip", "b.txt"], "file_count": 3}
PAYLOADS: dict[str, dict[str, Any]] = {
    "first_download": {**FILES, "outcome": "completed", "bytes_sent": 2048, "family": "Firefox"}
    | {"recipient": "bob@example.org"},
    "download": {**FILES, "outcome": "aborted", "files_completed": 1, "download_count": 2},
    "exhausted": {**FILES, "max_downloads": 3},
    "unfetched": {**FILES, "expires_at": "2026-11-23T12:00:00+00:00"},
    "submission": {**FILES, "title": "Photos", "sender_name": "Bob", "request_code": "abcdefghij"},
    "quota": {"used_bytes": 95 * 2**20, "quota_bytes": 100 * 2**20},
    "report": {"reason": "malware"},
}  # fmt: skip
WHOM = "alice@example.org"


@pytest.fixture
def site(make_app: Any) -> Iterator[Flask]:
    app = make_app(mail_url="smtp://127.0.0.1:9", mail_from="f@example.org", public_url=SITE)
    with app.test_request_context():
        yield app


def told(kind: str, **more: Any) -> Told:
    return Told(kind, NOW, {**PAYLOADS[kind], **more}, code="kT7xWq2mPd")


def mail_about(what: Told, link_id: int | None = None) -> Mail:
    return write_mail(WHOM, what, Off(7, what.kind, link_id), message_id="<n-1@example.org>")


@pytest.mark.parametrize("kind", KIND_WORDS)
def test_text_and_html_of_each_kind_say_the_same(kind: str, site: Flask):
    mail = mail_about(told(kind))
    html = mail.html or ""

    assert mail.subject.endswith(" · minifile")
    for line in mail.text.splitlines():
        words = re.sub(r"^ *[A-Z][a-z' ]+: ", "", line).strip().strip("-")
        assert words in unescape(html), line
    assert mail.off_address in mail.text
    assert set(re.findall(r"https?://[^/\s\"<]+", mail.text + html)) == {SITE}
    assert not re.search(r"<(img|link|script|style|iframe|form)\b|url\(|@import", html)
    assert "None" not in mail.text


@pytest.mark.parametrize("kind", KIND_WORDS)
def test_a_payload_of_another_version_does_no_harm(kind: str, site: Flask):
    for payload in ({}, {"files": "x", "file_count": "y", "expires_at": 5, "max_downloads": None}):
        assert mail_about(Told(kind, NOW, payload)).subject

    assert mail_about(Told("what comes next", NOW, {})).subject


def test_a_name_can_not_bring_lines_or_headers_along(site: Flask):
    evil = "a\r\nBcc: eve@example.org\u2028b\u202egnp.exe\x00"

    mail = mail_about(told("download", files=[evil], file_count=1))

    assert mail.subject == "a Bcc: eve@example.org b gnp.exe : a download · minifile".replace(
        "exe :", "exe:"
    )
    assert not re.search("[\r\x00\u2028\u202e]", mail.subject + mail.text + (mail.html or ""))
    assert len(one_line("x" * 5000)) == 120


def test_what_is_switched_off_is_signed(site: Flask):
    mail = mail_about(told("download"), link_id=5)
    token = str(mail.off_address).rpartition("/")[2]

    assert read_off(token) == Off(7, "download", 5)
    assert "of this link" in mail.text


def test_a_digest_tells_all_in_order(site: Flask):
    events = [told(kind) for kind in KIND_WORDS]
    events.append(replace(events[0], payload={"files": ["last.txt"]}))

    mail = write_digest(WHOM, events, Off(7, "digest"), message_id="<n-2@example.org>")

    assert mail.subject == "8 things happened to your links · minifile"
    sentences = ["first time", "were downloaded.", "are used", "expires soon", "Bob has sent"]
    found = [mail.text.index(words) for words in [*sentences, "reported", "last.txt"]]
    assert found == sorted(found)
    assert mail.text.count("Switch these mails off") == 1
