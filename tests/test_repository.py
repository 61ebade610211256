"""The files around the code: pins that agree, a wheel that is whole, a README that starts right."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
# Folders that a copy without git may hold beside the repository's own.
NOT_OURS = {"__pycache__", "build", "dist", "instance", "node_modules"}
# In pieces, so that this file passes its own test.
REGISTRY_HOSTS = [
    ".".join(pieces)
    for pieces in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("jsdelivr", "net"),
        ("unpkg", "com"),
        ("deb", "debian", "org"),
        ("crates", "io"),
        ("proxy", "golang", "org"),
    )
]


def test_no_file_names_the_host_of_a_package_registry():
    pattern = re.compile("|".join(map(re.escape, REGISTRY_HOSTS)), re.IGNORECASE)

    naming = [str(path.relative_to(ROOT)) for path, text in texts() if pattern.search(text)]

    assert naming == []


@pytest.mark.parametrize("name", ["run", "test", "dev"])
def test_pins_cover_every_dependency_within_its_range(name: str):
    pinned = versions(name)

    missing = [
        str(requirement)
        for requirement in declared(name)
        if not any(
            requirement.specifier.contains(version)
            for version in pinned.get(canonicalize_name(requirement.name), [])
        )
    ]

    assert missing == []


@pytest.mark.parametrize("name", ["run", "test", "dev"])
def test_every_pin_has_one_version_and_a_hash(name: str):
    loose = [pin for pin in pins(name) if "==" not in pin or "--hash=sha256:" not in pin]

    assert loose == []


def test_larger_pins_hold_the_smaller_ones_unchanged():
    assert pins("run") <= pins("test") <= pins("dev")


def test_readme_begins_with_the_two_commands():
    readme = (ROOT / "README.md").read_text()

    first_block = readme.split("```")[1]

    assert re.findall(r"^make \w+", first_block, re.MULTILINE) == ["make run", "make test"]


def test_wheel_holds_all_that_an_installed_copy_needs(tmp_path: Path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)

    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        packed = set(wheel.namelist())

    expected = {path.as_posix() for path in package_files()}
    assert expected <= packed
    assert {name.split("/")[0] for name in packed - expected} <= {dist_info()}


def texts() -> Iterator[tuple[Path, str]]:
    """Yield each text file of the repository; what is not UTF-8 is taken for bytes."""
    for path in repository_files():
        try:
            yield path, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def repository_files() -> list[Path]:
    """Return what git tracks or would track; a copy without git is walked."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        return list(walked_files())
    # The clone may belong to another user than the one who tests.
    git = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "-co", "--exclude-standard"]
    listed = subprocess.run(git, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    paths = [ROOT / name for name in listed.split("\0") if name]
    return [path for path in paths if path.is_file()]


def walked_files() -> Iterator[Path]:
    """Yield the files below the root, without hidden folders (but .ci) and what runs leave."""
    for folder, subfolders, names in os.walk(ROOT):
        subfolders[:] = [
            name
            for name in subfolders
            if name == ".ci" or not (name.startswith(".") or name in NOT_OURS)
        ]
        yield from (Path(folder, name) for name in names)


def package_files() -> Iterator[Path]:
    """Yield the paths inside a wheel of the package's own files and of the migrations."""
    for path in repository_files():
        inside = path.relative_to(ROOT)
        if inside.parts[0] == "minifile":
            yield inside
        elif inside.parts[0] == "migrations":
            yield Path("minifile") / inside


def dist_info() -> str:
    project = PYPROJECT["project"]
    return f"{project['name']}-{project['version']}.dist-info"


def pins(name: str) -> set[str]:
    """Return one text per pinned package: name, version, marker and hashes."""
    content = (ROOT / "requirements" / f"{name}.txt").read_text().replace("\\\n", " ")
    lines = (" ".join(line.split()) for line in content.splitlines())
    return {line for line in lines if line and not line.startswith("#")}


def versions(name: str) -> dict[str, list[str]]:
    """Return each pinned package's versions; it has two where Pythons need different ones."""
    found: dict[str, list[str]] = {}
    for pin in pins(name):
        package, version = pin.split()[0].split("==")
        found.setdefault(canonicalize_name(package), []).append(version)
    return found


def declared(name: str) -> list[Requirement]:
    """Return what pyproject.toml asks for: the project, its build and, beyond `run`, a group."""
    lines = [*PYPROJECT["project"]["dependencies"], *PYPROJECT["build-system"]["requires"]]
    if name != "run":
        lines += group_lines(name)
    return [Requirement(line) for line in lines]


def group_lines(name: str) -> Iterator[str]:
    entries: list[Any] = PYPROJECT["dependency-groups"][name]
    for entry in entries:
        if isinstance(entry, str):
            yield entry
        else:
            yield from group_lines(entry["include-group"])
