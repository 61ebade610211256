"""The programs that are measured: how each is started, fed and asked."""

import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench import peers
from bench.client import Answer, Form


@dataclass(frozen=True)
class Program:
    """A server. `command` prepares a folder and returns what to run; `locate` tells where the
    bytes of an upload can be fetched, from its name and the answer. `tus` is the address of its
    resumable uploads, if it takes no others; `groups` names those it is part of, if not all."""

    name: str
    command: Callable[[Path, int], list[str]]
    locate: Callable[[str, Answer], str]
    form: Form | None = None
    takes_put: bool = False
    tus: str | None = None
    groups: frozenset[str] | None = None
    on_disk: bool = False
    index: str = "/"
    environment: Callable[[Path], Mapping[str, str]] = lambda _folder: {}


def _minifile(module: str, *options: str) -> Callable[[Path, int], list[str]]:
    program = [sys.executable, "-m", module, *options, "serve", "--port"]
    return lambda _folder, port: [*program, str(port)]


def _minifile_environment(folder: Path) -> Mapping[str, str]:
    # One address makes all links here; the limit on that is not what is measured.
    return {"MINIFILE_INSTANCE_PATH": str(folder / "instance"), "MINIFILE_RATE_UPLOADS": "off"}


def _minifile_path(_name: str, answer: Answer) -> str:
    return "/" + answer.body.decode().strip().split("/", 3)[3]


def _same_name(name: str, _answer: Answer) -> str:
    return f"/{name}"


SHIPPED = "minifile"
UNSYNCED = "minifile, no fsync"
# The same without SHA-256 and CRC-32: what moving the bytes costs.
UNHASHED = "minifile, no fsync, no hash"
# No peer: what the client reaches where a server only moves bytes.
CEILING = "bare sockets"

_COPYPARTY_FORM = Form("/", "f", {"act": "bput"})

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
    Program(
        name=UNHASHED,
        command=_minifile("bench.serving", "--without-hash"),
        locate=_minifile_path,
        form=Form("/"),
        takes_put=True,
        groups=frozenset({"upload"}),
        environment=_minifile_environment,
    ),
    Program("nginx", peers.nginx, _same_name, takes_put=True),
    Program(
        "nginx, buffer of 1 MiB",
        peers.nginx_large_buffer,
        _same_name,
        takes_put=True,
        groups=frozenset({"upload"}),
    ),
    Program("copyparty", peers.copyparty, _same_name, form=_COPYPARTY_FORM, takes_put=True),
    Program(
        "copyparty -j 0",
        peers.copyparty_all_cores,
        _same_name,
        form=_COPYPARTY_FORM,
        takes_put=True,
        groups=frozenset({"upload", "download", "small-downloads", "small-uploads"}),
    ),
    Program(
        "bepasty",
        peers.bepasty,
        peers.bepasty_path,
        form=Form("/+upload"),
        environment=peers.bepasty_environment,
    ),
    Program(
        "@tus/server",
        peers.tus_node,
        peers.tus_path,
        tus="/files",
        groups=frozenset({"start", "upload", "memory"}),
    ),
    Program(
        "plain Flask",
        peers.plain_flask,
        lambda name, _answer: f"/files/{name}",
        form=Form("/"),
        environment=peers.plain_flask_environment,
    ),
    Program(
        CEILING,
        lambda _folder, port: [sys.executable, "-m", "bench.ceiling", str(port)],
        _same_name,
        takes_put=True,
        groups=frozenset({"upload", "download"}),
    ),
]


def available() -> tuple[list[Program], dict[str, str]]:
    """Return the programs that can run here, and why the others are left out."""
    left_out = {
        "PsiTransfer": "its package can't be had from the npm registry",
        "Plik": "comes as a binary only, in no package of PyPI, npm or Debian",
    }
    if peers.find_nginx() is None:
        left_out["nginx"] = "not installed (Debian: nginx-extras)"
    for name, file in (("copyparty", "copyparty"), ("bepasty", "bepasty-server")):
        if not (peers.PEERS / file).exists():
            left_out[name] = "not installed in .bench/peers"
    if shutil.which("node") is None:
        left_out["@tus/server"] = "needs node and npm"
    elif not (peers.NODE_PEERS / "node_modules").exists():
        left_out["@tus/server"] = "not installed in .bench/node"
    return [program for program in PROGRAMS if _base(program.name) not in left_out], left_out


def _base(name: str) -> str:
    """Return the peer's name without what is told about its configuration."""
    return name.removesuffix(" -j 0").split(",")[0]


def of_group(programs: list[Program], group: str) -> list[Program]:
    """Return the programs that take part in a group."""
    return [p for p in programs if p.groups is None or group in p.groups]
