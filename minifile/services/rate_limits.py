"""Rate limits that hold across workers, replicas and restarts, without another service.

The algorithm is the fixed window of the `limits` library; its counters live in a database.
On SQLite that is a file of its own with synchronous=OFF: what a power cut can take from it are
the last counts, and no download ever waits for it. On PostgreSQL it is an unlogged table.
Only failures and created links are written; a visitor who guesses nothing costs one read.
"""

import hashlib
import hmac
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta

from limits import RateLimitItemPerSecond
from limits.storage import Storage as LimitsStorage
from limits.strategies import FixedWindowRateLimiter
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Float,
    MetaData,
    String,
    Table,
    bindparam,
    case,
    delete,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import IntegrityError, ProgrammingError, SQLAlchemyError
from sqlalchemy.schema import CreateTable

from minifile import metering
from minifile.errors import TooManyTries
from minifile.services.statements import Statement, reading

WRONG_PASSWORDS = "wrong passwords"
WRONG_PASSWORDS_LINK = "wrong passwords for this link"
UNKNOWN_CODES = "unknown codes"
UPLOADS = "uploads"
PARTIAL_UPLOADS = "uploads begun"
UNKNOWN_USERS = "names that nobody has"
WRONG_SIGN_INS = "wrong passwords for this name"
WRONG_SIGN_INS_ADDRESS = "wrong sign-ins"
OIDC_SIGN_INS = "sign-ins begun"
REPORTS = "reports"
MAILS = "mails asked for"
REGISTRATIONS = "accounts made"
TAKEN_NAMES = "names that are taken"

WINDOWS = {
    WRONG_PASSWORDS: timedelta(minutes=15),
    WRONG_PASSWORDS_LINK: timedelta(minutes=15),
    UNKNOWN_CODES: timedelta(minutes=10),
    UNKNOWN_USERS: timedelta(minutes=10),
    UPLOADS: timedelta(minutes=1),
    PARTIAL_UPLOADS: timedelta(minutes=1),
    WRONG_SIGN_INS: timedelta(minutes=15),
    WRONG_SIGN_INS_ADDRESS: timedelta(minutes=15),
    OIDC_SIGN_INS: timedelta(minutes=15),
    REPORTS: timedelta(hours=1),
    MAILS: timedelta(hours=1),
    REGISTRATIONS: timedelta(hours=1),
    TAKEN_NAMES: timedelta(minutes=10),
}


class RateLimits:
    """The rate limits of an instance: `check` before the act and `count` after, or `take`."""

    _tells = True

    def __init__(
        self,
        counters: "DatabaseCounters",
        amounts: Mapping[str, int | None],
        *,
        secret_key: str,
    ) -> None:
        self._storage = counters
        self._limiter = FixedWindowRateLimiter(self._storage)
        self._secret = secret_key.encode()
        self._rules = {
            what: RateLimitItemPerSecond(amount, int(WINDOWS[what].total_seconds()))
            for what, amount in amounts.items()
            if amount is not None
        }

    def without_counting(self) -> "RateLimits":
        """Return the same limits for who only asks, for a moment.

        `count` writes nothing down, and what was read of a counter once is not read again.
        """
        return _SilentRateLimits(self)

    def check(self, what: str, *who: str) -> None:
        """Raise TooManyTries, with the time until the next try, when the limit is used up."""
        rule = self._rules.get(what)
        if rule is None or self._amount(rule, what, *who) < rule.amount:
            return
        raise self._refusal(what, who)

    def count(self, what: str, *who: str) -> None:
        """Write one more of `what` by `who` down."""
        rule = self._rules.get(what)
        if rule is not None:
            self._limiter.hit(rule, *self._key(what, who))

    def take(self, what: str, *who: str) -> None:
        """Count before the act, so that of many at once no more get through than in turn.

        Raises TooManyTries, and counts nothing then. `give_back` takes it back where it was none.
        """
        self.check(what, *who)
        rule = self._rules.get(what)
        if rule is not None and not self._limiter.hit(rule, *self._key(what, who)):
            self.give_back(what, *who)
            raise self._refusal(what, who)

    def give_back(self, what: str, *who: str) -> None:
        """Count one less of `what` by `who`."""
        rule = self._rules.get(what)
        if rule is not None:
            self._storage.decr(rule.key_for(*self._key(what, who)))

    def left(self, what: str, *who: str) -> int | None:
        """Return how many more are allowed now, or None without a limit."""
        rule = self._rules.get(what)
        if rule is None:
            return None
        return self._limiter.get_window_stats(rule, *self._key(what, who)).remaining

    def sweep(self) -> None:
        """Delete counters whose window is over."""
        self._storage.sweep()

    def close(self) -> None:
        """Close the connections to the counters."""
        self._storage.close()

    def _amount(self, rule: RateLimitItemPerSecond, what: str, *who: str) -> int:
        """Return how much was counted, as the limiter's `test` reads it; each request asks."""
        return self._storage.get(rule.key_for(*self._key(what, who)))

    def _refusal(self, what: str, who: tuple[str, ...]) -> TooManyTries:
        if self._tells:
            metering.count(metering.RATE_LIMIT_HITS, what)
        window = self._limiter.get_window_stats(self._rules[what], *self._key(what, who))
        return TooManyTries(what, timedelta(seconds=window.reset_time - time.time()))

    def _key(self, what: str, who: tuple[str, ...]) -> tuple[str, str]:
        """Name the counter without keeping an address in it."""
        text = "\0".join((what, *who)).encode("utf-8", "surrogatepass")
        return what, hmac.new(self._secret, text, hashlib.sha256).hexdigest()


