"""Leases: of all that ask at once, one has it."""

import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from conftest import NOW, settings_of
from flask import Flask

from minifile.services.leases import take_lease

HOUR = timedelta(hours=1)
NAMES = [f"job {number}" for number in range(8)]
THREADS = 4
# Asks for every lease from several threads at once, and prints those it got.
ASKER = """
import sys, threading
from datetime import datetime
from minifile import create_app
from minifile.services.leases import take_lease

threads, now, until, *names = sys.argv[1:]
app = create_app()
start = threading.Barrier(int(threads))
now, until = datetime.fromisoformat(now), datetime.fromisoformat(until)

def ask():
    with app.app_context():
        start.wait()
        for name in names:
            if take_lease(name, "me", until=until, now=now):
                print(name, flush=True)

with app.app_context():
    take_lease("warm up", "me", until=until, now=now)
print("ready", flush=True)
sys.stdin.readline()
running = [threading.Thread(target=ask) for _ in range(int(threads))]
[thread.start() for thread in running]
[thread.join() for thread in running]
"""


def test_a_lease_that_nobody_holds_is_taken(everywhere: Flask):
    assert take_lease("purge", "alice", until=NOW + HOUR, now=NOW)


def test_a_lease_that_is_held_is_not_taken(everywhere: Flask):
    take_lease("purge", "alice", until=NOW + HOUR, now=NOW)

    assert not take_lease("purge", "bob", until=NOW + 2 * HOUR, now=NOW + HOUR / 2)


def test_its_holder_does_not_get_it_twice(here: Flask):
    take_lease("purge", "alice", until=NOW + HOUR, now=NOW)

    assert not take_lease("purge", "alice", until=NOW + 2 * HOUR, now=NOW)


def test_a_lease_ends_at_its_instant(everywhere: Flask):
    take_lease("purge", "alice", until=NOW + HOUR, now=NOW)
    just_before = NOW + HOUR - timedelta(microseconds=1)

    assert not take_lease("purge", "bob", until=NOW + 2 * HOUR, now=just_before)
    assert take_lease("purge", "bob", until=NOW + 2 * HOUR, now=NOW + HOUR)


def test_a_lease_of_a_clock_that_was_far_ahead_holds_nobody_back(everywhere: Flask):
    ahead = NOW + timedelta(days=30)
    take_lease("purge", "alice", until=ahead + HOUR, now=ahead)

    assert take_lease("purge", "bob", until=NOW + HOUR, now=NOW)
    assert not take_lease("purge", "alice", until=NOW + HOUR, now=NOW)


def test_a_lease_of_a_clock_that_is_a_little_ahead_holds(everywhere: Flask):
    ahead = NOW + HOUR
    take_lease("purge", "alice", until=ahead + HOUR, now=ahead)

    assert not take_lease("purge", "bob", until=NOW + HOUR, now=NOW)


def test_leases_of_different_names_do_not_meet(here: Flask):
    take_lease("purge", "alice", until=NOW + HOUR, now=NOW)

    assert take_lease("backup", "bob", until=NOW + HOUR, now=NOW)


@pytest.mark.parametrize("held", [False, True], ids=["a-new-name", "one-that-has-ended"])
def test_of_many_threads_one_takes_it(everywhere: Flask, held: bool):
    if held:
        take_lease("purge", "before", until=NOW, now=NOW - HOUR)
    start = threading.Barrier(8)

    def ask(owner: int) -> bool:
        with everywhere.app_context():
            start.wait()
            return take_lease("purge", str(owner), until=NOW + HOUR, now=NOW)

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(ask, range(8)))

    assert sum(taken) == 1


def test_of_many_processes_one_takes_it(everywhere: Flask, monkeypatch: pytest.MonkeyPatch):
    for name in ("instance_path", "database_url", "secret_key"):
        monkeypatch.setenv(f"MINIFILE_{name.upper()}", str(getattr(settings_of(everywhere), name)))
    command = [sys.executable, "-c", ASKER, str(THREADS)]
    command += [NOW.isoformat(), (NOW + HOUR).isoformat(), *NAMES]
    askers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]

    taken: Counter[str] = Counter()
    for asker in askers:
        assert asker.stdout is not None
        assert asker.stdout.readline() == "ready\n"
    for asker in askers:
        assert asker.stdin is not None
        asker.stdin.write("\n")
        asker.stdin.flush()
    for asker in askers:
        taken.update(asker.communicate(timeout=60)[0].splitlines())

    assert taken == Counter(NAMES)
