"""What users change of their own account."""

import pytest
from conftest import NOW
from flask import Flask

from minifile.errors import ResetOver
from minifile.identity import BY_INSTANCE, BY_SHELL
from minifile.services import own_account
from minifile.services.own_account import change_email, rename_user
from minifile.services.password_resets import HANDED_LIFETIME, find_reset, make_reset
from minifile.services.users import UserRecord, create_user, get_user


@pytest.fixture
def alice(everywhere: Flask) -> UserRecord:
    return create_user("Alice", email="old@example.org", password=None, actor=BY_SHELL, now=NOW)


def test_a_new_name_does_not_bring_an_old_address_back(
    alice: UserRecord, monkeypatch: pytest.MonkeyPatch
):
    clean = own_account.clean_name

    def slowly(name: str) -> str:
        change_email(alice.id, "new@example.org", actor=BY_SHELL, now=NOW)
        return clean(name)

    monkeypatch.setattr(own_account, "clean_name", slowly)

    rename_user(alice.id, "Alicia", actor=BY_SHELL, now=NOW)

    assert get_user(alice.id).name == "Alicia"
    assert get_user(alice.id).email == "new@example.org"


def test_a_new_address_ends_the_resets_that_went_to_the_old_one(alice: UserRecord):
    token = make_reset(alice.id, lifetime=HANDED_LIFETIME, actor=BY_INSTANCE, now=NOW)

    rename_user(alice.id, "Alicia", actor=BY_SHELL, now=NOW)
    assert find_reset(token, now=NOW).id == alice.id
    change_email(alice.id, "new@example.org", actor=BY_SHELL, now=NOW)

    with pytest.raises(ResetOver):
        find_reset(token, now=NOW)
