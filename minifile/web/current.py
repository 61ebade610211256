"""What a route hands to the core as plain arguments: settings, storage, clock, visitor."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from flask import Flask, current_app, g, has_request_context, request, session

from minifile.codes import new_token
from minifile.config import Settings
from minifile.errors import Forbidden, LinkNotFound, SignInNeeded
from minifile.extensions import release_connection
from minifile.identity import Account, Actor, Scope
from minifile.services.allowances import limits_of
from minifile.services.api_tokens import PREFIX, account_of_token
from minifile.services.clients import network_of
from minifile.services.oidc_provider import Provider
from minifile.services.origins import Origins
from minifile.services.ownership import check_scope
from minifile.services.partials import Terms
from minifile.services.rate_limits import RateLimits
from minifile.services.user_sessions import SessionTimes, account_of_session
from minifile.storage import Storage
from minifile.values import Limits, Visitor
from minifile.web.transfers import Transfers

_FORWARDED = ("X-Forwarded-For", "Forwarded")
_BROWSER_ID = re.compile(r"[A-Za-z0-9_-]{32}")


@dataclass(frozen=True, slots=True)
class Instance:
    """What `create_app` made for one application."""

    settings: Settings
    storage: Storage
    rates: RateLimits
    migrations: Path
    transfers: Transfers
    origins: Origins
    oidc: Provider | None = None
    """Where users sign in by OpenID Connect, if anywhere."""


def instance_of(app: Flask) -> Instance:
    return cast(Instance, app.extensions["minifile"])


def current_instance() -> Instance:
    return instance_of(current_app)


def current_application() -> Flask:
    """Return the application itself, for what outlives the request."""
    return cast(Flask, current_app._get_current_object())  # type: ignore[attr-defined]


def current_settings() -> Settings:
    return current_instance().settings


def current_storage() -> Storage:
    return current_instance().storage


def current_limits() -> Limits:
    """Return what the instance accepts from who asks."""
    account = current_account()
    return limits_for(None if account is None else account.id)


def limits_for(user_id: int | None) -> Limits:
    """Return what the instance accepts from a user, or with None from who is not signed in.

    Raises Forbidden for a disabled user.
    """
    settings = current_settings()
    found = limits_of(user_id, settings.limits, settings.allowances)
    # What comes next asks with a connection of its own: who waits for one must not hold another.
    release_connection()
    return found


def current_rates() -> RateLimits:
    return current_instance().rates


def current_transfers() -> Transfers:
    return current_instance().transfers


def current_terms() -> Terms:
    """Return what resumable uploads are done with."""
    settings = current_settings()
    return Terms(
        storage=current_storage(),
        limits=current_limits(),
        rates=current_rates(),
        lifetime=settings.partial_lifetime,
        secret=settings.secret_key,
        limits_for=lambda row: limits_for(row.owner_id),
    )


def utcnow() -> datetime:
    return datetime.now(UTC)


def public_url() -> str:
    """Return what links begin with, without a slash at the end."""
    configured = current_settings().public_url
    return (configured or request.host_url).rstrip("/")


def current_visitor(*, owner_token: str | None = None) -> Visitor:
    """Return who is asking, by cookie, address and what the request carries.

    With an API token the cookie does not count. Raises TokenRefused for one that does not hold.
    """
    account = current_account()
    by_token = account is not None and account.token_id is not None
    browser = None if by_token else _kept_browser()
    return _visitor(browser, owner_token or _bearer_token(), account)


def current_account() -> Account | None:
    """Return the user who asks: by API token, else by the cookie of a session; None for nobody.

    Raises TokenRefused for an API token that does not hold.
    """
    if not has_request_context():
        return None
    if "account" not in g:
        token = _api_token()
        g.account = account_of_token(token, now=utcnow()) if token else _account_of_cookie()
        # As in `limits_for`.
        release_connection()
    found: Account | None = g.account
    return found


def require_account(scope: Scope) -> Account:
    """Return the user who asks. Raises SignInNeeded, or Forbidden for a token without the scope."""
    account = current_account()
    if account is None:
        raise SignInNeeded
    check_scope(account, scope)
    return account


def require_admin() -> Account:
    """Return the admin who asks; for everybody else nothing is here: LinkNotFound."""
    account = current_account()
    if account is None or not account.may(Scope.ADMIN):
        raise LinkNotFound
    return account


def current_actor() -> Actor:
    """Return who acts, for the audit log."""
    account = current_account()
    if account is None:
        return Actor(None, "page")
    return Actor(account.id, "page" if account.token_id is None else "api")


def current_session_times() -> SessionTimes:
    settings = current_settings()
    return SessionTimes(settings.session_idle, settings.session_lifetime)


def uploading_visitor() -> Visitor:
    """Return who is uploading; the cookie counts only when the request proves its site.

    Raises Forbidden for a cross-site request. A request with neither Sec-Fetch-Site nor Origin
    is anonymous: no browser sends such a form, and a forged one must not use the cookie. An API
    token is proof by itself.
    """
    check_same_site()
    proves_site = "Sec-Fetch-Site" in request.headers or "Origin" in request.headers
    # The session is always looked at, so that the answer varies by cookie in both cases.
    browser, account = _kept_browser(), current_account()
    if account is not None and account.token_id is not None:
        return _visitor(None, None, account)
    return _visitor(browser, None, account) if proves_site else _visitor(None, None, None)


def check_same_site() -> None:
    """Raise Forbidden for an unsafe request that says that it comes from another site.

    It says so by Sec-Fetch-Site, or by an Origin whose host is not the Host asked.
    """
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    is_foreign = site is not None and site not in ("same-origin", "none")
    if is_foreign or (origin is not None and _host(origin) != request.host):
        raise Forbidden("Another site may not do this in your name.")


def ensure_browser() -> None:
    """Give the browser its id unless it has one."""
    if _kept_browser() is None:
        session.permanent = True
        session["browser"] = new_token()


def visitor_network() -> str:
    """Return what limits count by: the visitor's address, of IPv6 its network."""
    return network_of(request.remote_addr or "")


