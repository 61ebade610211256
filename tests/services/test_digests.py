"""Blocked digests: once, whoever blocks, and gone when unblocked."""

import pytest
from conftest import NOW
from flask import Flask
from services.making import at_once, make_link

from minifile.errors import BadOption, ContentBlocked, NotFound
from minifile.identity import BY_SHELL
from minifile.services.digests import (
    block_digest,
    check_digest,
    list_blocked,
    unblock_digest,
)

DIGEST = "ab" * 32


def block() -> bool:
    return block_digest(DIGEST, "Malware.", actor=BY_SHELL, now=NOW)


def test_a_blocked_file_is_refused_and_keeps_nothing(everywhere: Flask):
    digest = make_link(everywhere, b"bad").files[0].sha256
    block_digest(digest, None, actor=BY_SHELL, now=NOW)

    with pytest.raises(ContentBlocked):
        make_link(everywhere, b"good", b"bad")

    make_link(everywhere, b"good")


def test_blocking_at_once_blocks_once(everywhere: Flask):
    done = at_once(everywhere, block, block, block)

    assert sorted(map(str, done)) == ["False", "False", "True"]
    assert [each.sha256 for each in list_blocked()] == [DIGEST]


def test_an_unblocked_file_is_accepted_again(everywhere: Flask):
    block()

    unblock_digest(f" {DIGEST.upper()}\n", actor=BY_SHELL, now=NOW)

    check_digest(DIGEST)
    with pytest.raises(NotFound):
        unblock_digest(DIGEST, actor=BY_SHELL, now=NOW)


@pytest.mark.parametrize("text", ["", "ab", "xy" * 32, "ab" * 33])
def test_what_is_no_sha256_is_refused(here: Flask, text: str):
    with pytest.raises(BadOption):
        block_digest(text, None, actor=BY_SHELL, now=NOW)
