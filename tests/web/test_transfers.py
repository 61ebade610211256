"""How many transfers one address may have running at once."""

import pytest
from cast import fetch, send
from conftest import shell

from minifile.errors import TooManyTries
from minifile.web.transfers import Transfers

BOB, CHARLIE = "192.0.2.7", "192.0.2.8"


def test_one_address_has_its_share_and_others_have_theirs():
    transfers = Transfers(2)
    transfers.begin(BOB)
    transfers.begin(BOB)

    with pytest.raises(TooManyTries, match="transfers at once"):
        transfers.begin(BOB)
    transfers.begin(CHARLIE)


def test_an_ended_transfer_makes_room():
    transfers = Transfers(1)

    for _ in range(3):
        with transfers.receiving(BOB):
            pass

    transfers.begin(BOB)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", ""], ids=["IPv4", "IPv6", "Unix socket"])
def test_this_machine_itself_is_exempt(address: str):
    transfers = Transfers(1)

    for _ in range(3):
        transfers.begin(address)


@pytest.mark.parametrize("address", ["2001:db8::/64", "192.0.2.7:4711"])
def test_what_is_no_single_address_is_not_exempt(address: str):
    transfers = Transfers(1)
    transfers.begin(address)

    with pytest.raises(TooManyTries):
        transfers.begin(address)


def test_a_download_over_the_share_is_refused_and_counts_nothing(make_app):
    app = make_app(max_transfers_per_address=1)
    link = send(app, max_downloads="1")
    app.extensions["minifile"].transfers.begin(BOB)

    refused = fetch(shell(app, BOB), link.path)
    served = fetch(shell(app, CHARLIE), link.path)

    assert (refused.status_code, served.status_code) == (429, 200)
    assert "Retry-After" in refused.headers


def test_a_finished_download_leaves_its_place(make_app):
    app = make_app(max_transfers_per_address=1)
    link = send(app)

    statuses = [fetch(shell(app, BOB), link.path).status_code for _ in range(3)]

    assert statuses == [200, 200, 200]
