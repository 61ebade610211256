"""Origins: what analytics keeps of who came, made of what their requests say.

By which program and system, from which country, led by which site. All of it is the client's to
choose but for the address; of that nothing is kept but the country, unless the admin wants more.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from minifile.errors import ConfigError
from minifile.policy.agents import MAX_AGENT, OTHER, clean_word, family_of, system_of, tool_of
from minifile.values import Origin

_HOST = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
# Longer than any name of a host with its scheme; what follows it is not looked at.
_MAX_REFERRER = 1024
MAX_HOST = 253
_COUNTRY = re.compile(r"[A-Z]{2}")


class Origins:
    """Reads origins, as the settings want it; with `is_on` false, of nobody."""

    def __init__(
        self, *, is_on: bool = True, country_file: Path | None = None, keep_addresses: bool = False
    ) -> None:
        """Raise ConfigError for a file of countries that can't be read."""
        self.is_on = is_on
        self.keeps_addresses = is_on and keep_addresses
        self._country = _country_reader(country_file) if country_file and is_on else None

    def read(
        self,
        agent: str,
        *,
        address: str | None,
        referrer: str | None = None,
        own: Sequence[str | None] = (),
    ) -> Origin:
        """Return what is kept of a client; `address` is None where it can't be trusted.

        `own` are the hosts or addresses by which this site is called.
        """
        if not self.is_on:
            return Origin()
        plain = _by_agent(agent[:MAX_AGENT])
        site = None if referrer is None else _site_of(referrer, own)
        if site is None and self._country is None and not self.keeps_addresses:
            # Nearly always, so it is made once for each agent.
            return plain
        return Origin(
            plain.family,
            plain.system,
            self._country(address) if self._country and address else None,
            site,
            address[:45] if self.keeps_addresses and address else None,
        )

    def warm_up(self) -> None:
        """Load what is slow to load, so that nobody waits for it."""
        if self.is_on:
            _by_agent("")


@lru_cache(maxsize=4096)
def _by_agent(agent: str) -> Origin:
    """Return program and system; a client sends the same name again and again."""
    tool = tool_of(agent)
    parse = _parser()
    # Tools often come by a name that nobody had before, and ua-parser is slow to find out little.
    if parse is None or tool is not None:
        return Origin(tool or family_of(agent), system_of(agent))
    found = parse(agent)
    # Whatever ends in "bot" is one to ua-parser, by the name that it gives itself.
    is_bot = found.device is not None and found.device.family == _BOT
    named = None if is_bot or found.user_agent is None else found.user_agent.family
    family = clean_word(named)
    system = clean_word(found.os.family if found.os else None)
    return Origin(family or OTHER, _BETTER.get(system or "", system))


# What ua-parser takes for the device of a bot.
_BOT = "Spider"
# As the short table calls them, and everybody else.
_BETTER = {"Mac OS X": "macOS", "Chrome OS": "ChromeOS"}


@lru_cache(maxsize=1)
def _parser() -> Callable[[str], Any] | None:
    """Return ua-parser on its fast backend (extra `analytics`); None: the short table has to do."""
    try:
        import ua_parser_rs  # noqa: F401 (without it the same is slow, or worse)
        from ua_parser import parse
    except ImportError:
        return None
    parse("")
    return parse


def _site_of(referrer: str, own: Sequence[str | None]) -> str | None:
    """Return the host of another site that led here; None for our own, and for what is none."""
    host = _host_of(referrer[:_MAX_REFERRER])
    if host is None or len(host) > MAX_HOST or not referrer.lower().startswith("http"):
        return None
    is_own = any(each and host == _host_of(each) for each in own)
    return host if not is_own and _HOST.fullmatch(host) else None


@lru_cache(maxsize=1024)
def _host_of(address: str) -> str | None:
    """Return the host of an address, or of a `Host` without a scheme."""
    try:
        found = urlsplit(address if "//" in address else f"//{address}").hostname
    except ValueError:
        return None
    return (found or "").lower().rstrip(".") or None


def _country_reader(path: Path) -> Callable[[str], str | None]:
    """Return what looks an address up in a file in MaxMind's format."""
    try:
        import maxminddb
    except ImportError:
        raise ConfigError("COUNTRY_FILE needs the extra `analytics` (maxminddb).") from None
    try:
        reader = maxminddb.open_database(path)
    except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
        raise ConfigError(f"COUNTRY_FILE can't be read: {path}.") from error

    def country(address: str) -> str | None:
        try:
            return _country_in(reader.get(address.split("%")[0]))
        except (ValueError, maxminddb.InvalidDatabaseError):
            return None

    return country


def _country_in(record: object) -> str | None:
    """Return the two letters in a record: MaxMind's own, or one of those who write it shorter."""
    if not isinstance(record, dict):
        return None
    for name in ("country", "registered_country", "country_code"):
        found = record.get(name)
        code = found.get("iso_code") if isinstance(found, dict) else found
        if isinstance(code, str) and _COUNTRY.fullmatch(code.upper()):
            return code.upper()
    return None
