"""A sign-in by OpenID Connect: begun by one browser, completed once, by the same one."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete

from minifile.codes import token_hash
from minifile.errors import BadSignIn, ConsentRefused, IdentityRefused, ProviderUnavailable
from minifile.extensions import release_connection, write_transaction
from minifile.models import OidcSignIn
from minifile.services.oidc_provider import Provider, Secrets, new_secrets
from minifile.services.oidc_users import ClaimRules, enter, link_identity
from minifile.services.rate_limits import OIDC_SIGN_INS, RateLimits

log = logging.getLogger("minifile")

LIFETIME = timedelta(minutes=10)
# What a provider answers when somebody has said no, or has to say something first.
_NOT_NOW = ("server_error", "temporarily_unavailable")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the browser brings back from the provider."""

    state: str
    code: str
    error: str
    issuer: str | None


@dataclass(frozen=True, slots=True)
class Completed:
    """Who has signed in, and where they wanted to go."""

    user_id: int
    next_path: str | None
    is_link: bool
    """Whether somebody who was signed in already has linked their account."""


def begin(
    provider: Provider,
    browser: str,
    redirect_uri: str,
    *,
    next_path: str | None = None,
    user_id: int | None = None,
    address: str,
    rates: RateLimits,
    now: datetime,
) -> str:
    """Return the address at the provider where this browser goes on.

    `browser` is a secret of its cookie, `user_id` the user who links their account. Raises
    ProviderUnavailable and TooManyTries.
    """
    rates.check(OIDC_SIGN_INS, address)
    release_connection()
    secrets = new_secrets()
    with _noted():
        location = provider.authorization_address(secrets, redirect_uri, now=now)
    with write_transaction(durable=False) as session:
        session.execute(delete(OidcSignIn).where(OidcSignIn.expires_at <= now))
        session.add(
            OidcSignIn(
                state_hash=token_hash(secrets.state),
                browser_hash=token_hash(browser),
                nonce=secrets.nonce,
                code_verifier=secrets.code_verifier,
                next_path=next_path,
                user_id=user_id,
                expires_at=now + LIFETIME,
            )
        )
    rates.count(OIDC_SIGN_INS, address)
    return location


def complete(
    provider: Provider,
    answer: Answer,
    browser: str | None,
    redirect_uri: str,
    *,
    account_id: int | None,
    rules: ClaimRules,
    now: datetime,
) -> Completed:
    """Take the provider's answer and return whose it is; it can't be taken twice.

    `account_id` is who is signed in by now. Raises BadSignIn, ConsentRefused, IdentityRefused,
    IdentityTaken and ProviderUnavailable.
    """
    begun, secrets = _take(answer.state, browser, now)
    with _noted():
        _check_answer(provider, answer, now)
        claims = provider.claims_of(answer.code, secrets, redirect_uri, now=now)
    if begun.user_id is None:
        user_id = enter(claims, provider.issuer, rules, now=now)
        return Completed(user_id, begun.next_path, is_link=False)
    if begun.user_id != account_id:
        raise IdentityRefused("Sign in to the account again that you wanted to link.")
    link_identity(begun.user_id, provider.issuer, claims["sub"], now=now)
    return Completed(begun.user_id, None, is_link=True)


def _take(state: str, browser: str | None, now: datetime) -> tuple[OidcSignIn, Secrets]:
    """Take a sign-in out of those on their way; another browser's stays where it is."""
    with write_transaction() as session:
        taken = session.scalar(
            delete(OidcSignIn)
            .where(
                OidcSignIn.state_hash == token_hash(state),
                OidcSignIn.browser_hash == token_hash(browser or ""),
                OidcSignIn.expires_at > now,
            )
            .returning(OidcSignIn)
        )
        if taken is None:
            raise BadSignIn
        session.expunge(taken)
    return taken, Secrets(state, taken.nonce, taken.code_verifier)


def _check_answer(provider: Provider, answer: Answer, now: datetime) -> None:
    """Raise unless this is a code, and of this provider (RFC 9207)."""
    is_named = provider.metadata(now).names_itself
    if answer.issuer != provider.issuer and (is_named or answer.issuer is not None):
        log.warning("an answer is of another sign-in service than the one that was asked")
        raise BadSignIn
    if answer.error == "access_denied":
        raise ConsentRefused
    if answer.error in _NOT_NOW:
        raise ProviderUnavailable(f"it answers with {answer.error}")
    if answer.error or not answer.code:
        # Whatever stands there came from the visitor.
        log.warning("the sign-in service answers with an error: %s", ascii(answer.error[:40]))
        raise BadSignIn


@contextmanager
def _noted() -> Iterator[None]:
    """Write down for the admin why the provider can't be used."""
    try:
        yield
    except ProviderUnavailable as error:
        log.warning("the sign-in service: %s", error.reason)
        raise
