"""What users may be called, and which passwords they may choose."""

import pytest

from minifile.errors import BadOption
from minifile.policy.identity import check_new_password, clean_email, clean_name, name_key


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Alice", "Alice"), ("  Zoë   K. ", "Zoë K."), ("李明", "李明"), ("مريم", "مريم"),
        ("Søren_1", "Søren_1"), ("O'Neil", "O'Neil"), ("ａｌｉｃｅ", "alice"),
    ],
)  # fmt: skip
def test_a_name_is_kept_in_one_spelling_whatever_its_script(name: str, kept: str):
    assert clean_name(name) == kept


@pytest.mark.parametrize(
    "name",
    [
        "",
        "x",
        "a" * 65,
        "a@b.c",
        "<b>x</b>",
        "a\u202eb",
        "a\x00b",
        "-ab",
        "\u0301ab",
        "a/b",
        "🙂🙂",
    ],
)
def test_what_is_no_name_is_refused(name: str):
    with pytest.raises(BadOption):
        clean_name(name)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("alice", "ALICE"), ("alice", "аlісе"), ("paul", "pau1"), ("Bob", "B0b"),
        ("admin", "adrnin"), ("Ivan", "lvan"), ("anna b", "annab"), ("a.b", "a_b"),
        ("fiona", "ﬁona"), ("Straße", "STRASSE"),
    ],
)  # fmt: skip
def test_names_that_look_alike_are_one(name: str, other: str):
    assert name_key(name) == name_key(other)


@pytest.mark.parametrize(
    ("name", "other"),
    [("anna", "anne"), ("José", "Jose"), ("clara", "dara"), ("мария", "марія"), ("ana", "ano")],
)
def test_names_that_differ_to_the_eye_differ(name: str, other: str):
    assert name_key(name) != name_key(other)


@pytest.mark.parametrize("address", ["", "alice", "a@b", "a@b..c", "a b@c.de", "a@b.de\nx", "@b.d"])
def test_what_is_no_address_is_refused(address: str):
    with pytest.raises(BadOption):
        clean_email(address)


@pytest.mark.parametrize(
    "password",
    ["short", "a" * 10, "1234567890", "password123", "qwertyuiop", "Alice12345", "minifile2026",
     "alice@example.org", "x" * 257, "a long \x00 password"],
)  # fmt: skip
def test_a_password_that_is_short_or_easily_guessed_is_refused(password: str):
    with pytest.raises(BadOption):
        check_new_password(password, ["Alice", "alice@example.org"])


@pytest.mark.parametrize("password", ["four plain words here", "kühlschrank-berge", "h8F$k2Lq!z"])
def test_no_kinds_of_characters_are_asked_for(password: str):
    check_new_password(password, ["Alice", ""])
