"""May a link be read?"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from conftest import NOW

from minifile.errors import LinkExpired, LinkNotFound, LinkRevoked, MinifileError
from minifile.policy.access import check_open

TICK = timedelta(microseconds=1)


@dataclass
class Ended:
    """A link, as far as the rules look at it."""

    state: str
    expires_at: datetime
    takedown_reason: str | None = None


def test_a_link_is_open_until_the_last_microsecond():
    check_open(Ended("open", NOW + TICK), NOW)

    with pytest.raises(LinkExpired):
        check_open(Ended("open", NOW), NOW)


@pytest.mark.parametrize(
    ("state", "expires_at", "error"),
    [
        pytest.param("open", NOW - TICK, LinkExpired, id="expired"),
        pytest.param("revoked", NOW + TICK, LinkRevoked, id="revoked"),
        pytest.param("revoked", NOW - TICK, LinkRevoked, id="revoked, then expired"),
        pytest.param("deleting", NOW - TICK, LinkExpired, id="expired and being purged"),
        pytest.param("deleting", NOW + TICK, LinkNotFound, id="revoked and being purged"),
        pytest.param("something new", NOW + TICK, LinkNotFound, id="a state of a later version"),
    ],
)
def test_a_link_that_is_over_says_why(state: str, expires_at: datetime, error: type[MinifileError]):
    with pytest.raises(error):
        check_open(Ended(state, expires_at), NOW)


def test_the_sentence_names_the_instant():
    with pytest.raises(LinkExpired, match="expired on 22 November 2026 at 12:00 UTC"):
        check_open(Ended("open", NOW), NOW)
