"""Rate limits in Redis: shared by replicas, and in the database while Redis is away."""

import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from conftest import shell, skip_or_fail
from flask import Flask
from services.making import make_link
from wire import eventually

from minifile.errors import TooManyTries
from minifile.services.rate_limits import UNKNOWN_CODES, UPLOADS, RateLimits
from minifile.web.current import utcnow

PASSWORD = "a-secret-of-redis"


class Redis:
    """A server with a password, kept in memory, that a test may stop and start again."""

    def __init__(self, folder: Path) -> None:
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"
        self._folder = folder
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1",
             "--requirepass", PASSWORD, "--save", "", "--dir", str(self._folder)],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        eventually(self._answers)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            return True
        return False


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    if shutil.which("redis-server") is None:
        skip_or_fail("needs Redis: apt install redis-server")
    server = Redis(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def make_rates(make_app: Callable[..., Flask]) -> Callable[..., RateLimits]:
    """Return the rate limits of a new replica."""

    def make(url: str, **settings: str) -> RateLimits:
        rates: RateLimits = make_app(rate_limit_url=url, **settings).extensions["minifile"].rates
        return rates

    return make


def test_what_one_replica_counted_holds_in_another(
    redis: Redis, make_rates: Callable[..., RateLimits]
):
    replicas = [make_rates(redis.url, rate_unknown_codes="4") for _ in range(2)]

    for number in range(4):
        replicas[number % 2].count(UNKNOWN_CODES, "192.0.2.3")

    for replica in replicas:
        assert replica.left(UNKNOWN_CODES, "192.0.2.3") == 0
        with pytest.raises(TooManyTries) as refusal:
            replica.check(UNKNOWN_CODES, "192.0.2.3")
        assert 590 <= refusal.value.retry_after.total_seconds() <= 600


def test_the_database_counts_while_redis_is_away(
    redis: Redis, make_rates: Callable[..., RateLimits], caplog: pytest.LogCaptureFixture
):
    rates = make_rates(redis.url, rate_uploads="2")
    rates.count(UPLOADS, "192.0.2.3")
    redis.stop()

    for _ in range(2):
        rates.check(UPLOADS, "192.0.2.3")
        rates.count(UPLOADS, "192.0.2.3")
    with pytest.raises(TooManyTries):
        rates.check(UPLOADS, "192.0.2.3")

    assert caplog.text.count("Redis does not answer") == 1
    assert PASSWORD not in caplog.text


def test_redis_counts_again_once_it_is_back(
    redis: Redis, make_rates: Callable[..., RateLimits], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("minifile.services.shared_counters._PAUSE_SECONDS", 0.0)
    rates = make_rates(redis.url)
    redis.stop()
    rates.count(UPLOADS, "192.0.2.3")
    redis.start()

    rates.count(UPLOADS, "192.0.2.3")
    rates.count(UPLOADS, "192.0.2.3")

    assert rates.left(UPLOADS, "192.0.2.3") == 300 - 2


def test_a_wrong_password_of_redis_fails_no_page_and_is_not_logged(
    redis: Redis, make_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture
):
    app = make_app(rate_limit_url=redis.url.replace(PASSWORD, "not-the-secret"))
    with app.app_context():
        code = make_link(app, b"hello", now=utcnow()).code

    statuses = [shell(app).get(path).status_code for path in (f"/{code}", "/unknowncode")]

    assert statuses == [200, 404]
    assert "Redis does not answer (AuthenticationError)" in caplog.text
    assert "not-the-secret" not in caplog.text


def test_a_redis_that_is_silent_is_waited_for_once(
    make_rates: Callable[..., RateLimits], caplog: pytest.LogCaptureFixture
):
    with closing(socket.socket()) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        rates = make_rates(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")

        for _ in range(100):
            rates.count(UPLOADS, "192.0.2.3")

    assert rates.left(UPLOADS, "192.0.2.3") == 200
    assert caplog.text.count("Redis does not answer (TimeoutError)") == 1


def test_what_is_given_back_may_be_taken_again(redis: Redis, make_rates: Callable[..., RateLimits]):
    rates = make_rates(redis.url, rate_unknown_codes="1")
    for _ in range(3):
        rates.take(UNKNOWN_CODES, "192.0.2.9")
        rates.give_back(UNKNOWN_CODES, "192.0.2.9")
    # One too many, as where the window has ended meanwhile, is no try more.
    rates.give_back(UNKNOWN_CODES, "192.0.2.9")

    rates.take(UNKNOWN_CODES, "192.0.2.9")
    with pytest.raises(TooManyTries):
        rates.take(UNKNOWN_CODES, "192.0.2.9")
    assert rates.left(UNKNOWN_CODES, "192.0.2.9") == 0
