"""OpenID Connect providers that the tests sign in at, and the browser that does it there.

Two were written by others: `oidc-provider` of npm, which is certified, and `oidc-provider-mock` of
PyPI. A third is ours, and lies.
"""

import hmac
import re
import subprocess
import sys
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from json import dumps
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry
from node_programs import BIN, NODE, check_node

CALLBACK = "/login/oidc/callback"
CLIENT_ID = "minifile-tests"
# Each of these characters means something in a form, which HTTP Basic of OAuth is encoded as.
CLIENT_SECRET = "a s+cret: 50% & more, for tests only"


@dataclass
class IdentityProvider:
    """A provider, and how somebody signs in there."""

    issuer: str
    settings: dict[str, Any] = field(default_factory=dict)
    takes_claims: bool = False
    """Whether a test may say what is said of somebody, by `set_claims`."""

    def sign_in(self, address: str, login: str) -> str:
        """Sign in as `login` in a browser of its own, consent; return where it is sent back to."""
        browser = requests.Session()
        answer = _follow(browser, browser.get(address, allow_redirects=False))
        while not isinstance(answer, str):
            form = {"sub": login} if 'name="sub"' in answer.text else _fields(answer.text, login)
            sent = browser.post(_action(answer), data=form, allow_redirects=False)
            answer = _follow(browser, sent)
        return answer

    def refuse(self, address: str) -> str:
        """Go there and say no; return where the browser is sent back to."""
        browser = requests.Session()
        answer = _follow(browser, browser.get(address, allow_redirects=False))
        assert not isinstance(answer, str)
        cancel = re.search(r'<a href="([^"]+)">\[ Cancel', answer.text)
        assert cancel, "oidc-provider-mock says no without the state that it was given"
        left = browser.get(urljoin(answer.url, unescape(cancel[1])), allow_redirects=False)
        sent_back = _follow(browser, left)
        assert isinstance(sent_back, str)
        return sent_back


def _follow(browser: requests.Session, answer: requests.Response) -> requests.Response | str:
    """Follow redirects until there is a page, or the way leads back to minifile."""
    while answer.is_redirect:
        location = urljoin(answer.url, answer.headers["Location"])
        if urlsplit(location).path == CALLBACK:
            return location
        answer = browser.get(location, allow_redirects=False)
    assert answer.status_code == 200, answer.text
    return answer


def _action(answer: requests.Response) -> str:
    action = re.search(r'<form[^>]* action="([^"]+)"', answer.text)
    return urljoin(answer.url, unescape(action[1])) if action else answer.url


def _fields(page: str, login: str) -> dict[str, str]:
    prompt = re.search(r'name="prompt" value="([^"]+)"', page)
    assert prompt, page
    return {"prompt": prompt[1], "login": login, "password": "any"}


@pytest.fixture(scope="session")
def npm_provider() -> Iterator[IdentityProvider]:
    """oidc-provider of npm: the reference implementation for Node."""
    check_node()
    program = subprocess.Popen(
        [BIN / "node", "oidc-provider.js", CLIENT_ID, CLIENT_SECRET],
        cwd=NODE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True,
    )  # fmt: skip
    assert program.stdout is not None
    assert program.stdin is not None
    issuer = program.stdout.readline().strip()
    assert issuer, "oidc-provider did not start"
    yield IdentityProvider(issuer, _settings(issuer))
    program.stdin.close()
    program.stdout.close()
    program.wait(timeout=30)


@pytest.fixture(scope="session")
def mock_provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IdentityProvider]:
    """oidc-provider-mock of PyPI, which needs no Node and takes any claims."""
    log_path = tmp_path_factory.mktemp("mock") / "log"
    with log_path.open("w") as log:
        program = subprocess.Popen(
            [sys.executable, "-m", "oidc_provider_mock", "--port", "0"],
            stdout=log, stderr=log,
        )  # fmt: skip
    issuer = _announced(program, log_path)
    yield IdentityProvider(issuer, _settings(issuer), takes_claims=True)
    program.terminate()
    program.wait(timeout=30)


