"""The system's nginx with the configurations of docs/deploy.md, in front of a running server."""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from conftest import RunningServer, skip_or_fail
from wire import eventually

PAGE = Path(__file__).parents[2] / "docs" / "deploy.md"
# What a distribution's nginx.conf says around the server: here with all its files in one folder.
AROUND = """
{user}
daemon off;
pid {folder}/pid;
error_log stderr;
events {{ }}
http {{
    access_log off;
    sendfile on;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {server}
}}
"""


def documented_blocks() -> list[str]:
    """Return the blocks of nginx configuration that the page shows, in order."""
    return re.findall(r"```nginx\n(.+?)```", PAGE.read_text(), re.DOTALL)


@contextmanager
def nginx_before(
    server: RunningServer, block: str, folder: Path, old: RunningServer | None = None
) -> Iterator[RunningServer]:
    """Run nginx with a server block of the page; yield the server as seen through it."""
    program = _program()
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # nginx takes over a socket that is named in NGINX: no port is looked for and lost again.
        address = "{}:{}".format(*listener.getsockname())
        block = block.replace("listen 80;", f"listen {address};")
        block = block.replace("127.0.0.1:8000", urlsplit(server.url).netloc)
        if old is not None:
            block = block.replace("127.0.0.1:8001", urlsplit(old.url).netloc)
        block = block.replace("/srv/minifile/uploads", str(server.instance_path / "uploads"))
        user = "user root;" if os.geteuid() == 0 else ""
        config = folder / "nginx.conf"
        config.write_text(AROUND.format(user=user, folder=folder, server=block))
        listener.set_inheritable(True)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [program, "-e", "stderr", "-p", folder, "-c", config],
                env={**os.environ, "NGINX": f"{listener.fileno()};"}, stdout=log, stderr=log,
                pass_fds=[listener.fileno()],
            )  # fmt: skip
    try:
        eventually(lambda: (folder / "pid").exists() or process.poll() is not None)
        assert process.poll() is None, (folder / "log").read_text()
        yield replace(server, url=f"http://{address}")
    finally:
        process.terminate()
        process.wait(timeout=30)


def _program() -> str:
    # Debian keeps it where only root looks.
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    program = os.environ.get("MINIFILE_TEST_NGINX") or shutil.which("nginx", path=path)
    if program is None:
        skip_or_fail(
            "needs nginx: install it (apt install nginx) or name it in MINIFILE_TEST_NGINX"
        )
    return program
