"""What the instance keeps of its past: bounded, and right on both databases."""

from datetime import timedelta

import pytest
from conftest import NOW
from flask import Flask
from services.making import DAY, at_once, make_link, storage_of
from sqlalchemy import func, select

from minifile.extensions import db
from minifile.identity import BY_SHELL
from minifile.models import ErrorEntry, Link
from minifile.services import history
from minifile.services.history import (
    list_errors,
    list_purges,
    list_samples,
    note_error,
    note_purge,
    sample_usage,
)
from minifile.services.link_search import find_link_id, inspect_link, search_links
from minifile.services.overview import look_over
from minifile.services.purge import Purged
from minifile.services.takedowns import Takedown, revoke_as_admin, take_down
from minifile.services.users import create_user

HOUR = timedelta(hours=1)


def test_a_purge_is_noted_with_what_it_did(everywhere: Flask):
    purged = Purged(3, 2**40, 1, 2)

    note_purge(purged, started_at=NOW, via="cli", now=NOW + timedelta(seconds=2.5))

    (run,) = list_purges()
    assert (run.links, run.size_bytes, run.orphans, run.partial_uploads) == (3, 2**40, 1, 2)
    assert run.took == timedelta(seconds=2.5)


def test_only_the_last_purges_are_kept(here: Flask, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(history, "RUNS_KEPT", 3)

    for minute in range(6):
        at = NOW + timedelta(minutes=minute)
        note_purge(Purged(), started_at=at, via="instance", now=at)

    assert [run.started_at.minute for run in list_purges()] == [5, 4, 3]


def test_usage_is_sampled_once_a_day(everywhere: Flask):
    make_link(everywhere, b"12345")
    storage = storage_of(everywhere)

    done = at_once(everywhere, *[lambda: sample_usage(storage=storage, now=NOW)] * 3)
    later = sample_usage(storage=storage, now=NOW + DAY)

    assert sorted(map(str, done)) == ["False", "False", "True"]
    assert later
    samples = list_samples(days=30, now=NOW + DAY)
    assert [(each.day, each.size_bytes) for each in samples] == [
        ("2026-11-22", 5), ("2026-11-23", 5),
    ]  # fmt: skip


def test_errors_are_counted_by_route_and_kind(everywhere: Flask):
    for link_id in (1, None, 2):
        note_error("GET /x", "KeyError", link_id, now=NOW)
    note_error("GET /x", "KeyError", 3, now=NOW + HOUR)
    note_error("GET /x", "OSError", None, now=NOW)

    most, least = list_errors(since=NOW - DAY)

    assert (most.kind, most.count, most.last_at) == ("KeyError", 4, NOW + HOUR)
    assert (least.kind, least.count, least.link_id) == ("OSError", 1, None)


def test_errors_at_once_are_all_counted(everywhere: Flask):
    at_once(everywhere, *[lambda: note_error("GET /x", "KeyError", None, now=NOW)] * 5)

    (found,) = list_errors(since=NOW - DAY)
    assert found.count == 5


def test_no_flood_of_kinds_fills_the_table(here: Flask, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(history, "MAX_KINDS", 4)

    for number in range(9):
        note_error(f"GET /{number}" + "x" * 300, "K" * 200, None, now=NOW)

    assert db.session.scalar(select(func.count()).select_from(ErrorEntry)) == 4


def test_old_errors_are_forgotten_by_the_purge(here: Flask):
    note_error("GET /x", "KeyError", None, now=NOW - timedelta(days=8))

    note_purge(Purged(), started_at=NOW, via="cli", now=NOW)

    assert db.session.scalar(select(func.count()).select_from(ErrorEntry)) == 0


def test_the_overview_counts_links_by_state_and_users_by_bytes(everywhere: Flask):
    storage = storage_of(everywhere)
    user = create_user("Alice", password=None, actor=BY_SHELL, now=NOW)
    links = [make_link(everywhere, b"123", lifetime=2 * DAY) for _ in range(4)]
    make_link(everywhere, lifetime=HOUR)
    give(links[0].id, user.id)
    revoke_as_admin(links[1].id, actor=BY_SHELL, now=NOW)
    take_down(links[2].id, Takedown("Out."), actor=BY_SHELL, storage=storage, now=NOW)

    overview = look_over(storage=storage, now=NOW + DAY)

    assert overview.standings == {
        "open": 2, "exhausted": 0, "expired": 1, "revoked": 1, "taken down": 1,
    }  # fmt: skip
    assert [(each.name, each.links, each.size_bytes) for each in overview.users] == [
        ("Alice", 1, 3)
    ]


def give(link_id: int, user_id: int) -> None:
    row = db.session.get(Link, link_id)
    assert row is not None
    row.owner_id = user_id
    db.session.commit()


@pytest.mark.parametrize("asked", ["code", "short link", "filename", "sha256", "owner", "email"])
def test_a_link_is_found_by_what_is_known_of_it(everywhere: Flask, asked: str):
    user = create_user("Alice", email="alice@example.org", password=None, actor=BY_SHELL, now=NOW)
    link, _ = make_link(everywhere, b"one", b"two"), make_link(everywhere)
    give(link.id, user.id)
    texts = {
        "code": link.code,
        "short link": f" https://files.example.org/{link.code}/ ",
        "filename": "1.BIN",
        "sha256": link.files[1].sha256.upper(),
        "owner": "aLiCe",
        "email": "Alice@Example.org",
    }

    found = search_links(texts[asked], now=NOW)

    assert [(each.id, each.owner, each.files) for each in found] == [(link.id, "Alice", 2)]


@pytest.mark.parametrize("text", ["%", "_", "' OR 1=1 --", "x" * 300, "\\"])
def test_nothing_is_found_by_what_only_a_database_understands(everywhere: Flask, text: str):
    make_link(everywhere)

    assert search_links(text, now=NOW) == []


@pytest.mark.parametrize(
    ("standing", "count"),
    [("open", 1), ("expired", 1), ("revoked", 1), ("taken down", 1), ("exhausted", 0)],
)
def test_links_are_found_by_their_state(everywhere: Flask, standing: str, count: int):
    storage = storage_of(everywhere)
    links = [make_link(everywhere, lifetime=2 * DAY) for _ in range(3)]
    make_link(everywhere, lifetime=HOUR)
    revoke_as_admin(links[1].id, actor=BY_SHELL, now=NOW)
    take_down(links[2].id, Takedown("Out."), actor=BY_SHELL, storage=storage, now=NOW)

    found = search_links("", standing, now=NOW + DAY)

    assert [each.standing for each in found] == [standing] * count


def test_a_link_is_inspected_without_its_secrets(everywhere: Flask):
    link = make_link(everywhere, b"12345", password="secret")

    found = inspect_link(find_link_id(link.code), now=NOW)

    assert found.is_locked
    assert [(file.size_bytes, file.is_blocked) for file in found.files] == [(5, False)]
    assert link.owner_token_hash not in repr(found)
    assert link.files[0].storage_key not in repr(found)
    assert find_link_id(f"#{link.id}") == link.id
