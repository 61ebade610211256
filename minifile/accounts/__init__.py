"""Users look after their own account: signing in, joining, sessions, tokens, leaving."""

from minifile.accounts import (
    leaving,
    notifying,
    notifying_log,
    oidc,
    passwords,
    profile,
    registering,
    resets,
    sessions,
    signing,
    switching_off,
    tokens,
)
from minifile.accounts.blueprint import bp

__all__ = [
    "bp",
    "leaving",
    "notifying",
    "notifying_log",
    "oidc",
    "passwords",
    "profile",
    "registering",
    "resets",
    "sessions",
    "signing",
    "switching_off",
    "tokens",
]
