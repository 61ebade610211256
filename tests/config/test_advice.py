"""Settings that are allowed and may not be meant: a warning, or a word that all is well."""

from pathlib import Path
from typing import Any

import pytest

from minifile.config import load_settings
from minifile.config.advice import advise
from minifile.values import Level

GOOD_KEY = "0123456789abcdef" * 4


def warnings(folder: Path, **given: Any) -> dict[str, str]:
    """Return what is not well with the settings, by part."""
    settings = load_settings({"instance_path": folder, **given})
    return {each.part: each.sentence for each in advise(settings) if each.level is not Level.OK}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"secret_key": GOOD_KEY, "public_url": "https://a.example.org", "trusted_proxies": 1},
        {"public_url": "http://localhost:8000", "trusted_hosts": "a.example.org,.b.example.org"},
    ],
    ids=["defaults", "behind-a-proxy", "at-home"],
)
def test_settings_that_fit_together_are_well(tmp_path: Path, given: dict[str, Any]):
    assert warnings(tmp_path, **given) == {}


@pytest.mark.parametrize(
    ("given", "part", "words"),
    [
        ({"public_url": "https://a.example.org"}, "proxies", "TRUSTED_PROXIES is 0"),
        ({"download_mode": "x-accel"}, "proxies", "takes nginx in front"),
        ({"trusted_proxies": 1}, "public URL", "PUBLIC_URL makes sure"),
        ({"public_url": "http://a.example.org"}, "public URL", "not encrypted"),
        (
            {
                "public_url": "http://localhost",
                "mail_from": "a@example.org",
                "mail_url": "smtp://mail.example.org?tls=none",
            },
            "mail",
            "whoever is on the way",
        ),
        ({"secret_key": "sixteen letters!"}, "secret key", "guessed"),
        ({"secret_key": "ab" * 40}, "secret key", "guessed"),
        ({"trusted_hosts": "a.example.org:443"}, "host names", "without scheme and port"),
        ({"trusted_hosts": "*.example.org"}, "host names", ".example.org for all names below"),
        ({"rate_uploads": "off"}, "rate limits", "Off are RATE_UPLOADS"),
    ],
)
def test_what_may_not_be_meant_is_told(
    tmp_path: Path, given: dict[str, Any], part: str, words: str
):
    found = warnings(tmp_path, **given)

    assert list(found) == [part]
    assert words in found[part]


@pytest.mark.parametrize(
    ("endpoint", "public_url", "words"),
    [
        ("http://s3.example.org", "https://a.example.org", "from https to an http endpoint"),
        ("https://127.0.0.1:9000", "https://a.example.org", "only this machine can reach"),
        ("https://s3.example.org", "https://a.example.org", None),
        ("http://127.0.0.1:9000", None, None),
    ],
)
def test_recipients_must_be_able_to_follow_to_the_bucket(
    tmp_path: Path, endpoint: str, public_url: str | None, words: str | None
):
    storage_url = f"s3://bucket?endpoint={endpoint}"
    mode = {"download_mode": "redirect", "storage_url": storage_url}

    found = warnings(tmp_path, public_url=public_url, trusted_proxies=1, **mode)

    assert (words or "") in found.get("downloads", "")
    assert ("downloads" in found) is (words is not None)


def test_a_kept_key_that_others_may_read_is_told(tmp_path: Path):
    load_settings({"instance_path": tmp_path})
    (tmp_path / "secret_key").chmod(0o644)

    assert "Others may read" in warnings(tmp_path)["secret key"]
