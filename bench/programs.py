"""The programs that are measured: how each is started, fed and asked."""

import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.client import Answer, Form

PEERS = Path(".bench/peers/bin").absolute()
PACKAGE = Path(__file__).parent


@dataclass(frozen=True)
class Program:
    """A server. `command` prepares a folder and returns what to run; `locate` tells where the
    bytes of an upload can be fetched, from its name and the answer."""

    name: str
    command: Callable[[Path, int], list[str]]
    locate: Callable[[str, Answer], str]
    form: Form | None
    takes_put: bool
    on_disk: bool = False
    index: str = "/"
    environment: Callable[[Path], Mapping[str, str]] = lambda _folder: {}


def _minifile(module: str) -> Callable[[Path, int], list[str]]:
    return lambda _folder, port: [sys.executable, "-m", module, "serve", "--port", str(port)]


def _minifile_environment(folder: Path) -> Mapping[str, str]:
    # One address makes all links here; the limit on that is not what is measured.
    return {"MINIFILE_INSTANCE_PATH": str(folder / "instance"), "MINIFILE_RATE_UPLOADS": "off"}


def _minifile_path(_name: str, answer: Answer) -> str:
    return "/" + answer.body.decode().strip().split("/", 3)[3]


def _nginx(folder: Path, port: int) -> list[str]:
    (folder / "www").mkdir()
    (folder / "body").mkdir()
    (folder / "www" / "index.html").write_text("<!doctype html><title>nginx</title>")
    text = (PACKAGE / "nginx.conf").read_text()
    if os.geteuid() == 0:
        text = "user root;\n" + text
    config = folder / "nginx.conf"
    config.write_text(text.replace("FOLDER", str(folder)).replace("PORT", str(port)))
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") or "nginx"
    return [nginx, "-e", "stderr", "-p", str(folder), "-c", str(config)]


def _copyparty(folder: Path, port: int) -> list[str]:
    (folder / "www").mkdir()
    return [
        *(str(PEERS / "copyparty"), "-q", "-i", "127.0.0.1", "-p", str(port)),
        *("-v", f"{folder / 'www'}::rw", "-j", "0", "--no-crt"),
        # It distrusts tmpfs, and takes 1,024 clients unless told otherwise.
        *("--wram", "-nc", "4096"),
    ]


def _gunicorn(app: str, port: int) -> list[str]:
    return [
        *(str(PEERS / "gunicorn"), "--bind", f"127.0.0.1:{port}", "--log-level", "error"),
        *("--workers", "2", "--threads", "64", "--worker-class", "gthread", "--timeout", "120"),
        *("--no-control-socket", "--chdir", str(PACKAGE.parent), app),
    ]


def _bepasty_environment(folder: Path) -> Mapping[str, str]:
    (folder / "items").mkdir(exist_ok=True)
    config = folder / "bepasty.conf"
    config.write_text(
        f"STORAGE_FILESYSTEM_DIRECTORY = {str(folder / 'items')!r}\n"
        "SECRET_KEY = 'benchmark-benchmark'\nDEFAULT_PERMISSIONS = 'create,read'\n"
    )
    return {"BEPASTY_CONFIG": str(config)}


def _bepasty_path(_name: str, answer: Answer) -> str:
    path = re.sub(r"^https?://[^/]+", "", answer.headers["Location"]).split("#")[0]
    return f"{path.rstrip('/')}/+download"


def _same_name(name: str, _answer: Answer) -> str:
    return f"/{name}"


SHIPPED = "minifile"
UNSYNCED = "minifile, no fsync"

PROGRAMS = [
    Program(
        name=SHIPPED,
        command=_minifile("minifile"),
        locate=_minifile_path,
        form=Form("/"),
        takes_put=True,
        on_disk=True,
        environment=_minifile_environment,
    ),
    Program(
        name=UNSYNCED,
        command=_minifile("bench.serving"),
        locate=_minifile_path,
        form=Form("/"),
        takes_put=True,
        environment=_minifile_environment,
    ),
    Program("nginx", _nginx, _same_name, form=None, takes_put=True),
    Program(
        "copyparty",
        _copyparty,
        _same_name,
        form=Form("/", "f", {"act": "bput"}),
        takes_put=True,
    ),
    Program(
        "bepasty",
        lambda _folder, port: _gunicorn("bepasty.wsgi:application", port),
        _bepasty_path,
        form=Form("/+upload"),
        takes_put=False,
        environment=_bepasty_environment,
    ),
    Program(
        "plain Flask",
        lambda _folder, port: _gunicorn("bench.baseline:app", port),
        lambda name, _answer: f"/files/{name}",
        form=Form("/"),
        takes_put=False,
        environment=lambda folder: {"BASELINE_FOLDER": str(folder)},
    ),
]

_NOT_MEASURED = "needs a tus client and npm; not part of this benchmark"


def available() -> tuple[list[Program], dict[str, str]]:
    """Return the programs that can run here, and why the others are left out."""
    left_out = {"PsiTransfer": _NOT_MEASURED, "@tus/server": _NOT_MEASURED}
    left_out["Plik"] = "comes as a binary and in no package of these registries"
    if shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        left_out["nginx"] = "not installed (Debian: nginx-extras)"
    for name, file in (("copyparty", "copyparty"), ("bepasty", "bepasty-server")):
        if not (PEERS / file).exists():
            left_out[name] = "not installed in .bench/peers"
    return [program for program in PROGRAMS if program.name not in left_out], left_out
