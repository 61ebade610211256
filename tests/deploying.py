"""What the files for deploying say, read as those read them that use them."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
COMPOSE_FILES = ["compose.yaml", "deploy/compose.one.yaml"]


class Image:
    """The last stage of the Dockerfile."""

    def __init__(self) -> None:
        text = (ROOT / "Dockerfile").read_text()
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        whole = re.sub(r"\\\n\s*", "", "\n".join(lines))
        self.stages = re.findall(r"^FROM (\S+)", whole, re.MULTILINE)
        self._lines = whole[whole.rindex("FROM ") :].splitlines()

    def __getitem__(self, instruction: str) -> str:
        """Return what stands behind an instruction that occurs once."""
        (found,) = [line for line in self._lines if line.startswith(f"{instruction} ")]
        return found.partition(" ")[2]

    @property
    def command(self) -> list[str]:
        return [*json.loads(self["ENTRYPOINT"]), *json.loads(self["CMD"])]

    @property
    def health_check(self) -> list[str]:
        found: list[str] = json.loads(self["HEALTHCHECK"].partition("CMD ")[2])
        return found

    @property
    def environment(self) -> dict[str, str]:
        return dict(pair.split("=", 1) for pair in self["ENV"].split())


def read_compose(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / name).read_text())
    return found
