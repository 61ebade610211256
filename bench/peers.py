"""How the peers are started: each with its defaults, but for what keeps it from being measured."""

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from bench.client import Answer

PEERS = Path(".bench/peers/bin").absolute()
NODE_PEERS = Path(".bench/node").absolute()
_PACKAGE = Path(__file__).parent


def find_nginx() -> str | None:
    return shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")


def nginx(folder: Path, port: int, more: str = "") -> list[str]:
    """Prepare nginx; `more` are further lines of its configuration."""
    (folder / "www").mkdir()
    (folder / "body").mkdir()
    (folder / "www" / "index.html").write_text("<!doctype html><title>nginx</title>")
    text = (_PACKAGE / "nginx.conf").read_text()
    if os.geteuid() == 0:
        text = "user root;\n" + text
    config = folder / "nginx.conf"
    text = text.replace("MORE\n", f"{more}\n")
    config.write_text(text.replace("FOLDER", str(folder)).replace("PORT", str(port)))
    return [find_nginx() or "nginx", "-e", "stderr", "-p", str(folder), "-c", str(config)]


def nginx_large_buffer(folder: Path, port: int) -> list[str]:
    return nginx(folder, port, "client_body_buffer_size 1m;")


def copyparty(folder: Path, port: int) -> list[str]:
    (folder / "www").mkdir()
    return [
        *(str(PEERS / "copyparty"), "-q", "-i", "127.0.0.1", "-p", str(port)),
        *("-v", f"{folder / 'www'}::rw", "--no-crt"),
        # It distrusts tmpfs, and takes 1,024 clients unless told otherwise.
        *("--wram", "-nc", "4096"),
    ]


def copyparty_all_cores(folder: Path, port: int) -> list[str]:
    return [*copyparty(folder, port), "-j", "0"]


def bepasty(_folder: Path, port: int) -> list[str]:
    return _gunicorn("bepasty.wsgi:application", port)


def bepasty_environment(folder: Path) -> Mapping[str, str]:
    (folder / "items").mkdir(exist_ok=True)
    config = folder / "bepasty.conf"
    config.write_text(
        f"STORAGE_FILESYSTEM_DIRECTORY = {str(folder / 'items')!r}\n"
        "SECRET_KEY = 'benchmark-benchmark'\nDEFAULT_PERMISSIONS = 'create,read'\n"
    )
    return {"BEPASTY_CONFIG": str(config)}


def bepasty_path(_name: str, answer: Answer) -> str:
    return f"{_path_of(answer.headers['Location'])}/+download"


def plain_flask(_folder: Path, port: int) -> list[str]:
    return _gunicorn("bench.baseline:app", port)


def plain_flask_environment(folder: Path) -> Mapping[str, str]:
    return {"BASELINE_FOLDER": str(folder)}


def tus_node(folder: Path, port: int) -> list[str]:
    (folder / "files").mkdir()
    return ["node", str(NODE_PEERS / "tus_server.mjs"), str(port), str(folder / "files")]


def tus_path(_name: str, answer: Answer) -> str:
    return _path_of(answer.headers["Location"])


def _gunicorn(app: str, port: int) -> list[str]:
    return [
        *(str(PEERS / "gunicorn"), "--bind", f"127.0.0.1:{port}", "--log-level", "error"),
        *("--workers", "2", "--threads", "64", "--worker-class", "gthread", "--timeout", "120"),
        *("--no-control-socket", "--chdir", str(_PACKAGE.parent), app),
    ]


def _path_of(url: str) -> str:
    return re.sub(r"^(https?:)?//[^/]+", "", url).split("#")[0].rstrip("/")
