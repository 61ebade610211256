"""The OpenID Connect provider as minifile speaks to it: code flow with PKCE, state and nonce."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from minifile.codes import new_token
from minifile.errors import BadSignIn, ProviderUnavailable
from minifile.services.oidc_discovery import ANSWER_SECONDS, Metadata, discover, get_json
from minifile.services.oidc_tokens import (
    Expected,
    UnknownKey,
    import_keys,
    read_id_token,
)

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

log = logging.getLogger("minifile")

# What the provider says of itself, and its keys, are asked for anew after so long.
_KEPT_FOR = timedelta(hours=1)
_BY_BASIC = "client_secret_basic"


@dataclass(frozen=True, slots=True)
class OidcClient:
    """What this instance is at the provider."""

    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False)
    scopes: Sequence[str]


@dataclass(frozen=True, slots=True)
class Secrets:
    """What ties an answer of the provider to the question: each is random, and for one sign-in."""

    state: str
    nonce: str
    code_verifier: str


def new_secrets() -> Secrets:
    # A verifier has 43 characters at least (RFC 7636, section 4.1).
    return Secrets(new_token(), new_token(), new_token() + new_token())


class Provider:
    """One provider, for the life of the process. Its methods may run in several threads at once."""

    def __init__(self, client: OidcClient) -> None:
        self.client = client
        self._metadata: tuple[Metadata, datetime] | None = None
        self._keys: tuple[KeySet, datetime] | None = None

    @property
    def issuer(self) -> str:
        return self.client.issuer

    def metadata(self, now: datetime) -> Metadata:
        """Return what the provider says of itself. Raises ProviderUnavailable."""
        kept = self._metadata
        if kept is None or now - kept[1] > _KEPT_FOR:
            kept = self._metadata = discover(self.issuer), now
        return kept[0]

    def authorization_address(self, secrets: Secrets, redirect_uri: str, *, now: datetime) -> str:
        """Return where the browser goes to sign in. Raises ProviderUnavailable."""
        metadata = self.metadata(now)
        with self._session(redirect_uri) as session:
            address, _ = session.create_authorization_url(
                metadata.authorization_endpoint,
                state=secrets.state,
                nonce=secrets.nonce,
                code_verifier=secrets.code_verifier,
            )
        return str(address)

    def claims_of(
        self, code: str, secrets: Secrets, redirect_uri: str, *, now: datetime
    ) -> dict[str, Any]:
        """Return what the provider says of who came back with this code.

        The ID token is judged, then the provider is asked for what it did not hold. Raises
        BadSignIn, and ProviderUnavailable.
        """
        metadata = self.metadata(now)
        tokens = self._exchange(metadata, code, secrets, redirect_uri)
        access_token = tokens.get("access_token")
        access_token = access_token if isinstance(access_token, str) else None
        expected = Expected(self.issuer, self.client.client_id, secrets.nonce, access_token)
        claims = self._judged(metadata, tokens.get("id_token"), expected, now)
        if metadata.userinfo_endpoint is None or access_token is None:
            return claims
        more = get_json(metadata.userinfo_endpoint, access_token)
        if more.get("sub") != claims["sub"]:
            # It may be somebody else's (Core, section 5.3.2).
            log.warning("the sign-in service tells of somebody else than its token")
            raise BadSignIn
        return {**more, **claims}

    def _exchange(
        self, metadata: Metadata, code: str, secrets: Secrets, redirect_uri: str
    ) -> Mapping[str, Any]:
        """Give the code for tokens."""
        import requests
        from authlib.common.errors import AuthlibBaseError

        method = self._proof(metadata)
        with self._session(redirect_uri, method) as session:
            try:
                found = session.fetch_token(
                    metadata.token_endpoint,
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=secrets.code_verifier,
                    redirect_uri=redirect_uri,
                    auth=self._basic(method),
                    allow_redirects=False,
                )
            except AuthlibBaseError as error:
                if error.error == "invalid_grant":
                    raise BadSignIn from None
                # Say, invalid_client: the secret is another one by now.
                raise ProviderUnavailable(
                    f"it gives no tokens ({str(error.error)[:40]!a})"
                ) from None
            except (requests.RequestException, ValueError, TypeError, KeyError) as error:
                raise ProviderUnavailable(f"it gives no tokens ({type(error).__name__})") from None
        return found if isinstance(found, Mapping) else {}

    def _proof(self, metadata: Metadata) -> str:
        """Return how the client proves to be itself."""
        if self.client.client_secret is None:
            return "none"
        return "client_secret_post" if metadata.authenticates_by_form else _BY_BASIC

    def _judged(
        self, metadata: Metadata, id_token: object, expected: Expected, now: datetime
    ) -> dict[str, Any]:
        """Return the claims of the ID token; the provider's keys are asked for again once."""
        for are_new in (False, True):
            keys = self._signing_keys(metadata, now, are_new=are_new)
            try:
                return read_id_token(
                    id_token, keys, expected, algorithms=metadata.algorithms, now=now
                )
            except UnknownKey:
                continue
            except BadSignIn as error:
                # The kind only: a claim may be anything.
                log.warning("an ID token does not hold: %s", type(error.__cause__).__name__)
                raise
        log.warning("an ID token is signed by no key of the provider")
        raise BadSignIn

    def _signing_keys(self, metadata: Metadata, now: datetime, *, are_new: bool) -> "KeySet":
        kept = self._keys
        if kept is None or are_new or now - kept[1] > _KEPT_FOR:
            kept = self._keys = import_keys(get_json(metadata.jwks_uri)), now
        return kept[0]

    def _session(self, redirect_uri: str, method: str | None = None) -> Any:
        # Authlib loads an HTTP client, which only those need who sign in so.
        from authlib.integrations.requests_client import OAuth2Session

        return OAuth2Session(
            self.client.client_id,
            self.client.client_secret,
            token_endpoint_auth_method=method,
            scope=" ".join(self.client.scopes),
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            default_timeout=ANSWER_SECONDS,
        )

    def _basic(self, method: str) -> Any:
        """Return the client's name and secret for HTTP Basic; None where they go another way."""
        from requests.auth import HTTPBasicAuth

        secret = self.client.client_secret
        if secret is None or method != _BY_BASIC:
            return None
        # Both are encoded as in a form first (RFC 6749, section 2.3.1), which Authlib leaves out.
        return HTTPBasicAuth(quote_plus(self.client.client_id), quote_plus(secret))
