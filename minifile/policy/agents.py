"""By which program and system somebody came: a short table over what programs call themselves.

What a client calls itself is its own to choose, so the words are ours, or cleaned.
"""

import re

OTHER = "Other"
# No browser's own name is longer; what comes after it tells nothing more.
MAX_AGENT = 512
MAX_WORD = 40

# What calls itself by its name alone; the first that fits.
_TOOLS = (
    ("curl", r"^(?:lib)?curl\b"),
    ("Wget", r"^wget2?\b"),
    ("aria2", r"^aria2\b"),
    ("HTTPie", r"^(?:httpie|xh)\b"),
    ("PowerShell", r"\b(?:windows)?powershell\b"),
    ("Python", r"^python-(?:requests|urllib|httpx)\b|^python/|\baiohttp\b"),
    ("Go", r"^go-http-client\b"),
    ("Java", r"^(?:java|okhttp|apache-httpclient)\b"),
    ("Node.js", r"^(?:node|undici|axios)\b"),
    ("libfetch", r"^(?:libfetch|fetch)\b"),
    ("Axel", r"^axel\b"),
    ("LFTP", r"^lftp\b"),
    ("Perl", r"^(?:lwp-request|libwww-perl)\b"),
    ("HTTP.rb", r"^http_get\b"),
    ("rclone", r"^rclone\b"),
    ("Git", r"^git\b"),
)
# Most call themselves by the names of others as well, so the rarer comes first.
_BROWSERS = (
    ("Edge", r"\bEdg(?:e|A|iOS)?/"),
    ("Opera", r"\b(?:OPR|Opera)\b"),
    ("Samsung Internet", r"\bSamsungBrowser/"),
    ("Vivaldi", r"\bVivaldi/"),
    ("Yandex Browser", r"\bYaBrowser/"),
    ("Firefox", r"\b(?:Firefox|FxiOS)/"),
    ("Chrome", r"\b(?:Chrome|CriOS|Chromium|HeadlessChrome)/"),
    ("Safari", r"\bSafari/"),
    ("Internet Explorer", r"\b(?:MSIE |Trident/)"),
)
_SYSTEMS = (
    ("Android", r"\bAndroid\b"),
    ("iOS", r"\b(?:iPhone|iPad|iPod)\b"),
    ("Windows", r"\bWindows\b"),
    ("macOS", r"\bMac ?OS X\b|\bMacintosh\b|\bDarwin\b"),
    ("ChromeOS", r"\bCrOS\b"),
    ("Linux", r"\bLinux\b|\bX11\b"),
    ("FreeBSD", r"\bFreeBSD\b"),
)


def _compiled(*tables: tuple[tuple[str, str], ...]) -> list[tuple[str, re.Pattern[str]]]:
    return [
        (name, re.compile(pattern, re.IGNORECASE)) for table in tables for name, pattern in table
    ]


_TOOL_PATTERNS, _FAMILY_PATTERNS, _SYSTEM_PATTERNS = (
    _compiled(_TOOLS),
    _compiled(_BROWSERS),
    _compiled(_SYSTEMS),
)


def tool_of(agent: str) -> str | None:
    """Return the command-line tool or library that somebody came by, if it is a known one."""
    return _first(_TOOL_PATTERNS, agent)


def family_of(agent: str) -> str:
    """Return the program that somebody came by; OTHER where it is none of the table."""
    return tool_of(agent) or _first(_FAMILY_PATTERNS, agent) or OTHER


def system_of(agent: str) -> str | None:
    """Return the operating system that somebody came from, as far as it is told."""
    return _first(_SYSTEM_PATTERNS, agent)


def clean_word(word: str | None) -> str | None:
    """Return a word that may be kept and shown: printable, MAX_WORD characters; None for none."""
    if word is None:
        return None
    plain = "".join(char if char.isprintable() else " " for char in word)
    return " ".join(plain.split())[:MAX_WORD].strip() or None


def _first(table: list[tuple[str, re.Pattern[str]]], agent: str) -> str | None:
    return next((name for name, pattern in table if pattern.search(agent)), None)
