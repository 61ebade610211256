"""Is the instance ready to serve?"""

from collections.abc import Callable
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from minifile.errors import MinifileError, StorageFull
from minifile.policy.limits import check_space
from minifile.services.schema import check_schema
from minifile.storage import Storage
from minifile.values import Limits


def list_problems(*, storage: Storage, limits: Limits, migrations: Path) -> list[str]:
    """Return one sentence for each thing that keeps the instance from serving; none is good."""
    checks: list[Callable[[], None]] = [
        lambda: check_schema(migrations),
        storage.check,
        lambda: _check_free_space(storage, limits),
    ]
    return [problem for check in checks if (problem := _problem(check)) is not None]


def _check_free_space(storage: Storage, limits: Limits) -> None:
    try:
        check_space(0, storage.free_bytes(), limits)
    except StorageFull:
        raise StorageFull("Less space is free than KEEP_FREE asks for.") from None


def _problem(check: Callable[[], None]) -> str | None:
    try:
        check()
    except MinifileError as error:
        return str(error)
    except SQLAlchemyError:
        return "The database does not answer."
    except OSError as error:
        return f"The storage does not answer: {error.strerror}."
    return None
