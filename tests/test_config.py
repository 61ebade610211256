"""Settings: where they come from, what is refused, and how clearly."""

import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import linux_only

from minifile import create_app
from minifile.config import Settings, load_settings
from minifile.errors import ConfigError

POSTGRES = "postgresql+psycopg://alice:hidden@localhost/minifile"
# Waits for a line, so that several of them start on the key at once.
KEY_MAKER = """
import sys
from minifile.config import load_settings
print("ready", flush=True)
sys.stdin.readline()
print(load_settings({"instance_path": sys.argv[1]}).secret_key)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An instance folder, set in the environment."""
    monkeypatch.setenv("MINIFILE_INSTANCE_PATH", str(tmp_path))
    return tmp_path


def load(**given: Any) -> Settings:
    return load_settings(given)


def refusal(**given: Any) -> str:
    """Return what is said about settings that can't be used."""
    with pytest.raises(ConfigError) as error:
        load_settings(given)
    return str(error.value)


def test_without_any_setting_the_promised_defaults_hold(folder: Path):
    settings = load()

    assert settings.default_lifetime == timedelta(days=1)
    assert settings.max_lifetime == timedelta(days=30)
    assert settings.max_file_size == 2 * 2**30
    assert settings.max_link_size == 10 * 2**30
    assert settings.keep_free == 2**30
    assert settings.purge_interval == timedelta(hours=1)
    assert settings.code_length == 10
    assert settings.trusted_proxies == 0
    assert settings.download_mode == "stream"
    assert settings.database_url == f"sqlite:///{folder}/minifile.sqlite"
    assert settings.storage_url == f"file:{folder}/uploads"


def test_values_come_from_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MINIFILE_MAX_FILE_SIZE", "5MiB")
    monkeypatch.setenv("MINIFILE_LIFETIME_CHOICES", "1h, 2d")
    monkeypatch.setenv("MINIFILE_ALLOWED_TYPES", "pdf, .docx,image/*,")
    monkeypatch.setenv("MINIFILE_RATE_UPLOADS", "off")

    settings = load()

    assert settings.max_file_size == 5 * 2**20
    assert settings.lifetime_choices == (timedelta(hours=1), timedelta(days=2))
    assert settings.allowed_types == ("pdf", ".docx", "image/*")
    assert settings.rate_uploads is None


def test_values_come_from_the_file(folder: Path):
    (folder / "minifile.toml").write_text(
        'max_file_size = "5MiB"\nCODE_LENGTH = 12\nallowed_types = ["pdf"]\n'
        'lifetime_choices = ["1h", "2d"]\n'
    )

    settings = load()

    assert (settings.max_file_size, settings.code_length) == (5 * 2**20, 12)
    assert settings.allowed_types == ("pdf",)
    assert settings.lifetime_choices == (timedelta(hours=1), timedelta(days=2))


def test_the_environment_wins_over_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch):
    (folder / "minifile.toml").write_text('code_length = 12\nmax_lifetime = "3d"\n')
    monkeypatch.setenv("MINIFILE_CODE_LENGTH", "14")

    settings = load()

    assert (settings.code_length, settings.max_lifetime) == (14, timedelta(days=3))


def test_the_instance_folder_can_not_stand_in_its_own_file(folder: Path):
    (folder / "minifile.toml").write_text('instance_path = "/elsewhere"\n')

    assert "INSTANCE_PATH can't stand in minifile.toml" in refusal()


def test_a_file_that_is_no_toml_is_named_with_the_place(folder: Path):
    (folder / "minifile.toml").write_text("max_file_size = 5MiB\n")

    assert "minifile.toml can't be read" in refusal()
    assert "line 1" in refusal()


