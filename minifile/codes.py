"""Codes, tokens and storage keys: everything random that must not be guessed."""

import hashlib
import secrets
import string

# Digits and letters without those that are mistaken for one another in print: 57 remain.
CODE_ALPHABET = "".join(c for c in string.digits + string.ascii_letters if c not in "0O1lI")


def new_code(length: int = 10) -> str:
    """Return a random code of `length` characters; 10 of them hold 58 bits."""
    return "".join(secrets.choice(CODE_ALPHABET) for _ in range(length))


def new_token() -> str:
    """Return a random token of 192 bits, safe in a URL and in a cookie."""
    return secrets.token_urlsafe(24)


def new_key() -> str:
    """Return a random storage key: 32 lower-case hex digits, 128 bits."""
    return secrets.token_hex(16)


def token_hash(token: str) -> str:
    """Return the SHA-256 of a token in hex: what the database keeps instead of the token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
