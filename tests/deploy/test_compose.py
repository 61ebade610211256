"""The compose files: hardened, pinned, without a secret, with settings that exist."""

import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from deploying import COMPOSE_FILES, ROOT, read_compose

from minifile.config import Settings, load_settings
from minifile.config.buckets import parse_bucket_url

SERVICES = [(name, each) for name in COMPOSE_FILES for each in read_compose(name)["services"]]


@pytest.fixture
def service(request: pytest.FixtureRequest) -> dict[str, Any]:
    file, name = request.param
    found: dict[str, Any] = read_compose(file)["services"][name]
    return found


every_service = pytest.mark.parametrize("service", SERVICES, ids="-".join, indirect=True)


@every_service
def test_every_service_has_as_few_rights_as_can_be(service: dict[str, Any]):
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")


@every_service
def test_every_image_has_a_version(service: dict[str, Any]):
    assert re.fullmatch(r"[a-z/]+:v?\d[\w.-]*", service["image"])


@every_service
def test_every_setting_exists_and_no_secret_is_among_them(service: dict[str, Any]):
    given = {k: v for k, v in service.get("environment", {}).items() if k.startswith("MINIFILE_")}
    names = {name.removeprefix("MINIFILE_").removesuffix("_FILE").lower() for name in given}

    assert names <= set(Settings.model_fields)
    assert [
        k for k in given if re.search("KEY|DATABASE|STORAGE", k) and not k.endswith("_FILE")
    ] == []


@pytest.mark.parametrize("name", COMPOSE_FILES)
def test_what_is_mounted_is_in_the_repository(name: str):
    folder = (ROOT / name).parent
    services = read_compose(name)["services"].values()
    mounted = [each.split(":")[0] for service in services for each in service.get("volumes", ())]

    assert [each for each in mounted if each.startswith(".") and not (folder / each).exists()] == []


def test_our_image_has_the_version_of_the_project():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    images = [read_compose(file)["services"][name]["image"] for file, name in SERVICES]

    assert {each for each in images if each.startswith("minifile:")} == {f"minifile:{version}"}


def test_a_stop_waits_for_longer_than_the_server_does():
    grace = Settings.model_fields["stop_timeout"].default.total_seconds()

    for file, name in SERVICES:
        service = read_compose(file)["services"][name]
        if service["image"].startswith("minifile:") and "command" not in service:
            minutes = re.fullmatch(r"(\d+)m", service["stop_grace_period"])
            assert minutes
            assert int(minutes[1]) * 60 > grace


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """The secrets as the script makes them."""
    script = ROOT / "deploy" / "make-secrets.sh"
    subprocess.run(["sh", script, tmp_path / "secrets"], check=True, capture_output=True)
    return tmp_path / "secrets"


def test_the_secrets_that_are_made_are_those_that_are_named(secrets: Path):
    compose = read_compose("compose.yaml")
    named = {Path(each["file"]).name for each in compose["secrets"].values()}
    named |= {Path(each).name for each in compose["services"]["garage"]["env_file"]}

    assert {path.name for path in secrets.iterdir()} == named
    assert secrets.stat().st_mode & 0o777 == 0o700


def test_the_secrets_that_are_made_fit_together(
    secrets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in ("secret_key", "database_url", "storage_url"):
        monkeypatch.setenv(f"MINIFILE_{name.upper()}_FILE", str(secrets / name))
    compose = read_compose("compose.yaml")["services"]

    settings = load_settings({"instance_path": tmp_path / "instance"})

    bucket = parse_bucket_url(settings.storage_url)
    garage = dict(line.split("=") for line in (secrets / "garage.env").read_text().splitlines())
    assert garage["GARAGE_DEFAULT_ACCESS_KEY"] == bucket.access_key_id
    assert garage["GARAGE_DEFAULT_SECRET_KEY"] == bucket.secret_access_key
    assert compose["garage"]["environment"]["GARAGE_DEFAULT_BUCKET"] == bucket.bucket
    assert len(settings.secret_key) == 64
    password = (secrets / "postgres_password").read_text().strip()
    assert settings.database_url.endswith(f"//minifile:{password}@postgres/minifile")


def test_secrets_that_are_there_already_stay(secrets: Path):
    before = (secrets / "secret_key").read_text()

    again = subprocess.run(
        ["sh", ROOT / "deploy" / "make-secrets.sh", secrets],
        env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert again.returncode == 1
    assert "nothing was changed" in again.stderr
    assert (secrets / "secret_key").read_text() == before