def test_nginx_sends_no_bytes_that_are_in_a_bucket(folder: Path):
    said = refusal(download_mode="x-accel", storage_url="s3://bucket")

    assert "DOWNLOAD_MODE" in said
    assert "x-accel needs a folder that nginx can read: STORAGE_URL must begin with file:" in said


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("max_file_size", "big", "'big' is no size; write it like 500MiB or 2GiB"),
        ("max_file_size", -1, "greater than or equal to 0"),
        ("max_link_files", 0, "greater than or equal to 1"),
        ("default_lifetime", "60", "'60' is no duration"),
        ("default_lifetime", "0d", "greater than"),
        ("default_lifetime", "31d", "DEFAULT_LIFETIME"),
        ("max_lifetime", "1h", "DEFAULT_LIFETIME"),
        ("lifetime_choices", "", "at least 1"),
        ("lifetime_choices", "1h,x", "'x' is no duration"),
        ("code_length", 7, "greater than or equal to 8"),
        ("code_length", "ten", "integer"),
        ("trusted_proxies", -1, "greater than or equal to 0"),
        ("delivery_lease", "25h", "less than or equal to 1 day"),
        ("rate_uploads", 0, "greater than or equal to 1"),
        ("public_url", "files.example.org", "without a path"),
        ("public_url", "ftp://files.example.org", "without a path"),
        ("public_url", "https://", "without a path"),
        ("public_url", "https://files.example.org/share", "without a path"),
        ("public_url", "https://files.example.org/?x=1", "without a path"),
        ("public_url", "https://[files.example.org", "Invalid IPv6 URL"),
        ("download_mode", "nginx", "'stream', 'x-accel' or 'redirect'"),
        ("download_mode", "redirect", "redirect needs a bucket: STORAGE_URL must begin with s3:"),
        ("storage_url", "/srv/uploads", "must begin with file:, s3:// or gs://"),
        ("storage_url", "s3:bucket", "must begin with file:, s3:// or gs://"),
        ("secret_key", "short", "at least 16 characters"),
        ("rate_limit_url", "memcached://127.0.0.1", "must be like redis://"),
        ("rate_limit_url", "redis://", "must be like redis://"),
        ("rate_limit_url", "redis://127.0.0.1:port/0", "must name a port"),
        ("rate_limit_url", "redis://127.0.0.1/name", "the number of a database"),
    ],
)
def test_a_bad_value_is_refused_by_name(folder: Path, name: str, value: object, message: str):
    said = refusal(**{name: value})

    assert name.upper() in said
    assert message in said
    assert said.count("\n") == 1, "one fault is one line"


def test_a_public_url_may_have_a_port_and_a_last_slash(folder: Path):
    assert load(public_url="https://files.example.org:8443/").public_url


@pytest.mark.parametrize(
    ("name", "url", "module", "extra"),
    [
        ("database_url", "postgresql+psycopg://host/db", "psycopg", "minifile[postgres]"),
        ("rate_limit_url", "redis://:secret-of-redis@host", "redis", "minifile[redis]"),
    ],
)
def test_what_is_not_installed_is_named_with_its_extra(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, url: str, module: str, extra: str
):
    monkeypatch.setitem(sys.modules, module, None)

    said = refusal(**{name: url})

    assert f"pip install '{extra}'" in said
    assert "secret-of-redis" not in said


def test_every_bad_value_is_named_in_one_message(folder: Path, monkeypatch: pytest.MonkeyPatch):
    (folder / "minifile.toml").write_text('keep_fre = "1GiB"\ncode_length = 3\n')
    monkeypatch.setenv("MINIFILE_MAX_FILE_SIZE", "big")
    monkeypatch.setenv("MINIFILE_MAX_LIFETIME", "1h")
    monkeypatch.setenv("MINIFILE_PUBLIC_URL", "https://files.example.org/share")
    monkeypatch.setenv("MINIFILE_STORAGE_URL", "s3://b")
    monkeypatch.setenv("MINIFILE_PUBLIC_ULR", "https://files.example.org")

    said = refusal()

    named = ["keep_fre", "CODE_LENGTH", "MAX_FILE_SIZE", "MAX_LIFETIME", "PUBLIC_URL"]
    named += ["STORAGE_URL", "MINIFILE_PUBLIC_ULR"]
    assert [name for name in named if name not in said] == []
    assert said.count("\n- ") == 7


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("MINIFILE_MAX_FILESIZE", "MAX_FILE_SIZE"),
        ("MINIFILE_PUBLIC_ULR", "PUBLIC_URL"),
        ("MINIFILE_DATABSE_URL", "DATABASE_URL"),
        ("MINIFILE_KEEPFREE", "KEEP_FREE"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_known_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, near: str
):
    monkeypatch.setenv(name, "1")

    assert f"{name} is no setting; did you mean {near}?" in refusal()


