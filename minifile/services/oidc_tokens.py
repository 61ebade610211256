"""ID tokens: whom a provider says it has signed in, and whether that can be believed.

The checks are those of Authlib and joserfc; OpenID Connect Core 1.0, section 3.1.3.7, lists them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from minifile.errors import BadSignIn, ProviderUnavailable

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

# How far the provider's clock may be from ours.
_LEEWAY_SECONDS = 60
_LONGEST_SUBJECT = 255


class UnknownKey(Exception):
    """No key of the set has signed it; the provider may have a newer one."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What an ID token must say to be the one that was asked for."""

    issuer: str
    client_id: str
    nonce: str
    access_token: str | None


def import_keys(found: Mapping[str, Any]) -> "KeySet":
    """Return the provider's public keys, without any that is shared or for encryption.

    Raises ProviderUnavailable when none is left.
    """
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet

    listed = found.get("keys")
    signing = [
        key
        for key in (listed if isinstance(listed, list) else [])
        if isinstance(key, dict)
        and key.get("kty") in ("RSA", "EC", "OKP")
        and key.get("use", "sig") == "sig"
    ]
    try:
        return KeySet.import_key_set({"keys": signing})
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise ProviderUnavailable(f"its keys can't be read ({type(error).__name__})") from None


def read_id_token(
    id_token: object,
    keys: "KeySet",
    expected: Expected,
    *,
    algorithms: tuple[str, ...],
    now: datetime,
) -> dict[str, Any]:
    """Return the claims of a token that holds. Raises BadSignIn, and UnknownKey.

    `algorithms` must not be empty: the library would take its own then.
    """
    from authlib.common.errors import AuthlibBaseError
    from authlib.oidc.core import CodeIDToken
    from joserfc import jwt
    from joserfc.errors import BadSignatureError, InvalidKeyIdError, JoseError
    from joserfc.jws import JWSRegistry

    if not isinstance(id_token, str) or not algorithms:
        raise BadSignIn
    try:
        registry = JWSRegistry(algorithms=algorithms, strict_check_header=False)
        token = jwt.decode(id_token, keys, registry=registry)
        claims = CodeIDToken(token.claims, token.header, _options(expected), _asked_for(expected))
        claims.validate(now=int(now.timestamp()), leeway=_LEEWAY_SECONDS)
    except (InvalidKeyIdError, BadSignatureError) as error:
        raise UnknownKey from error
    except (JoseError, AuthlibBaseError, ValueError, TypeError, KeyError) as error:
        raise BadSignIn from error
    return dict(claims)


def is_subject(value: object) -> bool:
    """Say whether this can be the name of somebody at the provider (Core, section 2)."""
    return (
        isinstance(value, str)
        and 0 < len(value) <= _LONGEST_SUBJECT
        and value.isascii()
        and value.isprintable()
    )


def _options(expected: Expected) -> dict[str, Any]:
    return {
        "iss": {"essential": True, "value": expected.issuer},
        "aud": {"essential": True, "value": expected.client_id},
        "sub": {"essential": True, "validate": lambda _claims, value: is_subject(value)},
        "exp": {"essential": True},
        "iat": {"essential": True},
    }


def _asked_for(expected: Expected) -> dict[str, Any]:
    return {
        "nonce": expected.nonce,
        "client_id": expected.client_id,
        "access_token": expected.access_token,
    }
