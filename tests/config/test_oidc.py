"""Settings of sign-in by OpenID Connect: checked together, and no secret shown."""

import sys
from pathlib import Path
from typing import Any

import pytest

from minifile.config import Settings, load_settings, survey_settings
from minifile.errors import ConfigError

ISSUER = "https://id.example.org/realms/files"
SOUND = {"oidc_issuer": ISSUER, "oidc_client_id": "minifile", "oidc_client_secret": "hidden"}


def load(folder: Path, **given: Any) -> Settings:
    return load_settings({"instance_path": folder, **given})


def refusal(folder: Path, **given: Any) -> str:
    with pytest.raises(ConfigError) as error:
        load(folder, **given)
    return str(error.value)


def test_without_an_issuer_nobody_signs_in_there(tmp_path: Path):
    settings = load(tmp_path)

    assert settings.oidc_issuer == ""
    assert settings.oidc_scopes == ("openid", "profile", "email")
    assert settings.oidc_create_users is True


def test_sound_settings_are_taken_and_hide_the_secret(tmp_path: Path):
    settings = load(tmp_path, **SOUND, oidc_scopes="openid groups,email")

    assert settings.oidc_scopes == ("openid", "groups", "email")
    assert "hidden" not in repr(settings)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"oidc_issuer": ISSUER}, "OIDC_CLIENT_ID: is needed, since OIDC_ISSUER is set"),
        (
            {**SOUND, "oidc_role_claim": "groups"},
            "OIDC_ADMIN_VALUES: is needed, since OIDC_ROLE_CLAIM is set",
        ),
        ({**SOUND, "oidc_scopes": "profile"}, "OIDC_SCOPES: must name openid"),
        ({**SOUND, "oidc_scopes": 'openid "x"'}, "OIDC_SCOPES: must name openid"),
        ({**SOUND, "oidc_scopes": ""}, "OIDC_SCOPES: must name openid"),
        ({**SOUND, "oidc_name": ""}, "OIDC_NAME: "),
        ({**SOUND, "oidc_create_users": "perhaps"}, "OIDC_CREATE_USERS: "),
    ],
)
def test_what_does_not_go_together_stops_the_start(
    tmp_path: Path, given: dict[str, Any], said: str
):
    found = refusal(tmp_path, **given)

    assert said in found
    assert found.count("\n") == 1
    assert "hidden" not in found


@pytest.mark.parametrize(
    ("issuer", "said"),
    [
        ("id.example.org", "must be like https://"),
        ("https://", "must be like https://"),
        ("https://[id", "must be like https://"),
        ("https://id.example.org:port", "must be like https://"),
        ("https://id.example.org/?realm=files", "must be like https://"),
        ("https://id.example.org/#files", "must be like https://"),
        (f"https://id.example.org/{'x' * 255}", "must be like https://"),
        ("http://id.example.org", "must begin with https://"),
        ("ftp://localhost", "must begin with https://"),
    ],
)
def test_an_issuer_that_can_not_be_one_is_refused(tmp_path: Path, issuer: str, said: str):
    assert f"OIDC_ISSUER: {said}" in refusal(tmp_path, **SOUND | {"oidc_issuer": issuer})


@pytest.mark.parametrize("issuer", ["http://localhost:8080/realms/x", "https://id.example.org/o/"])
def test_a_provider_on_this_machine_needs_no_https(tmp_path: Path, issuer: str):
    assert load(tmp_path, **SOUND | {"oidc_issuer": issuer}).oidc_issuer == issuer


@pytest.mark.parametrize("module", ["authlib", "requests", "joserfc"])
def test_without_the_extra_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
):
    monkeypatch.setitem(sys.modules, module, None)

    assert "pip install 'minifile[oidc]'" in refusal(tmp_path, **SOUND)


def test_beside_another_fault_the_provider_is_still_known(tmp_path: Path):
    survey = survey_settings({"instance_path": tmp_path, "code_length": 1, **SOUND})

    assert survey.refused == {"code_length"}
    assert survey.settings is not None
    assert survey.settings.oidc_issuer == ISSUER
