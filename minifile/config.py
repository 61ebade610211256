"""Settings: every key with its default, unit and one comment.

Read from the environment (`MINIFILE_<NAME>`) and from `minifile.toml` in the instance folder;
the environment wins. Nothing else in minifile reads the environment.
"""

import difflib
import os
import secrets
import sys
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from minifile.errors import ConfigError
from minifile.units import parse_size, read_duration, read_grace, read_off, split
from minifile.values import Limits

PREFIX = "MINIFILE_"
# Names the tests read; they are no settings of an instance.
TEST_PREFIX = "MINIFILE_TEST_"

# Threads of a server process whose own number is not known (see server/sizing.py for ours).
DEFAULT_THREADS = 200


def _check_public_url(url: str) -> str:
    parts = urlsplit(url)
    extra = parts.path.strip("/") or parts.query or parts.fragment
    if parts.scheme not in ("http", "https") or not parts.hostname or extra:
        raise ValueError("must be like https://files.example.org, without a path")
    return url


def _check_storage_url(url: str) -> str:
    if not url.startswith("file:"):
        raise ValueError("must begin with file:")
    return url


def _check_database_url(url: str) -> str:
    if not url.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ValueError("must begin with sqlite:/// or postgresql+psycopg://")
    if not url.startswith("sqlite") and find_spec("psycopg") is None:
        raise ValueError("PostgreSQL needs the extra: pip install 'minifile[postgres]'")
    return url


Size = Annotated[int, BeforeValidator(parse_size), Field(ge=0)]
Duration = Annotated[timedelta, BeforeValidator(read_duration), Field(gt=timedelta(0))]
Grace = Annotated[timedelta, BeforeValidator(read_grace), Field(ge=timedelta(0))]
Names = Annotated[tuple[str, ...], BeforeValidator(split)]
Durations = Annotated[tuple[Duration, ...], BeforeValidator(split), Field(min_length=1)]
RateLimit = Annotated[Annotated[int, Field(ge=1)] | None, BeforeValidator(read_off)]


class Settings(BaseModel):
    """The settings of one instance, checked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # The folder that holds the database, the secret key and the uploads.
    instance_path: Path
    # Signs the cookie. Made and kept in the instance folder when not given.
    secret_key: str = Field(min_length=16, repr=False)
    # Where rows live. The default is minifile.sqlite in the instance folder.
    database_url: Annotated[str, AfterValidator(_check_database_url)] = Field(repr=False)
    # Where bytes live. The default is the folder uploads in the instance folder.
    storage_url: Annotated[str, AfterValidator(_check_storage_url)] = Field(repr=False)
    # The address that links begin with, such as https://files.example.org. Default: the Host asked.
    public_url: Annotated[str, AfterValidator(_check_public_url)] | None = None
    # Host names the server answers to. Default: its own names, localhost and IP addresses.
    trusted_hosts: Names = ()
    # How many proxies in front may be believed about the visitor's address.
    trusted_proxies: int = Field(default=0, ge=0, le=10)
    # The largest file, in bytes.
    max_file_size: Size = 2 * 2**30
    # The largest upload as a whole, in bytes.
    max_link_size: Size = 10 * 2**30
    # How many files one link may hold.
    max_link_files: int = Field(default=1000, ge=1, le=10_000)
    # Accepted types: extensions and media types (pdf, .docx, image/*). Empty accepts all.
    allowed_types: Names = ()
    # Refused types, written the same way.
    blocked_types: Names = ()
    # How long a link lives when the sender does not say.
    default_lifetime: Duration = timedelta(days=1)
    # How long a link may live at most.
    max_lifetime: Duration = Field(default=timedelta(days=30), validate_default=True)
    # The lifetimes offered on the upload page.
    lifetime_choices: Durations = (
        timedelta(hours=1),
        timedelta(days=1),
        timedelta(days=7),
        timedelta(days=30),
    )
    # How many characters a code has.
    code_length: int = Field(default=10, ge=8, le=64)
    # How often expired links are purged.
    purge_interval: Duration = timedelta(hours=1)
    # How long the sender may undo a revoke; the bytes are kept until then. 0: not at all.
    revoke_grace: Grace = timedelta(minutes=10)
    # How long a client may come back to a download it began.
    delivery_lease: Duration = Field(default=timedelta(hours=24), le=timedelta(hours=24))
    # How long a resumable upload that nobody goes on with is kept.
    partial_lifetime: Duration = timedelta(days=1)
    # Uploads are refused when less than this would stay free on the storage, in bytes.
    keep_free: Size = 2**30
    # How long a stopping server waits for transfers.
    stop_timeout: Duration = timedelta(minutes=10)
    # A request whose headers are not complete after so long is given up.
    header_timeout: Duration = timedelta(seconds=30)
    # A body that sends nothing for so long is given up.
    body_idle_timeout: Duration = timedelta(seconds=60)
    # A body that arrives more slowly than this on average is given up, in bytes a second.
    body_min_rate: Size = 1024
    # Wrong link passwords for one link from one address in 15 minutes.
    rate_wrong_passwords: RateLimit = 10
    # Wrong passwords for one link from all addresses in 15 minutes.
    rate_wrong_passwords_link: RateLimit = 100
    # Unknown codes asked for from one address in 10 minutes.
    rate_unknown_codes: RateLimit = 60
    # Links made from one address in a minute.
    rate_uploads: RateLimit = 300
    # Resumable uploads begun from one address in a minute.
    rate_partial_uploads: RateLimit = 3000
    # Uploads and downloads from one address at once in a process. Default: half of its threads.
    max_transfers_per_address: int | None = Field(default=None, ge=1)
    # Who sends the bytes of files without a download limit: minifile itself (stream), or the nginx
    # in front, told by X-Accel-Redirect (x-accel; docs/deploy.md).
    download_mode: Literal["stream", "x-accel"] = "stream"
    # Where to report a security problem (a mailto: or https: address), for security.txt.
    security_contact: str | None = None

    @field_validator("max_lifetime")
    @classmethod
    def _check_lifetimes(cls, value: timedelta, info: ValidationInfo) -> timedelta:
        if value < info.data.get("default_lifetime", timedelta(0)):
            raise ValueError("shorter than DEFAULT_LIFETIME")
        return value

    @property
    def uses_sqlite(self) -> bool:
        return self.database_url.startswith("sqlite")

    @property
    def limits(self) -> Limits:
        return Limits(
            max_file_size=self.max_file_size,
            max_link_size=self.max_link_size,
            max_link_files=self.max_link_files,
            default_lifetime=self.default_lifetime,
            max_lifetime=self.max_lifetime,
            keep_free=self.keep_free,
            code_length=self.code_length,
            allowed_types=self.allowed_types,
            blocked_types=self.blocked_types,
        )


def default_instance_path() -> Path:
    """Return `instance` beside the package, or Flask's place for it once installed."""
    parent = Path(__file__).resolve().parent.parent
    if parent.name in ("site-packages", "dist-packages"):
        return Path(sys.prefix) / "var" / "minifile-instance"
    return parent / "instance"


def migrations_path() -> Path:
    """Return the folder of the migrations: in the wheel beside this file, else in the checkout."""
    package = Path(__file__).resolve().parent
    packed = package / "migrations"
    return packed if packed.is_dir() else package.parent / "migrations"


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
