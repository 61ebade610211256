"""The settings in force, as an admin may see them: with their sources and without secrets."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from minifile.config.settings import Settings
from minifile.units import duration_in_words, size_in_words

HIDDEN = "••••••"
_SECRET_NAME = re.compile(r"(^|_)(secret|password|key|token)s?$")
_SIZE_NAME = re.compile(r"(size|quota|keep_free|daily_upload|min_rate)$")
# user:password@ and :password@ in an address, and options of one that hold a secret.
_PASSWORD_IN_URL = re.compile(r"(?<=://)([^/?#@:]*):[^/?#]*@")
_SECRET_OPTION = re.compile(
    r"(?i)([?&;][^=&;]*(?:secret|password|passwd|token|key)[^=&;]*=)[^&;#]*"
)


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """One setting: its value in words, and where it came from."""

    name: str
    value: str
    source: str


def settings_in_force(settings: Settings) -> Iterator[ShownSetting]:
    """Yield every setting in the order of its definition, secrets hidden."""
    for name in Settings.model_fields:
        value = _shown(name, getattr(settings, name))
        yield ShownSetting(name.upper(), value, settings.source_of(name))


def _shown(name: str, value: object) -> str:
    if value is None:
        return "not set"
    if isinstance(value, str) and value and _SECRET_NAME.search(name):
        return HIDDEN
    text = _in_words(name, value)
    return without_secrets(text) if isinstance(value, str) else text


def _in_words(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, timedelta):
        return duration_in_words(value)
    if isinstance(value, int) and _SIZE_NAME.search(name):
        return size_in_words(value)
    if isinstance(value, (tuple, list, frozenset)):
        return ", ".join(_in_words("", each) for each in value) or "none"
    return str(value) or "not set"


def without_secrets(text: str) -> str:
    """Return an address without the password, and without options that hold a secret."""
    text = _PASSWORD_IN_URL.sub(rf"\1:{HIDDEN}@", text)
    return _SECRET_OPTION.sub(rf"\1{HIDDEN}", text)
