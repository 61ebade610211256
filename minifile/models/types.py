"""Column types of our own."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

# SQLite counts up only what it knows as INTEGER, which has 64 bits there.
Id = BigInteger().with_variant(Integer(), "sqlite")


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC instant on every database; SQLite, which knows no zones, keeps it as text.

    The text is that of SQLAlchemy's own type there (2026-11-22 12:00:00.000000), read and written
    by the standard library's C functions: a download reads a dozen instants.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        return _to_text if dialect.name == "sqlite" else super().bind_processor(dialect)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        if dialect.name == "sqlite":
            return _from_text
        return super().result_processor(dialect, coltype)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else _utc(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.astimezone(UTC)


def _utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return value if value.tzinfo is UTC else value.astimezone(UTC)


@lru_cache(maxsize=256)
def _to_text(value: datetime | None) -> str | None:
    # All that is written at once has the same few instants.
    if value is None:
        return None
    return _utc(value).replace(tzinfo=None).isoformat(" ", "microseconds")


def _from_text(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value).replace(tzinfo=UTC)


class quarter_of(FunctionElement[int]):  # noqa: N801 (it reads as the function that it is)
    """The quarter of an hour that an instant lies in, counted from 1970."""

    type = BigInteger()
    inherit_cache = True


@compiles(quarter_of, "sqlite")
def _quarter_on_sqlite(element: Any, compiler: SQLCompiler, **kwargs: Any) -> str:
    # Without the fraction: it counts in milliseconds, and .999999 would be the next second.
    instant = f"substr({compiler.process(element.clauses, **kwargs)}, 1, 19)"
    return f"(CAST(strftime('%s', {instant}) AS INTEGER) / 900)"


@compiles(quarter_of, "postgresql")
def _quarter_on_postgresql(element: Any, compiler: SQLCompiler, **kwargs: Any) -> str:
    instant = compiler.process(element.clauses, **kwargs)
    return f"CAST(floor(extract(epoch FROM {instant}) / 900) AS BIGINT)"
