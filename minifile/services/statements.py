"""Statements of the hot paths: written in SQLAlchemy Core, compiled once, run by the driver.

Executing a Core statement costs about ten times what SQLite needs to run it; most of that is
building, caching and wrapping. Here a statement is compiled once for each kind of database, and
then goes straight to the driver's cursor. Types of our own (instants, JSON) still pass through
their Core types, so a row means the same as in a model.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Dialect, Engine, PoolProxiedConnection, bindparam
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import BindParameter, ClauseElement
from sqlalchemy.types import TypeDecorator, TypeEngine

Row = tuple[Any, ...]
_Processor = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Driver:
    """A connection of the database's own driver, and the dialect that is spoken on it."""

    connection: Any
    dialect: Dialect

    @property
    def holds_all_rows(self) -> bool:
        """Say whether a transaction that writes holds every row from its start on."""
        return self.dialect.name == "sqlite"

    def execute(self, sql: str) -> None:
        """Run one statement as it is: BEGIN, COMMIT, SAVEPOINT and the like."""
        self.fetch(sql, ())

    def commit(self) -> None:
        """Commit what the driver itself has begun (PostgreSQL)."""
        try:
            self.connection.commit()
        except self.dialect.loaded_dbapi.Error as error:
            raise _as_sqlalchemy(error, self) from error

    def fetch(self, sql: str, parameters: Any) -> list[Row]:
        """Run one statement and return its rows. Raises what SQLAlchemy would have raised."""
        try:
            cursor = self.connection.execute(sql, parameters)
            return cursor.fetchall() if cursor.description else []
        except self.dialect.loaded_dbapi.Error as error:
            raise _as_sqlalchemy(error, self) from error


# The connections that a block shares, by engine; see `reading_together`.
_shared: ContextVar["_Shared | None"] = ContextVar("_shared", default=None)


@contextmanager
def reading(engine: Engine) -> Iterator[Driver]:
    """Lend a pooled connection for reading; each statement sees what is committed by then."""
    shared = _shared.get()
    if shared is not None:
        yield shared.driver(engine)
        return
    with lent_driver(engine) as driver:
        yield driver


def driver_of(session: Session) -> Driver:
    """Return the connection of a session's transaction, for statements within it."""
    connection = session.connection()
    return Driver(connection.connection.driver_connection, connection.dialect)


@contextmanager
def lent_driver(engine: Engine) -> Iterator[Driver]:
    """Lend a pooled connection; one that turns out to be dead does not go back into the pool."""
    connection = raw_connection(engine)
    try:
        yield Driver(connection.driver_connection, engine.dialect)
    finally:
        if engine.dialect.name != "sqlite":
            _roll_back(connection, engine.dialect)
        connection.close()


def _roll_back(connection: PoolProxiedConnection, dialect: Dialect) -> None:
    """End what PostgreSQL's driver has begun and nobody committed, which is mostly reading.

    The pool would do it too, and log a trace where the server has gone meanwhile.
    """
    try:
        # One that is closed does not go back into the pool.
        connection.rollback()
    except dialect.loaded_dbapi.Error:
        connection.invalidate()


def raw_connection(engine: Engine) -> PoolProxiedConnection:
    """Lend a connection until it is closed. Raises what SQLAlchemy raises elsewhere."""
    try:
        return engine.raw_connection()
    except engine.dialect.loaded_dbapi.Error as error:
        raise _as_sqlalchemy(error, Driver(None, engine.dialect)) from error


@contextmanager
def reading_together() -> Iterator[None]:
    """Let all that is read in the block, by this thread, share one connection of each engine.

    For a thread that reads all the time and on SQLite, where nothing is held between statements.
    """
    shared = _Shared()
    token = _shared.set(shared)
    try:
        yield
    finally:
        _shared.reset(token)
        shared.close()