def _announced(program: subprocess.Popen[bytes], log_path: Path) -> str:
    """Wait for the line that says where the mock listens."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and program.poll() is None:
        match = re.search(r"running on (http://[0-9.:]+)", log_path.read_text())
        if match:
            return match[1]
        time.sleep(0.02)
    program.kill()
    program.wait()
    pytest.fail(f"oidc-provider-mock did not start:\n{log_path.read_text()}")


@pytest.fixture(params=["npm_provider", "mock_provider"], ids=["oidc-provider", "oidc-mock"])
def provider(request: pytest.FixtureRequest) -> IdentityProvider:
    """Each provider that somebody else wrote."""
    found: IdentityProvider = request.getfixturevalue(request.param)
    return found


def _settings(issuer: str) -> dict[str, Any]:
    return {
        "oidc_issuer": issuer,
        "oidc_client_id": CLIENT_ID,
        "oidc_client_secret": CLIENT_SECRET,
        "oidc_name": "the directory",
    }


def set_claims(provider: IdentityProvider, login: str, **claims: Any) -> None:
    """Let the mock say this of somebody from now on."""
    requests.put(f"{provider.issuer}/users/{login}", json=claims, timeout=10).raise_for_status()


@cache
def _signing_key() -> RSAKey:
    # Making one takes longer than a test.
    return RSAKey.generate_key(2048, {"kid": "1"})


@dataclass
class LyingProvider(IdentityProvider):
    """A provider of ours that signs whatever a test wants it to."""

    key: RSAKey = field(default_factory=_signing_key)
    published: list[RSAKey | ECKey] = field(default_factory=list)
    claims: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=lambda: {"alg": "RS256", "kid": "1"})
    userinfo: dict[str, Any] = field(default_factory=lambda: {"sub": "alice"})
    metadata: dict[str, Any] = field(default_factory=dict)
    sign_with: RSAKey | ECKey | None = None
    secret: bytes | None = None
    """What a token is signed by in place of a key; nothing signs nothing."""
    token_answer: tuple[int, dict[str, Any]] | None = None
    asked: list[str] = field(default_factory=list)
    tokens_asked: list[dict[str, str]] = field(default_factory=list)
    now: int = 0
    _nonces: dict[str, str] = field(default_factory=dict)

    def sign_in(self, address: str, login: str) -> str:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        code = f"code-{len(self._nonces)}"
        self._nonces[code] = asked["nonce"]
        answer = {"state": asked["state"], "code": code, "iss": self.issuer}
        return f"{asked['redirect_uri']}?{urlencode(answer)}"

    def id_token(self, nonce: str) -> str:
        claims = {
            "iss": self.issuer, "sub": "alice", "aud": CLIENT_ID, "nonce": nonce,
            "iat": self.now, "exp": self.now + 300, **self.claims,
        }  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        if self.secret is not None:
            return forged(self.header, claims, self.secret)
        registry = JWSRegistry(algorithms=[self.header["alg"]], strict_check_header=False)
        return jwt.encode(self.header, claims, self.sign_with or self.key, registry=registry)

    def answer(self, path: str, body: dict[str, str]) -> tuple[int, dict[str, Any]]:
        self.asked.append(path)
        if path == "/.well-known/openid-configuration":
            return 200, {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "userinfo_endpoint": f"{self.issuer}/userinfo",
                "jwks_uri": f"{self.issuer}/jwks",
                "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
                **self.metadata,
            }
        if path == "/jwks":
            keys = self.published or [self.key]
            return 200, {"keys": [key.as_dict(private=False) for key in keys]}
        if path == "/userinfo":
            return 200, self.userinfo
        self.tokens_asked.append(body)
        if self.token_answer is not None:
            return self.token_answer
        nonce = self._nonces.pop(body["code"], None)
        if nonce is None:
            return 400, {"error": "invalid_grant"}
        id_token = self.id_token(nonce)
        return 200, {"access_token": "opaque", "token_type": "Bearer", "id_token": id_token}


@contextmanager
def lying_provider() -> Iterator[LyingProvider]:
    """Serve a provider that lies."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = parse_qs(self.rfile.read(length).decode())
            status, found = provider.answer(
                urlsplit(self.path).path, {name: values[0] for name, values in body.items()}
            )
            content = dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        issuer = f"http://127.0.0.1:{server.server_port}"
        provider = LyingProvider(issuer, _settings(issuer))
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield provider
        finally:
            server.shutdown()
            thread.join()


def forged(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    """Return a token that no library makes: unsigned, or signed by what must be no secret."""
    parts = [urlsafe_b64encode(dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
    signature = hmac.digest(secret, b".".join(parts), "sha256") if secret else b""
    return b".".join([*parts, urlsafe_b64encode(signature).rstrip(b"=")]).decode()
