"""Reading the settings: environment, `minifile.toml`, defaults; every fault at once.

The environment (`MINIFILE_<NAME>`) wins over `minifile.toml` in the instance folder. Nothing else
in minifile reads the environment.
"""

import difflib
import os
import secrets
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from minifile.config.settings import Settings
from minifile.errors import ConfigError

PREFIX = "MINIFILE_"
# Names the tests read; they are no settings of an instance.
TEST_PREFIX = "MINIFILE_TEST_"

_PACKAGE = Path(__file__).resolve().parent.parent


def default_instance_path() -> Path:
    """Return `instance` beside the package, or Flask's place for it once installed."""
    parent = _PACKAGE.parent
    if parent.name in ("site-packages", "dist-packages"):
        return Path(sys.prefix) / "var" / "minifile-instance"
    return parent / "instance"


def migrations_path() -> Path:
    """Return the folder of the migrations: in the wheel in the package, else in the checkout."""
    packed = _PACKAGE / "migrations"
    return packed if packed.is_dir() else _PACKAGE.parent / "migrations"


def load_settings(given: Mapping[str, Any] | None = None) -> Settings:
    """Read, check and return the settings; `given` (lower-case names) wins over every source.

    Creates the instance folder and, when no SECRET_KEY is given, the key in it.
    Raises ConfigError with every fault at once.
    """
    faults: list[str] = []
    values = {**_from_environment(faults), **dict(given or {})}
    folder = Path(values.get("instance_path") or default_instance_path()).expanduser().resolve()
    values = {**_from_toml(folder / "minifile.toml", faults), **values, "instance_path": folder}
    _make_folder(folder)
    if not values.get("secret_key"):
        if not str(values.get("database_url", "sqlite")).startswith("sqlite"):
            faults.append("SECRET_KEY is needed when DATABASE_URL is not SQLite: replicas share it")
        try:
            values["secret_key"] = _kept_secret_key(folder / "secret_key")
        except OSError as error:
            raise ConfigError(f"INSTANCE_PATH: {folder} can't be used: {error.strerror}") from None
    values.setdefault("database_url", f"sqlite:///{folder / 'minifile.sqlite'}")
    values.setdefault("storage_url", f"file:{folder / 'uploads'}")
    try:
        settings = Settings(**values)
    except ValidationError as error:
        faults.extend(_sentences(error))
    if faults:
        raise ConfigError("The settings can't be used:\n" + "\n".join(f"- {f}" for f in faults))
    return settings


def _from_environment(faults: list[str]) -> dict[str, Any]:
    values = {}
    for name, value in os.environ.items():
        if name.startswith(PREFIX) and not name.startswith(TEST_PREFIX):
            values[name.removeprefix(PREFIX).lower()] = value
    return _known(values, faults, shown=lambda key: PREFIX + key.upper())


def _from_toml(path: Path, faults: list[str]) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        faults.append(f"{path.name} can't be read: {error}")
        return {}
    lowered = {key.lower(): value for key, value in values.items()}
    if lowered.pop("instance_path", None) is not None:
        faults.append(f"INSTANCE_PATH can't stand in {path.name}, which lies in that folder")
    return _known(lowered, faults, shown=lambda key: f"{key} in {path.name}")


def _known(values: dict[str, Any], faults: list[str], *, shown: Any) -> dict[str, Any]:
    """Return the values whose names are settings; each other name becomes a fault."""
    for key in [key for key in values if key not in Settings.model_fields]:
        del values[key]
        near = difflib.get_close_matches(key, Settings.model_fields, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0].upper()}?" if near else ""
        faults.append(f"{shown(key)} is no setting{hint}")
    return values


def _sentences(error: ValidationError) -> list[str]:
    sentences = []
    for fault in error.errors(include_url=False, include_input=False):
        name = str(fault["loc"][0]).upper() if fault["loc"] else ""
        message = fault["msg"].removeprefix("Value error, ")
        sentences.append(f"{name}: {message}" if name else message)
    return list(dict.fromkeys(sentences))


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"INSTANCE_PATH: the folder {folder} can't be made: {error.strerror}"
        ) from None


def _kept_secret_key(path: Path) -> str:
    """Return the key kept at `path`, made on first use and readable by its owner only.

    Two processes that start at once agree: the key is written to a file of its own and linked
    into place, which fails for the second one.
    """
    if not path.exists():
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(descriptor)
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text("ascii").strip()
