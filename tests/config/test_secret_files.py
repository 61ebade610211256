"""Values that stand in files, as Docker, Kubernetes and systemd hand out secrets."""

from pathlib import Path

import pytest

from minifile.config import load_settings
from minifile.errors import ConfigError


@pytest.fixture(autouse=True)
def _instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIFILE_INSTANCE_PATH", str(tmp_path / "instance"))


def test_a_value_is_read_from_the_file_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "key").write_text("a key of the instance\n")
    monkeypatch.setenv("MINIFILE_SECRET_KEY_FILE", str(tmp_path / "key"))

    assert load_settings().secret_key == "a key of the instance"


def test_a_file_that_can_not_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MINIFILE_DATABASE_URL_FILE", str(tmp_path / "none"))

    with pytest.raises(ConfigError, match="none can't be read: No such file"):
        load_settings()


def test_a_value_that_is_given_twice_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "key").write_text("a key of the instance\n")
    monkeypatch.setenv("MINIFILE_SECRET_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.setenv("MINIFILE_SECRET_KEY", "another key, also long")

    with pytest.raises(ConfigError, match="MINIFILE_SECRET_KEY is given twice"):
        load_settings()


def test_a_file_for_no_setting_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MINIFILE_XYZZY_FILE", "/dev/null")

    with pytest.raises(ConfigError, match="MINIFILE_XYZZY_FILE is no setting"):
        load_settings()
