"""Who may be called what: names of users, e-mail addresses, new passwords.

Names are compared by a skeleton in the sense of Unicode Technical Standard 39, section 4: letters
that look alike are one letter there, so nobody can pass for somebody else.
"""

import unicodedata
from collections.abc import Sequence
from functools import cache

from minifile.errors import BadOption

MIN_NAME, MAX_NAME = 2, 64
MIN_PASSWORD, MAX_PASSWORD = 10, 256
MAX_EMAIL = 254
# What a name may hold besides letters, marks and digits of any script.
_JOINERS = " ._-'"
_LETTERS = ("L", "M", "N")
# What looks alike only while one of them is a capital: Ivan and lvan, BOB and B0B.
_AS_CAPITALS = {"l": "i", "1": "i", "0": "o"}
# Guesses that a password must withstand: 10^6 are made in seconds, even against Argon2id.
_MIN_GUESSES = 1_000_000
# What zxcvbn is given: it takes time with the square of the length.
_JUDGED = 72


def clean_name(name: str) -> str:
    """Return the name as it is kept. Raises BadOption when it can't be one."""
    # NFKC, so that a name has one spelling, as in RFC 8265.
    cleaned = " ".join(unicodedata.normalize("NFKC", name).split())
    if not MIN_NAME <= len(cleaned) <= MAX_NAME:
        raise BadOption(f"A name has {MIN_NAME} to {MAX_NAME} characters.")
    if not all(_is_letter(char) or char in _JOINERS for char in cleaned):
        raise BadOption("A name is made of letters, digits, spaces and . _ - ' only.")
    if not _is_letter(cleaned[0]) or unicodedata.category(cleaned[0])[0] == "M":
        raise BadOption("A name begins with a letter or a digit.")
    return cleaned


def name_key(name: str) -> str:
    """Return what names are compared by: equal for names that look alike."""
    folded = unicodedata.normalize("NFKC", as_text(name)).casefold()
    seen = unicodedata.normalize("NFD", "".join(folded.split()))
    return "".join(_look(char) for char in seen)[:255]


def clean_email(address: str) -> str:
    """Return the e-mail address as it is kept. Raises BadOption when it can't be one."""
    # Loads a table of the world's domains, which only those need who give an address.
    from email_validator import EmailNotValidError, validate_email

    try:
        found = validate_email(address.strip(), check_deliverability=False)
    except EmailNotValidError:
        raise BadOption("This is no e-mail address that mail can be sent to.") from None
    return str(found.normalized)


def email_key(address: str) -> str:
    """Return what addresses are compared by; no mail host tells capitals apart."""
    return unicodedata.normalize("NFKC", as_text(address).strip()).casefold()[:MAX_EMAIL]


def check_new_password(password: str, about: Sequence[str] = ()) -> None:
    """Raise BadOption for a password that is too short, or easily guessed.

    `about` is what an attacker knows of the user. There are no rules on kinds of characters
    (NIST SP 800-63B-4, section 3.1.1.2).
    """
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise BadOption(f"A password has {MIN_PASSWORD} to {MAX_PASSWORD} characters.")
    if "\x00" in password or any(0xD800 <= ord(char) <= 0xDFFF for char in password):
        raise BadOption("The password holds characters that can't be typed.")
    # Reads its lists of words, which only those need who choose a password.
    from zxcvbn import zxcvbn

    known = [word for text in about for word in (text, *text.replace("@", " ").split()) if word]
    if zxcvbn(password[:_JUDGED], [*known, "minifile"])["guesses"] < _MIN_GUESSES:
        raise BadOption("This password is easily guessed. Take a longer one, say four words.")


def as_text(value: str) -> str:
    """Return what of a text every database can look for: no NUL, no half of a surrogate pair."""
    return value.encode("utf-8", "ignore").decode().replace("\x00", "")


def _is_letter(char: str) -> bool:
    return unicodedata.category(char).startswith(_LETTERS)


def _look(char: str) -> str:
    """Return what stands for all characters that look like this one."""
    if char in _JOINERS and char != "'":
        # One may not pass for another by its dots and dashes either.
        return "-"
    look = _looks().get(char, char)
    return _AS_CAPITALS.get(look, look)


@cache
def _looks() -> dict[str, str]:
    """Return for each character with a double the first of those that look like it.

    Unicode's table leads from each to a prototype, which may be longer: m looks like rn.
    """
    from confusable_homoglyphs.confusables import confusables_data

    table = {
        char: {entry["c"].strip("\u200e") for entry in entries}
        for char, entries in confusables_data.items()
    }
    looks: dict[str, str] = {}
    for char in table:
        if char not in looks:
            alike = _all_alike(char, table)
            longer = sorted(each for each in alike if len(each) == 2 and each.isalpha())
            stands = (longer or sorted(alike, key=lambda each: (len(each), each)))[0]
            looks |= dict.fromkeys(alike, stands.casefold())
    return looks


def _all_alike(char: str, table: dict[str, set[str]]) -> set[str]:
    found, new = {char}, [char]
    while new:
        more = table.get(new.pop(), set()) - found
        found |= more
        new += more
    return found