class _Shared:
    """Connections that were lent once and are lent again."""

    def __init__(self) -> None:
        self._lent: dict[Engine, tuple[PoolProxiedConnection, Driver]] = {}

    def driver(self, engine: Engine) -> Driver:
        lent = self._lent.get(engine)
        if lent is None:
            connection = raw_connection(engine)
            lent = connection, Driver(connection.driver_connection, engine.dialect)
            self._lent[engine] = lent
        return lent[1]

    def close(self) -> None:
        for connection, _ in self._lent.values():
            connection.close()


class Statement:
    """One Core statement with named parameters, all of which must be given at each run.

    No list that grows with its parameters (`IN`): the text is compiled once.
    """

    def __init__(self, clause: ClauseElement) -> None:
        self._clause = clause
        self._compiled: dict[str, _Compiled] = {}

    def run(self, driver: Driver, **values: Any) -> list[Row]:
        """Execute, and return the rows; empty for a statement that returns none."""
        compiled = self._compiled.get(driver.dialect.name)
        if compiled is None:
            compiled = _Compiled(self._clause, driver.dialect)
            self._compiled[driver.dialect.name] = compiled
        return compiled.run(driver, values)


class _Compiled:
    """A statement for one dialect: its text, and what its values pass through."""

    def __init__(self, clause: ClauseElement, dialect: Dialect) -> None:
        compiler = clause.compile(dialect=dialect)
        assert isinstance(compiler, SQLCompiler)
        self._sql = str(compiler)
        plan = {name: _parameter(name, bind, dialect) for name, bind in compiler.binds.items()}
        self._order = compiler.positiontup
        self._plan = [plan[name] for name in self._order or plan]
        self._names = list(plan)
        types = [column.type for column in _returned(clause)]
        self._results = list(_processors(types, dialect))

    def run(self, driver: Driver, values: Mapping[str, Any]) -> list[Row]:
        # Each of its lines costs: a download comes here nine times.
        given = [
            constant if name is None else process(values[name]) if process else values[name]
            for name, process, constant in self._plan
        ]
        if self._order is None:
            rows = driver.fetch(self._sql, dict(zip(self._names, given, strict=True)))
        else:
            rows = driver.fetch(self._sql, given)
        return [self._read(row) for row in rows] if self._results else rows

    def _read(self, row: Sequence[Any]) -> Row:
        values = list(row)
        for at, process in self._results:
            values[at] = process(values[at])
        return tuple(values)


def given(*names: str) -> dict[str, BindParameter[Any]]:
    """Return the values of an INSERT or UPDATE that have parameters of the same names."""
    return {name: bindparam(name) for name in names}


def _parameter(
    name: str, bind: BindParameter[Any], dialect: Dialect
) -> tuple[str | None, _Processor | None, Any]:
    """Return name and processor of what is given at each run, or a literal and no name."""
    process = bind.type.dialect_impl(dialect).bind_processor(dialect)
    if bind.required:
        return name, process, None
    return None, None, process(bind.value) if process else bind.value


def _as_sqlalchemy(error: Any, driver: Driver) -> BaseException:
    """Turn an error of the driver into SQLAlchemy's for it; it holds no statement or value."""
    dialect = driver.dialect
    found: BaseException = DBAPIError.instance(
        None,
        None,
        error,
        dialect.loaded_dbapi.Error,
        hide_parameters=True,
        connection_invalidated=dialect.is_disconnect(error, driver.connection, None),
        dialect=dialect,
    )
    return found


def _returned(clause: Any) -> Sequence[Any]:
    """Return the columns of a SELECT, or of the RETURNING of what writes."""
    if hasattr(clause, "selected_columns"):
        return list(clause.selected_columns)
    return list(getattr(clause, "exported_columns", ()))


def _processors(
    types: Sequence[TypeEngine[Any]], dialect: Dialect
) -> Iterator[tuple[int, _Processor]]:
    for at, kind in enumerate(types):
        if dialect.name != "sqlite" and not isinstance(kind, TypeDecorator):
            # PostgreSQL's driver knows all types but our own; some ask for the column's code.
            continue
        found = kind.dialect_impl(dialect).result_processor(dialect, None)
        if found is not None:
            yield at, found
