"""MAIL_URL and MAIL_FROM: read, refused with a sentence, never shown."""

from pathlib import Path
from typing import Any

import pytest

from minifile.config import load_settings
from minifile.config.mail import MailServer, parse_mail_url
from minifile.errors import ConfigError


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example.org", MailServer("mail.example.org", 587, "starttls")),
        ("smtp://mail.example.org?tls=tls", MailServer("mail.example.org", 465, "tls")),
        ("smtp://127.0.0.1:2525?tls=none", MailServer("127.0.0.1", 2525, "none")),
        (
            "smtp://me%40example.org:p%40ss@mail.example.org:587",
            MailServer("mail.example.org", 587, "starttls", "me@example.org", "p@ss"),
        ),
    ],
)
def test_an_address_is_read(url: str, server: MailServer):
    assert parse_mail_url(url) == server


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.org", "http://mail.example.org", "smtp://", "smtp://u:hidden@h:x",
        "smtp://u:hidden@h:99999", "smtp://u:hidden@h/path", "smtp://u:hidden@h?tls=maybe",
        "smtp://u:hidden@h?ssl=1", "smtp://hidden@h", "smtp://u:hid@den@h", "smtp://u:hidden@h#x",
        "smtp://[hidden", "smtp://u:hidden@[h",
    ],
)  # fmt: skip
def test_an_address_that_can_not_be_used_is_refused_without_showing_it(tmp_path: Path, url: str):
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, mail_url=url)

    assert "MAIL_URL: " in str(refused.value)
    assert "hidden" not in str(refused.value)


def test_mail_needs_a_sender_and_the_address_of_the_site(tmp_path: Path):
    url = "smtp://u:hidden@mail.example.org"

    with pytest.raises(ConfigError, match="MAIL_FROM: is needed with MAIL_URL"):
        load(tmp_path, mail_url=url, mail_from="")
    with pytest.raises(ConfigError, match="MAIL_URL: needs PUBLIC_URL"):
        load(tmp_path, mail_url=url, public_url=None)

    settings = load(tmp_path, mail_url=url)
    assert "hidden" not in repr(settings)


@pytest.mark.parametrize("address", ["nobody", "@", "a@b\nBcc: c@d", "<>", "Files <files>"])
def test_a_sender_is_an_address(tmp_path: Path, address: str):
    with pytest.raises(ConfigError, match="MAIL_FROM: must be an address"):
        load(tmp_path, mail_from=address)


def load(folder: Path, **given: Any):
    defaults = {"public_url": "https://f.example.org", "mail_from": "Files <files@example.org>"}
    chosen = {**defaults, **given}
    return load_settings(
        {"instance_path": folder, **{k: v for k, v in chosen.items() if v is not None}}
    )
