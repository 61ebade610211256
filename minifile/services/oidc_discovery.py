"""What an OpenID Connect provider says of itself: OpenID Connect Discovery 1.0."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from minifile.errors import ProviderUnavailable
from minifile.values import Level, Verdict

# How long a provider may take to answer, and between two pieces of its answer.
ANSWER_SECONDS = 5
WELL_KNOWN = "/.well-known/openid-configuration"
PART = "sign-in"
# Where a provider sends browsers back to, behind PUBLIC_URL.
CALLBACK_PATH = "/login/oidc/callback"
# Signed by a key pair. By HS256 and its like whoever knows the client's secret could sign, and
# by `none` everybody.
_SIGNATURES = frozenset(
    f"{family}{bits}" for family in ("RS", "PS", "ES") for bits in (256, 384, 512)
) | {"EdDSA", "Ed25519"}


@dataclass(frozen=True, slots=True)
class Metadata:
    """Where the provider is asked for what, and how."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    algorithms: tuple[str, ...]
    """How ID tokens may be signed; never empty, never `none` or HS256."""
    authenticates_by_form: bool
    """Whether the client's secret is sent in the form, for want of HTTP Basic."""
    names_itself: bool
    """Whether each answer by way of the browser says whose it is (RFC 9207)."""


def discover(issuer: str) -> Metadata:
    """Ask the provider about itself. Raises ProviderUnavailable."""
    found = get_json(issuer.removesuffix("/") + WELL_KNOWN)
    if found.get("issuer") != issuer:
        # Otherwise the provider of one could speak for another (Discovery, section 4.3).
        raise ProviderUnavailable(
            f"it calls itself {found.get('issuer')!r}: that is what OIDC_ISSUER must say"
        )
    return Metadata(
        authorization_endpoint=_endpoint(found, "authorization_endpoint", issuer),
        token_endpoint=_endpoint(found, "token_endpoint", issuer),
        jwks_uri=_endpoint(found, "jwks_uri", issuer),
        userinfo_endpoint=(
            _endpoint(found, "userinfo_endpoint", issuer) if "userinfo_endpoint" in found else None
        ),
        algorithms=_algorithms(found),
        authenticates_by_form=_authenticates_by_form(found),
        names_itself=found.get("authorization_response_iss_parameter_supported") is True,
    )


def get_json(address: str, access_token: str | None = None) -> dict[str, Any]:
    """Get a JSON object from the provider. Raises ProviderUnavailable."""
    # Loaded by who signs in, and not by the start.
    import requests

    try:
        answer = requests.get(
            address,
            headers={"Accept": "application/json"},
            auth=_bearer(access_token) if access_token else None,
            timeout=ANSWER_SECONDS,
            allow_redirects=False,
        )
        found = answer.json() if answer.status_code == 200 else None
    except (requests.RequestException, ValueError) as error:
        # What they say may hold more than an address.
        raise ProviderUnavailable(f"{address} does not answer ({type(error).__name__})") from None
    if not isinstance(found, dict):
        raise ProviderUnavailable(
            f"{address} answers with {answer.status_code}, and no JSON object"
        )
    return found


def probe_provider(issuer: str, redirect_uri: str | None) -> Verdict:
    """Look whether the provider says of itself what signing in needs."""
    try:
        discover(issuer)
    except ProviderUnavailable as error:
        return Verdict(Level.WRONG, PART, f"OIDC_ISSUER: {error.reason}.")
    if redirect_uri is None:
        sentence = "The provider answers, but without PUBLIC_URL the redirect URI is not certain."
        return Verdict(Level.WARNING, PART, sentence)
    return Verdict(Level.OK, PART, f"The provider answers; its redirect URI is {redirect_uri}.")


def _bearer(access_token: str) -> Callable[[Any], Any]:
    # Given as authentication, so that no .netrc puts another one in its place.
    def authenticate(request: Any) -> Any:
        request.headers["Authorization"] = f"Bearer {access_token}"
        return request

    return authenticate


def _endpoint(found: Mapping[str, Any], name: str, issuer: str) -> str:
    address = found.get(name)
    schemes = ("https",) if issuer.startswith("https:") else ("http", "https")
    try:
        is_usable = isinstance(address, str) and urlsplit(address).scheme in schemes
    except ValueError:
        is_usable = False
    if not is_usable:
        raise ProviderUnavailable(f"it names no {name} that begins with {' or '.join(schemes)}:")
    return str(address)


def _algorithms(found: Mapping[str, Any]) -> tuple[str, ...]:
    named = found.get("id_token_signing_alg_values_supported", ["RS256"])
    usable = sorted(_SIGNATURES.intersection(filter(_is_text, _listed(named))))
    if not usable:
        raise ProviderUnavailable("it signs by no key pair that minifile knows (RS256, ES256, …)")
    return tuple(usable)


def _authenticates_by_form(found: Mapping[str, Any]) -> bool:
    methods = _listed(found.get("token_endpoint_auth_methods_supported"))
    return "client_secret_post" in methods and "client_secret_basic" not in methods


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_text(value: object) -> bool:
    return isinstance(value, str)