def test_a_name_like_no_other_is_refused_without_a_guess(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MINIFILE_XYZZY", "1")

    assert refusal().endswith("- MINIFILE_XYZZY is no setting")


@pytest.mark.parametrize(
    "secret",
    [{"secret_key": "hunter2"}, {"database_url": POSTGRES}],
    ids=["secret-key", "database-password"],
)
def test_a_refusal_shows_no_secret(folder: Path, secret: dict[str, str]):
    said = refusal(code_length=3, **secret)

    assert "hunter2" not in said
    assert "hidden" not in said


def test_settings_that_are_shown_hide_their_secrets(folder: Path):
    shown = repr(load(secret_key="a secret of 16 characters", database_url=POSTGRES))

    assert "a secret of" not in shown
    assert "hidden" not in shown


def test_a_secret_key_is_made_once_for_its_owner_only(folder: Path):
    first, second = load(), load()

    mode = (folder / "secret_key").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600
    assert len(first.secret_key) == 64
    assert first.secret_key == second.secret_key
    assert [path.name for path in folder.iterdir()] == ["secret_key"]


def test_a_secret_key_that_is_given_is_not_kept(folder: Path):
    load(secret_key="a secret of 16 characters")

    assert list(folder.iterdir()) == []


def test_processes_that_start_at_once_agree_on_the_secret_key(tmp_path: Path):
    command = [sys.executable, "-c", KEY_MAKER, str(tmp_path / "instance")]
    makers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for maker in makers:
        assert maker.stdout is not None
        assert maker.stdout.readline() == "ready\n"
    for maker in makers:
        assert maker.stdin is not None
        maker.stdin.write("\n")
        maker.stdin.flush()

    keys = {maker.communicate(timeout=60)[0] for maker in makers}

    assert len(keys) == 1
    assert [path.name for path in (tmp_path / "instance").iterdir()] == ["secret_key"]


def test_an_external_database_needs_a_secret_key_that_replicas_share(folder: Path):
    assert "SECRET_KEY is needed when DATABASE_URL is not SQLite" in refusal(database_url=POSTGRES)
    assert load(database_url=POSTGRES, secret_key="a secret of 16 characters")


def test_the_instance_folder_is_made_with_the_ones_above_it(tmp_path: Path):
    load(instance_path=tmp_path / "srv" / "minifile")

    assert (tmp_path / "srv" / "minifile" / "secret_key").exists()


def test_an_instance_folder_that_can_not_be_made_is_named(tmp_path: Path):
    (tmp_path / "file").touch()

    for path in (tmp_path / "file", tmp_path / "file" / "instance"):
        assert f"INSTANCE_PATH: the folder {path} can't be made" in refusal(instance_path=path)


@linux_only
def test_an_instance_folder_that_can_not_be_written_is_named():
    assert "INSTANCE_PATH: " in refusal(instance_path="/proc")


@pytest.mark.parametrize(
    "url",
    ["nonsense", "postgres://localhost/minifile", "mysql+nodriver://localhost/minifile"],
    ids=["no-url", "old-name", "no-driver"],
)
def test_a_database_url_nothing_can_open_is_refused_by_name(folder: Path, url: str):
    with pytest.raises(ConfigError, match="DATABASE_URL"):
        create_app({"database_url": url, "secret_key": "a secret of 16 characters"})
