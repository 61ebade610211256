"""Reading the settings: environment, `minifile.toml`, defaults; every fault at once.

The environment (`MINIFILE_<NAME>`, or the path of a file that holds the value in
`MINIFILE_<NAME>_FILE`) wins over `minifile.toml` in the instance folder. Nothing else in minifile
reads the environment.
"""

import difflib
import os
import secrets
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from minifile.config.settings import Settings
from minifile.errors import ConfigError

PREFIX = "MINIFILE_"
# Names the tests read; they are no settings of an instance.
TEST_PREFIX = "MINIFILE_TEST_"
_IN_FILE = "_file"
# Where a setting came from, in the words of the admin page.
ENVIRONMENT, SECRET_FILE, TOML = "environment", "secret file", "minifile.toml"
KEPT, GIVEN = "instance folder", "program"

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
    values, faults, sources = _read(given)
    folder = values["instance_path"]
    _make_folder(folder)
    if not values.get("secret_key"):
        try:
            values["secret_key"] = _kept_secret_key(folder / "secret_key")
            sources["secret_key"] = KEPT
        except OSError as error:
            raise ConfigError(_unusable(folder, error)) from None
    settings, more = _checked(values)
    if settings is None or faults or more:
        raise ConfigError(*faults, *more)
    settings.note_sources(sources)
    return settings


@dataclass(frozen=True, slots=True)
class Survey:
    """What the settings would be, and all that is wrong with them."""

    settings: Settings | None
    """With the default in place of each that can't be used; None where there is none."""
    faults: tuple[str, ...]
    refused: frozenset[str]
    """The names of those that can't be used."""


def survey_settings(given: Mapping[str, Any] | None = None) -> Survey:
    """Read and check the settings as `load_settings` does; write nothing and raise nothing."""
    values, faults, _ = _read(given)
    if not values.get("secret_key"):
        path = values["instance_path"] / "secret_key"
        try:
            values["secret_key"] = path.read_text("ascii").strip()
        except FileNotFoundError:
            # The start will make one like it.
            values["secret_key"] = secrets.token_hex(32)
        except OSError as error:
            values["secret_key"] = secrets.token_hex(32)
            faults.append(_unusable(path, error))
    settings, more = _checked(values)
    refused: frozenset[str] = frozenset()
    if settings is None:
        usable = _usable(values)
        refused = frozenset(values.keys() - usable.keys())
        settings, _ = _checked({"secret_key": secrets.token_hex(32), **usable})
    return Survey(settings, (*faults, *more), refused)


def _read(
    given: Mapping[str, Any] | None,
) -> tuple[dict[str, Any], list[str], dict[str, str]]:
    """Return what all sources say, by name, what is wrong with how they say it, and who said it."""
    faults: list[str] = []
    sources: dict[str, str] = {}
    environment, values = _from_environment(faults, sources), dict(given or {})
    sources |= dict.fromkeys(values, GIVEN)
    values = {**environment, **values}
    folder = Path(values.get("instance_path") or default_instance_path()).expanduser().resolve()
    in_toml = _from_toml(folder / "minifile.toml", faults)
    sources = {**dict.fromkeys(in_toml, TOML), **sources}
    values = {**in_toml, **values, "instance_path": folder}
    is_external = not str(values.get("database_url", "sqlite")).startswith("sqlite")
    if is_external and not values.get("secret_key"):
        faults.append("SECRET_KEY is needed when DATABASE_URL is not SQLite: replicas share it")
    return values, faults, sources


def _checked(values: Mapping[str, Any]) -> tuple[Settings | None, list[str]]:
    """Return the settings, or what is wrong with them."""
    folder = values["instance_path"]
    defaults = {
        "database_url": f"sqlite:///{folder / 'minifile.sqlite'}",
        "storage_url": f"file:{folder / 'uploads'}",
    }
    try:
        return Settings(**{**defaults, **values}), []
    except ValidationError as error:
        return None, _sentences(error)


def _usable(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that can be used, alone or with others."""
    needed = {"instance_path": values["instance_path"], "secret_key": secrets.token_hex(32)}
    alone = {name: _checked({**needed, name: value})[0] for name, value in values.items()}
    usable = {name: value for name, value in values.items() if alone[name] is not None}
    for name in values.keys() - usable.keys():
        # It may only not fit the default of another.
        if _checked({**needed, **usable, name: values[name]})[0] is not None:
            usable[name] = values[name]
    return usable


def _unusable(path: Path, error: OSError) -> str:
    return f"INSTANCE_PATH: {path} can't be used: {error.strerror}"


def _from_environment(faults: list[str], sources: dict[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    in_files: dict[str, str] = {}
    for name, value in os.environ.items():
        if name.startswith(PREFIX) and not name.startswith(TEST_PREFIX):
            key = name.removeprefix(PREFIX).lower()
            if _names_a_file(key):
                in_files[key.removesuffix(_IN_FILE)] = value
            else:
                values[key] = value
    for key in sorted(in_files.keys() & values.keys()):
        faults.append(f"{PREFIX}{key.upper()} is given twice, also by {PREFIX}{key.upper()}_FILE")
    sources |= dict.fromkeys(values, ENVIRONMENT) | dict.fromkeys(in_files, SECRET_FILE)
    values |= _from_files(in_files, faults)
    return _known(values, faults, shown=lambda key: PREFIX + key.upper())


def _names_a_file(key: str) -> bool:
    return key not in Settings.model_fields and key.removesuffix(_IN_FILE) in Settings.model_fields


def _from_files(paths: Mapping[str, str], faults: list[str]) -> dict[str, str]:
    """Return what stands in files: how Docker, Kubernetes and systemd hand out secrets."""
    values = {}
    for key, path in paths.items():
        try:
            values[key] = Path(path).read_text("utf-8").strip()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            faults.append(f"{PREFIX}{key.upper()}_FILE: {path} can't be read: {reason}")
    return values


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


def _known(
    values: dict[str, Any], faults: list[str], *, shown: Callable[[str], str]
) -> dict[str, Any]:
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
