"""Advisory locks: one holder among all replicas, gone with it at once, and honest about losses."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from postgres import PostgresServer, execute
from sqlalchemy import create_engine
from wire import eventually

from minifile.errors import BlobHeld, StorageUnavailable
from minifile.services.blob_locks import AdvisoryLocks

pytestmark = pytest.mark.postgres

NAME, OTHER = "fedcba9876543210", "00000000000000ff"
TERMINATE = """SELECT pg_terminate_backend(pid) FROM pg_locks
    WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database
    WHERE datname = current_database())"""
# Holds a name until it is killed.
HOLDER = """
import sys
from sqlalchemy import create_engine
from minifile.services.blob_locks import AdvisoryLocks

with AdvisoryLocks(create_engine(sys.argv[1])).hold(sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def url(make_postgres_database: Callable[[], str]) -> str:
    return make_postgres_database()


@pytest.fixture
def replicas(url: str) -> Iterator[tuple[AdvisoryLocks, AdvisoryLocks]]:
    """The locks of two replicas."""
    engines = [create_engine(url), create_engine(url)]
    yield AdvisoryLocks(engines[0]), AdvisoryLocks(engines[1])
    for engine in engines:
        engine.dispose()


Replicas = tuple[AdvisoryLocks, AdvisoryLocks]


def test_what_one_replica_holds_no_other_gets(replicas: Replicas):
    ours, theirs = replicas

    with ours.hold(NAME), pytest.raises(BlobHeld), theirs.hold(NAME):
        pass


def test_the_same_replica_does_not_get_it_twice_either(replicas: Replicas):
    ours, _ = replicas

    with ours.hold(NAME), pytest.raises(BlobHeld), ours.hold(NAME):
        pass


def test_other_names_are_free_meanwhile(replicas: Replicas):
    ours, theirs = replicas

    with ours.hold(NAME), theirs.hold(OTHER), ours.hold("f" * 16):
        assert not ours.is_held("e" * 16)


def test_a_name_is_free_after_its_block_also_when_that_fails(replicas: Replicas):
    ours, theirs = replicas

    with pytest.raises(LookupError), ours.hold(NAME):
        raise LookupError

    with theirs.hold(NAME):
        pass


@pytest.mark.parametrize("name", [NAME, OTHER])
def test_everybody_can_say_whether_a_name_is_held(replicas: Replicas, name: str):
    ours, theirs = replicas
    before = ours.is_held(name), theirs.is_held(name)

    with ours.hold(name):
        during = ours.is_held(name), theirs.is_held(name)

    assert (before, during) == ((False, False), (True, True))
    assert not theirs.is_held(name)


def test_a_later_hold_has_a_larger_number(replicas: Replicas):
    ours, theirs = replicas
    fences = []

    for locks in (ours, theirs, ours):
        with locks.hold(NAME) as hold:
            fences.append(hold.fence)

    assert fences == sorted(set(fences))


def test_a_killed_process_holds_nothing_from_then_on(replicas: Replicas, url: str):
    ours, _ = replicas
    command = [sys.executable, "-c", HOLDER, url, NAME]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        held_before = ours.is_held(NAME)
        holder.send_signal(signal.SIGKILL)

    eventually(lambda: not ours.is_held(NAME), seconds=2)

    assert held_before
    with ours.hold(NAME):
        pass


def test_a_hold_whose_session_was_ended_is_broken_and_held_again(replicas: Replicas, url: str):
    ours, theirs = replicas

    with ours.hold(NAME) as hold:
        unbroken = hold.is_unbroken()
        execute(url, TERMINATE)
        broken = not hold.is_unbroken()

        assert (unbroken, broken) == (True, True)
        with pytest.raises(BlobHeld), theirs.hold(NAME):
            pass
        assert not hold.is_unbroken()
    assert not theirs.is_held(NAME)


def test_what_was_taken_by_another_meanwhile_stays_the_others(replicas: Replicas, url: str):
    ours, theirs = replicas

    with ours.hold(NAME) as lost:
        execute(url, TERMINATE)
        with theirs.hold(NAME) as found:
            assert not lost.is_unbroken()
            assert found.is_unbroken()
            assert found.fence > lost.fence
        assert not lost.is_unbroken()


def test_the_next_hold_after_a_lost_session_is_a_good_one(replicas: Replicas, url: str):
    ours, _ = replicas
    with ours.hold(OTHER) as lost:
        execute(url, TERMINATE)

        with ours.hold(NAME) as hold:
            assert hold.is_unbroken()
        assert not lost.is_unbroken()


def test_a_hold_ends_with_the_engine_that_is_disposed_of(url: str):
    engine, other = create_engine(url), create_engine(url)
    locks, theirs = AdvisoryLocks(engine), AdvisoryLocks(other)

    with locks.hold(NAME) as hold:
        engine.dispose()
        eventually(lambda: not theirs.is_held(NAME), seconds=2)
        assert not hold.is_unbroken()

    for each in (engine, other):
        each.dispose()


def test_a_server_that_is_away_breaks_holds_and_is_said_in_a_sentence(
    replicas: Replicas, postgres_server: PostgresServer
):
    ours, theirs = replicas

    with ours.hold(NAME) as before:
        postgres_server.stop()
        broken = not before.is_unbroken()
        with pytest.raises(StorageUnavailable, match="does not answer"), ours.hold(OTHER):
            pass
        with pytest.raises(StorageUnavailable):
            ours.is_held(NAME)
        postgres_server.start()
        with ours.hold(OTHER) as after:
            assert after.is_unbroken()
            assert after.fence > before.fence
        assert theirs.is_held(NAME)

    assert broken
    assert not theirs.is_held(NAME)