class _SilentRateLimits(RateLimits):
    """See `without_counting`. Whoever is refused goes another way, and is told of there."""

    _tells = False

    def __init__(self, loud: RateLimits) -> None:
        self.__dict__.update(loud.__dict__)
        self._read: dict[tuple[str, ...], int] = {}

    def count(self, what: str, *who: str) -> None:
        """Write nothing down."""

    def _amount(self, rule: RateLimitItemPerSecond, what: str, *who: str) -> int:
        if (what, *who) not in self._read:
            self._read[what, *who] = super()._amount(rule, what, *who)
        return self._read[what, *who]


class DatabaseCounters(LimitsStorage):
    """The storage class of `limits` on a table (key, count, expires_at in epoch seconds)."""

    STORAGE_SCHEME = None

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._engine = engine
        self._clock = clock
        self._table = _table(engine)
        self._look_up = _look_up(self._table)
        self._insert = sqlite_insert if engine.dialect.name == "sqlite" else postgresql_insert
        self._is_made = False

    @property
    def base_exceptions(self) -> type[Exception]:
        return SQLAlchemyError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add to a counter, or start it anew when its window is over; return the count."""
        now, table = self._clock(), self._table
        fresh = table.c.expires_at <= now
        insert = self._insert(table).values(key=key, count=amount, expires_at=now + expiry)
        statement = insert.on_conflict_do_update(
            index_elements=[table.c.key],
            set_={
                "count": case((fresh, amount), else_=table.c.count + amount),
                "expires_at": case((fresh, now + expiry), else_=table.c.expires_at),
            },
        ).returning(table.c.count)
        with self._begin() as connection:
            return int(connection.execute(statement).scalar_one())

    def decr(self, key: str) -> None:
        """Take one from a counter whose window is not over."""
        counts = self._table.c
        is_counted = (counts.key == key) & (counts.expires_at > self._clock()) & (counts.count > 0)
        less = update(self._table).where(is_counted).values({counts.count: counts.count - 1})
        with self._begin() as connection:
            connection.execute(less)

    def get(self, key: str) -> int:
        return int(self._row(key)[0])

    def get_expiry(self, key: str) -> float:
        return float(self._row(key)[1])

    def check(self) -> bool:
        self._row("")
        return True

    def reset(self) -> int | None:
        with self._begin() as connection:
            return connection.execute(delete(self._table)).rowcount

    def clear(self, key: str) -> None:
        with self._begin() as connection:
            connection.execute(delete(self._table).where(self._table.c.key == key))

    def sweep(self) -> None:
        with self._begin() as connection:
            connection.execute(delete(self._table).where(self._table.c.expires_at <= self._clock()))

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        if not self._is_made:
            self._make_table()
        with self._engine.begin() as connection:
            yield connection

    def _make_table(self) -> None:
        """Make the table on first use. Where two processes do at once, one of them is late."""
        late = suppress(IntegrityError, ProgrammingError)
        with late, self._engine.begin() as connection:
            connection.execute(CreateTable(self._table, if_not_exists=True))
        self._is_made = True

    def _row(self, key: str) -> tuple[int, float]:
        now = self._clock()
        if not self._is_made:
            self._make_table()
        with reading(self._engine) as driver:
            rows = self._look_up.run(driver, key=key, now=now)
        return (rows[0][0], rows[0][1]) if rows else (0, now)


def _look_up(table: Table) -> Statement:
    return Statement(
        select(table.c.count, table.c.expires_at).where(
            table.c.key == bindparam("key"), table.c.expires_at > bindparam("now")
        )
    )


def _table(engine: Engine) -> Table:
    return Table(
        "rate_counter",
        MetaData(),
        Column("key", String(200), primary_key=True),
        Column("count", BigInteger, nullable=False),
        Column("expires_at", Float, nullable=False),
        prefixes=["UNLOGGED"] if engine.dialect.name == "postgresql" else [],
    )
