"""What a provider's claims mean here, whatever they hold."""

import sys
from contextlib import suppress
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minifile.errors import BadOption
from minifile.identity import NO_LIMIT, UserRole
from minifile.policy.identity import clean_name, name_key
from minifile.policy.oidc_claims import (
    claim_at,
    possible_names,
    quota_of,
    role_of,
    verified_email,
)

TEXT = st.text(st.sampled_from("aA1 .@_-'<\\\x00\n\u0301\u202e\ud800éаß山👩ﬁ१"), max_size=80)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)
CLAIMS = st.dictionaries(
    st.sampled_from(
        ["preferred_username", "nickname", "name", "email", "email_verified", "a", "quota"]
    ),
    JSON,
)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("groups", ["staff"]),
        ("realm_access.roles", ["admin"]),
        ("https://files.example.org/roles", "owner"),
        ("realm_access.roles.admin", None),
        ("realm_access.missing", None),
        ("missing.roles", None),
        ("groups.0", None),
        (".", None),
    ],
)
def test_a_claim_is_found_by_its_name_or_by_the_way_to_it(path: str, found: object):
    claims = {
        "groups": ["staff"],
        "realm_access": {"roles": ["admin"]},
        "https://files.example.org/roles": "owner",
    }

    assert claim_at(claims, path) == found


@pytest.mark.parametrize(
    ("value", "role"),
    [
        ("admins", UserRole.ADMIN),
        (["staff", "admins"], UserRole.ADMIN),
        (["staff"], UserRole.USER),
        ("staff", UserRole.USER),
        ("Admins", UserRole.USER),
        ("admins staff", UserRole.USER),
        (["admin"], UserRole.USER),
        ([["admins"]], UserRole.USER),
        ({"admins": True}, UserRole.USER),
        (True, UserRole.ADMIN),
        (False, UserRole.USER),
        (7, UserRole.ADMIN),
        ([], UserRole.USER),
        ("", UserRole.USER),
        (None, UserRole.USER),
    ],
    ids=str,
)
def test_a_role_is_that_of_one_exact_value(value: object, role: UserRole):
    assert role_of({"groups": value}, "groups", ("admins", "true", "7")) is role


def test_who_has_no_such_claim_is_a_user():
    assert role_of({}, "groups", ("admins",)) is UserRole.USER
    assert role_of({}, "groups", ("None",)) is UserRole.USER


@pytest.mark.parametrize(
    ("value", "size"),
    [
        (0, 0),
        (4096, 4096),
        ("4096", 4096),
        ("10GiB", 10 * 2**30),
        ("off", NO_LIMIT),
        (None, None),
    ],
)
def test_a_quota_is_bytes_or_a_size_in_words(value: object, size: int | None):
    assert quota_of({"quota": value}, "quota") == size


@pytest.mark.parametrize(
    "value",
    [-1, True, 1.5, "much", "", [], {}, 2**63, "9" * 400, "1e9", float("nan"), "99999999TiB"],
    ids=str,
)
def test_what_is_no_size_is_no_quota(value: object):
    with pytest.raises(BadOption):
        quota_of({"quota": value}, "quota")


@pytest.mark.parametrize(
    ("email", "verified", "kept"),
    [
        ("alice@example.org", True, "alice@example.org"),
        ("alice@example.org", "true", "alice@example.org"),
        ("alice@example.org", False, None),
        ("alice@example.org", "false", None),
        ("alice@example.org", None, None),
        ("alice@example.org", 1, None),
        ("alice", True, None),
        (["alice@example.org"], True, None),
        (None, True, None),
    ],
)
def test_an_address_is_kept_only_when_the_provider_vouches_for_it(
    email: object, verified: object, kept: str | None
):
    assert verified_email({"email": email, "email_verified": verified}) == kept


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"preferred_username": "alice", "name": "Alice A."}, "alice"),
        ({"preferred_username": "alice@example.org"}, "alice"),
        ({"preferred_username": "CORP\\alice"}, "CORP alice"),
        ({"preferred_username": "  _alice_  "}, "alice_"),
        ({"preferred_username": "a", "name": "Alice"}, "Alice"),
        ({"preferred_username": "👩‍🚀", "name": "Søren Ångström"}, "Søren Ångström"),
        ({"name": "山田 太郎"}, "山田 太郎"),
        ({"name": "<b>Bob</b>"}, "b Bob b"),
        ({"name": "Bob\r\nX-Header: 1"}, "Bob X-Header 1"),
        ({"name": "\u202eecila"}, "ecila"),
        ({"name": "\u0301\u0301alice"}, "alice"),
        ({"email": "bob@example.org"}, "bob"),
        ({"preferred_username": ["alice"], "name": {}}, "user"),
        ({}, "user"),
    ],
)
def test_the_best_name_is_taken_and_cleaned(claims: dict[str, Any], name: str):
    assert next(possible_names(claims)) == name


def test_a_name_that_is_taken_is_numbered_within_its_length():
    names = list(islice(possible_names({"name": "x" * 100}), 100))

    assert names[1] == f"{'x' * 58} 2"
    assert names[99].endswith(" 100")
    assert len(set(map(name_key, names))) == 100


@given(claims=CLAIMS)
def test_whatever_the_claims_hold_every_name_can_be_one(claims: dict[str, Any]):
    for name in islice(possible_names(claims), 3):
        assert clean_name(name) == name


@given(value=JSON, path=TEXT)
def test_whatever_a_claim_holds_it_is_judged(value: object, path: str):
    claims = {"a": value, "email": value, "email_verified": True}

    role_of(claims, path, ("admins",))
    verified_email(claims)
    with suppress(BadOption):
        assert (quota_of(claims, "a") or 0) <= sys.maxsize
