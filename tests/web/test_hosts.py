"""Which host names the server answers to."""

import socket

import pytest
from cast import FILE, multipart, nothing_changed
from conftest import shell

from minifile.errors import BadRequest
from minifile.web.hosts import check_trusted


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "localhost:8000", "LOCALHOST", "localhost.", "127.0.0.1", "127.0.0.1:80",
        "192.168.1.20:8000", "[::1]", "[::1]:8000", "[fe80::1]:8000",
    ],
)  # fmt: skip
def test_localhost_and_addresses_are_always_our_own(host: str):
    check_trusted(host, None)


def test_the_names_of_the_machine_are_its_own_short_long_and_local():
    name = socket.gethostname()
    short = name.split(".")[0]

    for own in (name, socket.getfqdn(), short, f"{short}.local", f"{name}:8000"):
        check_trusted(own, None)


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.example"]
)
def test_another_name_is_refused_with_the_setting_that_allows_it(host: str):
    with pytest.raises(BadRequest, match="TRUSTED_HOSTS or PUBLIC_URL"):
        check_trusted(host, None)


@pytest.mark.parametrize(
    "host", ["", " ", "a b", "evil.example/path", "a@b", "host:port", "localhost:123456", "[::1"]
)
def test_a_host_that_can_not_be_read_is_refused(host: str):
    with pytest.raises(BadRequest, match="missing or can't be read"):
        check_trusted(host, None)


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("files.example.org", True),
        ("FILES.example.org:443", True),
        ("www.example.net", True),
        ("example.net", True),
        ("a.b.example.net", True),
        ("badexample.net", False),
        ("localhost", True),
        ("127.0.0.1:80", True),
    ],
)
def test_beside_addresses_the_named_hosts_are_the_only_ones(host: str, known: bool):
    trusted = frozenset({"files.example.org", ".example.net"})

    if known:
        check_trusted(host, trusted)
    else:
        with pytest.raises(BadRequest):
            check_trusted(host, trusted)


@pytest.mark.parametrize(
    "settings",
    [{"public_url": "https://files.example.org"}, {"trusted_hosts": "files.example.org"}],
    ids=["PUBLIC_URL", "TRUSTED_HOSTS"],
)
def test_a_setting_names_the_hosts(make_app, settings: dict[str, str]):
    client = shell(make_app(**settings))

    assert client.get("/", headers={"Host": "files.example.org"}).status_code == 200
    assert client.get("/", headers={"Host": "other.example"}).status_code == 400


def test_a_foreign_host_is_refused_before_anything_is_done(app):
    with nothing_changed(app):
        answer = shell(app).post("/", **multipart(FILE), headers={"Host": "evil.example"})

    assert answer.status_code == 400
    assert "evil.example" in answer.text
    assert "TRUSTED_HOSTS" in answer.text


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_may_come_by_any_name(app, path: str):
    assert shell(app).get(path, headers={"Host": "pod-17.cluster"}).status_code == 200
