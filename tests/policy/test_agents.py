"""Programs and systems, by what clients call themselves."""

import pytest
from conftest import FIREFOX

from minifile.policy.agents import MAX_WORD, OTHER, clean_word, family_of, system_of

WINDOWS_EDGE = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0"
)
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15"
    " (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1"
)
ANDROID = (
    "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/141.0.0.0 Mobile Safari/537.36"
)


@pytest.mark.parametrize(
    ("agent", "family", "system"),
    [
        (FIREFOX, "Firefox", "Linux"),
        (WINDOWS_EDGE, "Edge", "Windows"),
        (IPHONE, "Safari", "iOS"),
        (ANDROID, "Chrome", "Android"),
        ("curl/8.5.0", "curl", None),
        ("Wget/1.21.3", "Wget", None),
        ("python-requests/2.32", "Python", None),
        ("Mozilla/5.0 (Windows NT; en-US) WindowsPowerShell/5.1", "PowerShell", "Windows"),
        ("my curl/1", OTHER, None),
        ("", OTHER, None),
        ("\0\x1b[31m" * 1000, OTHER, None),
    ],
)
def test_programs_and_systems_are_known_by_their_names(agent: str, family: str, system: str | None):
    assert (family_of(agent), system_of(agent)) == (family, system)


@pytest.mark.parametrize(
    ("word", "kept"),
    [
        ("Mobile Safari", "Mobile Safari"),
        ("a\x00b\n\u202ec", "a b c"),
        ("x" * 100, "x" * MAX_WORD),
        ("\x07 \t", None),
        (None, None),
    ],
)
def test_a_word_that_is_kept_is_short_and_printable(word: str | None, kept: str | None):
    assert clean_word(word) == kept
