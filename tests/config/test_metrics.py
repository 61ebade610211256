"""METRICS_TOKEN, METRICS_BIND and LOG_FORMAT: good values, and one sentence for each bad one."""

import sys
from pathlib import Path

import pytest

from minifile.config import load_settings, settings_in_force
from minifile.config.metrics import parse_address
from minifile.errors import ConfigError
from minifile.services.api_tokens import PREFIX

TOKEN = "0123456789abcdef"


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        ("127.0.0.1:9100", "127.0.0.1", 9100),
        ("localhost:0", "localhost", 0),
        ("[::1]:9100", "::1", 9100),
        ("0.0.0.0:65535", "0.0.0.0", 65535),
    ],
)
def test_an_address_is_a_host_and_a_port(tmp_path: Path, address: str, host: str, port: int):
    settings = load_settings({"instance_path": tmp_path, "metrics_bind": address})

    assert parse_address(settings.metrics_bind) == (host, port)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("metrics_bind", "9100", "must be a host and a port"),
        ("metrics_bind", ":9100", "must be a host and a port"),
        ("metrics_bind", "127.0.0.1", "must be a host and a port"),
        ("metrics_bind", "127.0.0.1:65536", "must be a host and a port"),
        ("metrics_bind", "::1:9100", "must be a host and a port"),
        ("metrics_bind", "http://127.0.0.1:9100", "must be a host and a port"),
        ("metrics_token", "hidden-word", "must have 16 to 200 letters"),
        ("metrics_token", "hidden word " * 3, "must have 16 to 200 letters"),
        ("metrics_token", f"{PREFIX}hidden-word-that-is-long", f"not begin with {PREFIX}"),
        ("log_format", "xml", "'text' or 'json'"),
    ],
)
def test_a_bad_value_is_refused_in_one_sentence(tmp_path: Path, name: str, value: str, words: str):
    with pytest.raises(ConfigError) as caught:
        load_settings({"instance_path": tmp_path, name: value})

    said = str(caught.value)
    assert f"- {name.upper()}: " in said
    assert words in said
    assert said.count("\n") == 1
    assert "hidden" not in said


@pytest.mark.parametrize(
    "given", [{"metrics_token": TOKEN}, {"metrics_bind": "127.0.0.1:9100"}], ids=["token", "bind"]
)
def test_without_the_extra_the_start_says_which_one_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, str]
):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)

    with pytest.raises(ConfigError, match=r"pip install 'minifile\[metrics\]'"):
        load_settings({"instance_path": tmp_path, **given})
    assert load_settings({"instance_path": tmp_path}).metrics_token == ""


def test_the_token_is_shown_to_nobody(tmp_path: Path):
    settings = load_settings({"instance_path": tmp_path, "metrics_token": TOKEN})

    shown = "\n".join(str(each) for each in settings_in_force(settings))

    assert "METRICS_TOKEN" in shown
    assert TOKEN not in shown
    assert TOKEN not in repr(settings)
