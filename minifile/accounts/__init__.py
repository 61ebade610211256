"""Users look after their own account: signing in, joining, sessions, tokens, leaving."""

from minifile.accounts import (
    leaving,
    oidc,
    passwords,
    profile,
    registering,
    resets,
    sessions,
    signing,
    tokens,
)
from minifile.accounts.blueprint import bp

__all__ = [
    "bp",
    "leaving",
    "oidc",
    "passwords",
    "profile",
    "registering",
    "resets",
    "sessions",
    "signing",
    "tokens",
]
