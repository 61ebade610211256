"""Shared commits: exact with any number of threads, and each piece of work stands for itself."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import NOW
from flask import Flask
from sqlalchemy import bindparam, insert, select, update
from wire import eventually

from minifile.errors import LinkExhausted
from minifile.extensions import db, write_transaction
from minifile.models import Lease
from minifile.services import commits
from minifile.services.commits import commit, commit_all
from minifile.services.statements import Driver, Statement

WRITE = Statement(insert(Lease).values(name=bindparam("name"), owner="", until=bindparam("now")))
GROW = Statement(
    update(Lease).where(Lease.name == "n").values(owner=Lease.owner + "x").returning(Lease.owner)
)


def write(name: str) -> Callable[[Driver], str]:
    def work(driver: Driver) -> str:
        WRITE.run(driver, name=name, now=NOW)
        return name

    return work


def write_and_fail(name: str, error: Exception) -> Callable[[Driver], str]:
    def work(driver: Driver) -> str:
        WRITE.run(driver, name=name, now=NOW)
        raise error

    return work


def names() -> set[str]:
    found = set(db.session.scalars(select(Lease.name)))
    db.session.commit()
    return found


def test_work_is_committed_and_its_result_returned(everywhere: Flask):
    assert commit(write("a"), durable=True) == "a"
    assert names() == {"a"}


def test_nothing_to_do_is_done(everywhere: Flask):
    assert commit_all([], durable=True) == []


def test_work_that_raises_leaves_nothing(everywhere: Flask):
    with pytest.raises(LinkExhausted):
        commit(write_and_fail("a", LinkExhausted(1)), durable=False)

    assert names() == set()


def test_work_that_raises_leaves_the_others_alone(everywhere: Flask):
    works = [write("a"), write_and_fail("b", LinkExhausted(1)), write("c")]

    first, second, third = commit_all(works, durable=False)

    assert (first.value(), third.value()) == ("a", "c")
    with pytest.raises(LinkExhausted):
        second.value()
    assert names() == {"a", "c"}


def test_an_error_of_the_database_leaves_the_others_alone(everywhere: Flask):
    commit(write("a"), durable=False)

    first, second = commit_all([write("a"), write("b")], durable=False)

    assert first.error is not None
    assert second.value() == "b"
    assert names() == {"a", "b"}


@pytest.mark.sqlite
def test_a_commit_that_fails_is_everybodys_error(here: Flask):
    def end_the_transaction(driver: Driver) -> None:
        """As SQLite does on a full disk: it undoes everything, and says so."""
        driver.execute("ROLLBACK")
        driver.execute("NONSENSE")

    outcomes = commit_all([write("a"), end_the_transaction, write("b")], durable=False)

    assert all(outcome.error is not None for outcome in outcomes)
    assert names() == set()
    assert commit(write("c"), durable=False) == "c"


def test_many_threads_lose_nothing(everywhere: Flask):
    commit(write("n"), durable=False)
    threads, times = 12, 20
    barrier = threading.Barrier(threads)

    def grow(_number: int) -> list[int]:
        with everywhere.app_context():
            barrier.wait()
            return [
                len(commit(lambda driver: GROW.run(driver), durable=False)[0][0])
                for _ in range(times)
            ]

    with ThreadPoolExecutor(threads) as pool:
        seen = [length for lengths in pool.map(grow, range(threads)) for length in lengths]

    assert sorted(seen) == list(range(1, threads * times + 1))


@pytest.mark.sqlite
def test_those_that_wait_at_once_share_a_commit(here: Flask, monkeypatch: pytest.MonkeyPatch):
    """While somebody else writes, all queue up; then one commit answers them all."""
    begun: list[bool] = []
    begin = commits.begin_immediate

    def noted(execute: Callable[[str], object], *, durable: bool) -> None:
        begun.append(durable)
        begin(execute, durable=durable)

    def run(number: int) -> str:
        with here.app_context():
            return commit(write(f"w{number}"), durable=number == 3)

    monkeypatch.setattr(commits, "begin_immediate", noted)
    queue = commits._queue_of(db.engine)
    with ThreadPoolExecutor(8) as pool:
        with write_transaction():
            results = [pool.submit(run, number) for number in range(8)]
            eventually(lambda: len(queue._waiting) == 8)
        found = {result.result() for result in results}

    assert found == names() == {f"w{number}" for number in range(8)}
    # One of them is durable, so all are.
    assert begun == [True]


@pytest.mark.parametrize(("durable", "level"), [(True, 2), (False, 1)])
@pytest.mark.sqlite
def test_what_is_durable_is_synced(here: Flask, durable: bool, level: int):
    def synchronous(driver: Driver) -> int:
        return int(driver.fetch("PRAGMA synchronous", ())[0][0])

    assert commit(synchronous, durable=durable) == level


def test_what_the_session_had_read_is_read_anew_after_a_commit(everywhere: Flask):
    assert db.session.scalars(select(Lease.name)).all() == []

    commit(write("a"), durable=False)

    assert db.session.scalars(select(Lease.name)).all() == ["a"]
