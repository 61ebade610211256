"""Origins: what is kept of a client, whatever it says of itself."""

import ipaddress
from pathlib import Path

import pytest
from conftest import FIREFOX

from minifile.errors import ConfigError
from minifile.services import origins
from minifile.services.origins import Origins
from minifile.values import Origin

OWN = ("files.example.org:8000", "https://short.example.org")


@pytest.mark.parametrize(
    ("referrer", "site"),
    [
        ("https://news.example.com/a?b=c", "news.example.com"),
        ("http://News.Example.COM:81/", "news.example.com"),
        ("https://user:secret@example.com/", "example.com"),
        ("https://files.example.org/kT7wq2NhXa", None),
        ("https://files.example.org./x", None),
        ("http://short.example.org:8080/", None),
        ("android-app://com.example/", None),
        ("javascript:alert(1)", None),
        ("https://[::1]/", None),
        ("https://[broken/", None),
        ("https://a\x00b.example/", None),
        ("https://=cmd|' /C calc'!A0/", None),
        ("https://<b>.example/", None),
        (f"https://example.com/{'x' * 8192}", "example.com"),
        (f"https://{'x' * 8192}.example/", None),
        ("", None),
    ],
)
def test_of_a_referrer_the_host_of_another_site_is_kept(referrer: str, site: str | None):
    found = Origins().read("curl/8.5.0", address="192.0.2.1", referrer=referrer, own=OWN)

    assert found == Origin("curl", None, None, site, None)


@pytest.mark.parametrize("extra", [True, False], ids=["with the extra", "without"])
def test_program_and_system_are_told_with_and_without_the_extra(
    extra: bool, monkeypatch: pytest.MonkeyPatch
):
    if not extra:
        monkeypatch.setattr(origins, "_parser", lambda: None)
    origins._by_agent.cache_clear()

    read = [Origins().read(agent, address=None) for agent in (FIREFOX, "curl/8", "\0" * 9000, "")]

    origins._by_agent.cache_clear()
    assert read == [
        Origin("Firefox", "Linux"), Origin("curl"), Origin("Other"), Origin("Other"),
    ]  # fmt: skip


@pytest.mark.parametrize("extra", [True, False], ids=["with the extra", "without"])
def test_tools_are_told_by_the_same_words_with_and_without_the_extra(
    extra: bool, monkeypatch: pytest.MonkeyPatch
):
    if not extra:
        monkeypatch.setattr(origins, "_parser", lambda: None)
    origins._by_agent.cache_clear()

    read = [Origins().read(agent, address=None) for agent in (
        "Mozilla/5.0 (Linux; Ubuntu 22.04) PowerShell/7.2.5", "python-requests/2 Linux/5.15 Ubuntu",
    )]  # fmt: skip

    origins._by_agent.cache_clear()
    assert read == [Origin("PowerShell", "Linux"), Origin("Python", "Linux")]


@pytest.mark.parametrize(
    "agent",
    [
        "Foo123Bot/1.0",
        "Mozilla/5.0 (compatible; Zork77Bot/2.0)",
        "abcxyz spider",
        "Googlebot/2.1 (+http://www.google.com/bot.html)",
        "TelegramBot (like TwitterBot)",
    ],
)
def test_a_bot_is_no_program_whatever_it_calls_itself(agent: str):
    assert Origins().read(agent, address=None).family == "Other"


def test_an_address_is_kept_only_where_the_admin_wants_it():
    kept = Origins(keep_addresses=True)

    assert Origins().read("curl/8", address="192.0.2.1").address is None
    assert kept.read("curl/8", address="192.0.2.1").address == "192.0.2.1"
    assert kept.read("curl/8", address=None).address is None
    assert not Origins(is_on=False, keep_addresses=True).keeps_addresses


def test_nothing_is_kept_where_analytics_are_off():
    found = Origins(is_on=False).read(FIREFOX, address="192.0.2.1", referrer="https://a.example/")

    assert found == Origin()


def test_countries_come_from_the_file_of_the_admin(tmp_path: Path):
    file = tmp_path / "countries.mmdb"
    file.write_bytes(mmdb("192.0.2.0/24", {"country": {"iso_code": "DE"}}))
    reader = Origins(country_file=file)

    found = [reader.read("curl/8", address=each).country for each in (
        "192.0.2.77", "198.51.100.1", "2001:db8::1", "fe80::1%eth0", "unix:", "", None,
    )]  # fmt: skip

    assert found == ["DE", None, None, None, None, None, None]


@pytest.mark.parametrize("record", [{}, {"country": "germany"}, {"country": {}}, {"x": "y"}])
def test_a_record_without_a_country_tells_none(tmp_path: Path, record: dict[str, object]):
    file = tmp_path / "countries.mmdb"
    file.write_bytes(mmdb("192.0.2.0/24", record))

    assert Origins(country_file=file).read("curl/8", address="192.0.2.77").country is None


@pytest.mark.parametrize("content", [None, b"no such format"])
def test_a_file_of_countries_that_cannot_be_read_stops_the_start(
    tmp_path: Path, content: bytes | None
):
    file = tmp_path / "countries.mmdb"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(ConfigError, match="COUNTRY_FILE"):
        Origins(country_file=file)


def mmdb(network: str, record: dict[str, object]) -> bytes:
    """Return a file in MaxMind's format that knows one network (IPv4)."""
    found = ipaddress.ip_network(network)
    assert isinstance(found, ipaddress.IPv4Network)
    bits = [int(bit) for bit in f"{int(found.network_address):032b}"[: found.prefixlen]]
    count = len(bits)
    nodes = b""
    for at, bit in enumerate(bits):
        # The last node leads to the data, which begins 16 bytes behind the tree.
        onward = at + 1 if at + 1 < count else count + 16
        pair = (count, onward) if bit else (onward, count)
        nodes += b"".join(each.to_bytes(3, "big") for each in pair)
    short = {
        "record_size": 24, "ip_version": 4, "binary_format_major_version": 2,
        "binary_format_minor_version": 0,
    }  # fmt: skip
    about = {
        **{name: number.to_bytes(2, "big") for name, number in short.items()},
        "node_count": count.to_bytes(4, "big"), "build_epoch": (1).to_bytes(8, "big"),
        "database_type": "Test", "languages": ["en"], "description": {"en": "of a test"},
    }  # fmt: skip
    return nodes + bytes(16) + packed(record) + b"\xab\xcd\xefMaxMind.com" + packed(about)


def packed(value: object) -> bytes:
    """Return a value as MaxMind's format writes it."""
    if isinstance(value, dict):
        pairs = (packed(name) + packed(it) for name, it in value.items())
        return bytes([7 << 5 | len(value)]) + b"".join(pairs)
    if isinstance(value, list):
        return bytes([len(value), 11 - 7]) + b"".join(map(packed, value))
    if isinstance(value, bytes):
        # A number: its length says of which type it is, the longest of an extended one.
        kind = {2: bytes([5 << 5 | 2]), 4: bytes([6 << 5 | 4]), 8: bytes([8, 9 - 7])}[len(value)]
        return kind + value
    text = str(value).encode()
    size = bytes([2 << 5 | len(text)]) if len(text) < 29 else bytes([2 << 5 | 29, len(text) - 29])
    return size + text
