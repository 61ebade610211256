"""Fetch what our pages use from others into minifile/static/vendor/, untouched.

    python tools/vendor.py

There is no build step: a package is asked for by name and version, its SHA-512 is compared with
the one below, and only the named files are unpacked. To take a newer version, change the entry.
"""

import base64
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "minifile" / "static" / "vendor"


@dataclass(frozen=True)
class Package:
    """A package of npm: its version, its SHA-512 (base64), its files and their SHA-256 (hex)."""

    name: str
    version: str
    integrity: str
    files: dict[str, str]

    @property
    def folder(self) -> Path:
        return FOLDER / f"{self.name}@{self.version}"


PACKAGES = [
    Package(
        "tus-js-client",
        "4.3.1",
        "ZLeYmjrkaU1fUsKbIi8JML52uAocjEZtBx4DKjRrqzrZa0O4MYwT6db+oqePlspV+FxXJAyFBc/L5gwUi2OFsg==",
        {
            "dist/tus.min.js": "8cbb1b63fccc3bba0ae73ad1deb160ce046c3750851d0c3e94921ae3ef070eb8",
            "LICENSE": "2ec372e137fa65938a6551e9abaa3d3ea21f5ebd398fca00a13354ea881e6539",
        },
    ),
    # Bundled in tus.min.js by its makers; we keep their licences.
    Package(
        "js-base64",
        "3.7.7",
        "7rCnleh0z2CkXhH67J8K1Ytz0b2Y+yxTPL+/KOJoa20hfnVQ/3/T6W/KflYI4bRHRagNeXeU2bkNGI3v1oS/lw==",
        {"LICENSE.md": "fcf06aacb36ee29237110d6b3a9fbd6296e85ad4324263abf5f8a5cfb5706c81"},
    ),
    Package(
        "url-parse",
        "1.5.10",
        "WypcfiRhfeUP9vvF0j6rw0J3hrWrw6iZv3+22h6iRMJ/8z1Tj6XfLP4DsUix5MhMPnXpiHDoKyoZ/bdCkwBCiQ==",
        {"LICENSE": "3b2a6a268aa815dec121d614245e03b5c68db1f044d5b525e36db7d5dc7fb9c3"},
    ),
    Package(
        "querystringify",
        "2.2.0",
        "FIqgj2EUvTa7R50u0rGsyTftzjYmv/a3hO345bZNrqabNqjtgiDMgmo4mkUjd+nzU5oF3dClKqFIPUKybUyqoQ==",
        {"LICENSE": "3b2a6a268aa815dec121d614245e03b5c68db1f044d5b525e36db7d5dc7fb9c3"},
    ),
    Package(
        "requires-port",
        "1.0.0",
        "KigOCHcocU3XODJxsu8i/j8T9tzT4adHiecwORRQ0ZZFcp7ahwXuRU1m+yuO90C5ZUyGeGfocHDI14M3L3yDAQ==",
        {"LICENSE": "3b2a6a268aa815dec121d614245e03b5c68db1f044d5b525e36db7d5dc7fb9c3"},
    ),
    Package(
        "uplot",
        "1.6.32",
        "KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw==",
        {
            "dist/uPlot.iife.min.js": (
                "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f"
            ),
            "dist/uPlot.min.css": (
                "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04"
            ),
            "LICENSE": "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
        },
    ),
]


def fetch(package: Package) -> None:
    """Unpack the files of a package. Raises ValueError when anything is not as named here."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = f"{package.name}@{package.version}"
        subprocess.run(["npm", "pack", "--silent", wanted], cwd=folder, check=True)
        (archive,) = Path(folder).glob("*.tgz")
        digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if digest != package.integrity:
            raise ValueError(f"{wanted} has the SHA-512 {digest}")
        with tarfile.open(archive) as members:
            for name, sha256 in package.files.items():
                member = members.extractfile(f"package/{name}")
                content = b"" if member is None else member.read()
                _keep(package.folder / Path(name).name, content, sha256)


def _keep(path: Path, content: bytes, sha256: str) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ValueError(f"{path.name} has the SHA-256 {found}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def main() -> None:
    for package in PACKAGES:
        fetch(package)
        sys.stdout.write(f"{package.name} {package.version}: {len(package.files)} files\n")


if __name__ == "__main__":
    main()
