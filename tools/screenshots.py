"""Take a picture of every page and state into docs/screenshots, in four looks.

    make screenshots

The pages are those that the browser's tests walk through. Pictures are kept in few colours: there
are many of them.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "screenshots"
WALKS = [
    "tests/e2e/test_pages.py",
    "tests/e2e/test_preview_states.py",
    "tests/e2e/test_account_states.py",
]
COLOURS = 96
# Of a page with hundreds of files its beginning is enough.
MOST_PIXELS = 2600


def keep(picture: Path) -> None:
    with Image.open(picture) as image:
        shown = image.convert("RGB").crop((0, 0, image.width, min(image.height, MOST_PIXELS)))
        shown.quantize(COLOURS).save(FOLDER / picture.name, optimize=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "MINIFILE_TEST_SCREENSHOTS": folder}
        walk = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "--numprocesses=logical",
            "-m",
            "browser",
            *WALKS,
        ]
        subprocess.run(walk, cwd=ROOT, env=environment, check=True)
        for old in FOLDER.glob("*.png"):
            old.unlink()
        pictures = sorted(Path(folder).glob("*.png"))
        for picture in pictures:
            keep(picture)
    sys.stdout.write(f"{len(pictures)} pictures are in {FOLDER}\n")


if __name__ == "__main__":
    main()
