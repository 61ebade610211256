"""The settings in force: where each came from, and no secret among them."""

from pathlib import Path

import pytest

from minifile.config import load_settings, settings_in_force
from minifile.config.in_force import without_secrets
from minifile.config.settings import Settings

SECRET = "s3cr3t-that-nobody-may-see"


def shown(settings: Settings) -> dict[str, tuple[str, str]]:
    return {each.name: (each.value, each.source) for each in settings_in_force(settings)}


def test_each_setting_tells_where_it_came_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "minifile.toml").write_text('max_file_size = "3GiB"\nkeep_free = "1MiB"\n')
    (tmp_path / "limit").write_text("7")
    monkeypatch.setenv("MINIFILE_KEEP_FREE", "2MiB")
    monkeypatch.setenv("MINIFILE_RATE_UPLOADS_FILE", str(tmp_path / "limit"))

    found = shown(load_settings({"instance_path": tmp_path, "code_length": 12}))

    assert found["MAX_FILE_SIZE"] == ("3 GiB", "minifile.toml")
    assert found["KEEP_FREE"] == ("2 MiB", "environment")
    assert found["RATE_UPLOADS"] == ("7", "secret file")
    assert found["CODE_LENGTH"] == ("12", "program")
    assert found["SECRET_KEY"] == ("••••••", "instance folder")
    assert found["MAX_LIFETIME"] == ("30 days", "default")
    assert found["USER_QUOTA"] == ("not set", "default")
    assert found["RATE_WRONG_PASSWORDS"] == ("10", "default")
    assert len(found) == len(Settings.model_fields)


def test_no_secret_is_shown(tmp_path: Path):
    settings = load_settings(
        {
            "instance_path": tmp_path,
            "secret_key": SECRET,
            "database_url": f"postgresql+psycopg://minifile:{SECRET}@db/minifile",
            "storage_url": "s3://files?endpoint=https://s3.example.org&access_key_id=AK"
            f"&secret_access_key={SECRET}",
            "rate_limit_url": f"rediss://:{SECRET}@redis:6380/0",
            "mail_url": f"smtp://mailer:{SECRET}@mail.example.org",
            "mail_from": "files@example.org",
            "public_url": "https://files.example.org",
        }
    )

    found = shown(settings)

    assert SECRET not in str(found)
    assert found["DATABASE_URL"][0] == "postgresql+psycopg://minifile:••••••@db/minifile"
    assert found["RATE_LIMIT_URL"][0] == "rediss://:••••••@redis:6380/0"
    assert "endpoint=https://s3.example.org" in found["STORAGE_URL"][0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://user:a@b:c@host/x", "https://user:••••••@host/x"),
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("https://host/?Token=abc&x=1", "https://host/?Token=••••••&x=1"),
        ("postgresql://h/db?password=abc", "postgresql://h/db?password=••••••"),
        ("no address at all", "no address at all"),
    ],
)
def test_passwords_in_addresses_are_hidden(text: str, expected: str):
    assert without_secrets(text) == expected
