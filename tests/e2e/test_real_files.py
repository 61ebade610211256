"""Real files of many kinds, by form and by curl, to browser and to curl: equal to the last byte."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import RunningServer, linux_only, skip_or_fail
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

KINDS = (
    ".png .jpg .gif .svg .ico .pdf .zip .gz .whl .so .ttf .otf .woff .woff2 .pfb .html .css .js"
    " .json .xml .txt .md .py .pyc .ps .csv .exe .a .bin"
).split()
FOLDERS = ["Bilder & Töne", "文書", "папка с пробелами", "empty name .d", "صور"]
LARGE_BYTES = 1_500_000_000
MEMORY_GROWTH_KIB = 30 * 1024


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of real files of this machine, one of each kind, in folders with real names."""
    root = tmp_path / "Sommer 2026"
    for number, source in enumerate(real_files()):
        place = root / FOLDERS[number % len(FOLDERS)]
        place.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, place / f"{number} größe {source.name}")
    return root


@pytest.fixture
def server(start_server: Callable[..., RunningServer]) -> RunningServer:
    return start_server("--workers", "1", "--threads", "32", max_link_size="20GiB")


def test_a_folder_goes_from_browser_to_curl(
    server: RunningServer, open_page: Callable[..., Page], folder: Path, tmp_path: Path
):
    alice = open_page()
    alice.goto(server.url)
    alice.locator("#folder").set_input_files(folder)
    alice.get_by_role("button", name="Upload", exact=True).click()
    expect(alice.get_by_role("heading", level=1)).to_contain_text("Your link")

    link = alice.get_by_label("Short link").input_value()
    curl("-o", str(tmp_path / "all.zip"), link)

    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert archive.testzip() is None
        received = {name: digest(archive.read(name)) for name in archive.namelist()}
    assert received == {
        f"{folder.name}/{path.relative_to(folder).as_posix()}": digest(path.read_bytes())
        for path in files_of(folder)
    }


def test_a_folder_goes_from_curl_to_a_browser(
    server: RunningServer, open_page: Callable[..., Page], folder: Path
):
    paths = list(files_of(folder))
    fields = [part for path in paths for part in ("-F", f'file=@"{path}"')]
    answer = json.loads(curl("-H", "Accept: application/json", *fields, f"{server.url}/"))

    bob = open_page()
    bob.goto(answer["url"])
    with bob.expect_download() as download:
        bob.get_by_role("link", name="Download all as zip").click()

    assert {file["sha256"] for file in answer["files"]} == {
        digest(path.read_bytes()) for path in paths
    }
    with zipfile.ZipFile(download.value.path()) as archive:
        assert {digest(archive.read(name)) for name in archive.namelist()} == {
            digest(path.read_bytes()) for path in paths
        }


def test_each_file_of_a_bundle_comes_back_under_its_own_address(
    server: RunningServer, folder: Path
):
    paths = list(files_of(folder))
    fields = [part for path in paths for part in ("-F", f'file=@"{path}"')]

    answer = json.loads(curl("-H", "Accept: application/json", *fields, f"{server.url}/"))

    for file in answer["files"]:
        assert hashlib.sha256(curl_bytes(file["url"])).hexdigest() == file["sha256"]
    metadata = json.loads(curl("-H", "Accept: application/json", answer["url"]))
    assert metadata["downloads_left"] is None


@pytest.mark.torture
@linux_only
def test_a_large_file_passes_through_in_constant_memory(
    server: RunningServer, open_page: Callable[..., Page], tmp_path: Path
):
    large = tmp_path / "large.bin"
    write_random(large, LARGE_BYTES)
    curl("-T", __file__, f"{server.url}/")
    before = memory_kib(server)

    by_put = curl("-T", str(large), f"{server.url}/").strip()
    by_form = curl("-F", f"file=@{large}", f"{server.url}/").strip()
    page = open_page()
    page.set_default_timeout(300_000)
    page.goto(server.url)
    page.locator("#file").set_input_files(large)
    page.get_by_role("button", name="Upload", exact=True).click()
    by_browser = page.get_by_label("Short link").input_value(timeout=300_000)
    digests = {fetched_digest(link, tmp_path) for link in (by_put, by_form, by_browser)}
    with page.expect_download(timeout=300_000) as download:
        page.goto(by_put)
        page.get_by_role("link", name="Download", exact=True).click()
    digests.add(file_digest(Path(download.value.path())))

    assert digests == {file_digest(large)}
    assert memory_kib(server) - before < MEMORY_GROWTH_KIB


def real_files() -> list[Path]:
    """Return one file of each kind that this machine has, small ones."""
    found: dict[str, Path] = {}
    for root in (Path(sys.prefix), Path("/usr/share"), Path("/usr/lib/python3")):
        for path in walk(root):
            kind = path.suffix.lower()
            if kind in KINDS and kind not in found and usable(path):
                found[kind] = path
        if len(found) == len(KINDS):
            break
    assert len(found) > 8
    return [found[kind] for kind in sorted(found)]


def walk(root: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(root):
        yield from (Path(folder) / name for name in names)


def usable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.R_OK) and 0 < path.stat().st_size < 2_000_000


def files_of(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def curl(*arguments: str) -> str:
    return curl_bytes(*arguments).decode()


def curl_bytes(*arguments: str) -> bytes:
    if shutil.which("curl") is None:
        skip_or_fail("needs curl: install it (apt install curl)")
    return subprocess.run(["curl", "-sSf", *arguments], check=True, capture_output=True).stdout


def fetched_digest(link: str, folder: Path) -> str:
    curl("-o", str(folder / "fetched"), link)
    return file_digest(folder / "fetched")


def file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def write_random(path: Path, size_bytes: int) -> None:
    with path.open("wb") as file:
        left = size_bytes
        while left:
            left -= file.write(os.urandom(min(left, 2**24)))


def memory_kib(server: RunningServer) -> int:
    """Return the peak memory of the worker that has the most."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    return max(peak_kib(int(pid)) for pid in children.split())


def peak_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1])
