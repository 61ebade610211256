"""Link passwords: what is kept of them, what opens, and what is remembered."""

from datetime import timedelta
from importlib.util import find_spec, module_from_spec

import pytest
from conftest import NOW

from minifile.services import passwords
from minifile.services.passwords import (
    REMEMBERED_FOR,
    hash_password,
    is_remembered,
    remember_success,
    verify_password,
)

HASH = hash_password("correct horse")


def test_the_hash_is_argon2id_with_the_settled_cost():
    # As it is outside of the tests, which hash cheaply.
    spec = find_spec(passwords.__name__)
    unpatched = module_from_spec(spec)
    spec.loader.exec_module(unpatched)

    kept = unpatched.hash_password("correct horse")

    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert verify_password(kept, "correct horse")


def test_equal_passwords_have_different_hashes():
    assert hash_password("correct horse") != HASH


def test_the_password_opens():
    assert verify_password(HASH, "correct horse")


@pytest.mark.parametrize(
    "wrong",
    ["", "Correct horse", "correct horse ", "correct\0horse", "\udcff", "x" * 100_000],
    ids=["empty", "case", "space", "nul", "no-text", "long"],
)
def test_anything_else_does_not(wrong: str):
    assert not verify_password(HASH, wrong)


@pytest.mark.parametrize(
    "password", ["ü", "密码", "🔑" * 100, " "], ids=["umlaut", "han", "long", "space"]
)
def test_any_text_can_be_a_password(password: str):
    assert verify_password(hash_password(password), password)


@pytest.mark.parametrize(
    "damaged",
    ["", "plain", HASH[:-4], HASH.replace("argon2id", "argon9")],
    ids=["empty", "no-hash", "cut", "other-kind"],
)
def test_a_damaged_hash_opens_to_nobody(damaged: str):
    assert not verify_password(damaged, "correct horse")


def test_a_success_is_remembered_for_ten_minutes():
    remember_success(HASH, "correct horse", "bob", NOW)

    assert is_remembered(HASH, "correct horse", "bob", NOW + REMEMBERED_FOR - timedelta(seconds=1))
    assert not is_remembered(HASH, "correct horse", "bob", NOW + REMEMBERED_FOR)


@pytest.mark.parametrize(
    ("password_hash", "password", "client"),
    [
        pytest.param(HASH, "correct horse", "charlie", id="another-client"),
        pytest.param(HASH, "wrong", "bob", id="another-password"),
        pytest.param(f"{HASH}x", "correct horse", "bob", id="a-changed-password"),
        pytest.param(HASH, "correct", " horse\0bob", id="shifted-parts"),
    ],
)
def test_a_success_is_remembered_for_nobody_and_nothing_else(
    password_hash: str, password: str, client: str
):
    remember_success(HASH, "correct horse", "bob", NOW)

    assert not is_remembered(password_hash, password, client, NOW)


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(passwords, "_REMEMBERED_AT_MOST", 3)
    for number in range(5):
        remember_success(HASH, "correct horse", f"client {number}", NOW)

    known = [is_remembered(HASH, "correct horse", f"client {n}", NOW) for n in range(5)]

    assert known == [False, False, True, True, True]


def test_the_memory_holds_no_password():
    remember_success(HASH, "correct horse", "bob", NOW)

    assert not any("horse" in str(key) for key in passwords._remembered)