def is_behind_unknown_proxy() -> bool:
    """Say whether a proxy speaks for the visitor although TRUSTED_PROXIES is 0."""
    return current_settings().trusted_proxies == 0 and any(
        name in request.headers for name in _FORWARDED
    )


def _visitor(browser: str | None, owner_token: str | None, account: Account | None) -> Visitor:
    address = None if is_behind_unknown_proxy() else request.remote_addr or ""
    agent, origins = request.headers.get("User-Agent", ""), current_instance().origins
    return Visitor(
        browser=browser,
        address=address,
        rate_address=visitor_network(),
        user_agent=agent,
        password=_given_password(),
        owner_token=owner_token,
        account=account,
        origin=origins.read(
            agent,
            address=address,
            referrer=request.headers.get("Referer"),
            own=(request.host, current_settings().public_url),
        ),
        is_recorded=origins.is_on,
    )


def _account_of_cookie() -> Account | None:
    nonce = session.get("account")
    if not isinstance(nonce, str):
        return None
    return account_of_session(nonce, times=current_session_times(), now=utcnow())


def _kept_browser() -> str | None:
    browser = session.get("browser")
    if isinstance(browser, str) and _BROWSER_ID.fullmatch(browser):
        return browser
    return None


def _bearer_token() -> str | None:
    """Return the owner token that came as a Bearer."""
    token = _bearer()
    return None if token is None or token.startswith(PREFIX) else token


def _api_token() -> str | None:
    token = _bearer()
    return token if token is not None and token.startswith(PREFIX) else None


def _bearer() -> str | None:
    authorization = request.authorization
    if authorization is not None and authorization.type == "bearer":
        return authorization.token
    return None


def _given_password() -> str | None:
    """Return the link password of the request: X-Link-Password, or HTTP Basic with any name."""
    header = request.headers.get("X-Link-Password")
    if header is not None:
        # Header bytes reach WSGI as Latin-1; what people type is UTF-8.
        return header.encode("latin-1").decode("utf-8", "replace")
    authorization = request.authorization
    if authorization is not None and authorization.type == "basic":
        return authorization.password
    return None


def _host(origin: str) -> str:
    """Return host and port of an Origin; the opaque `null` has none."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""
