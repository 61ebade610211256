"""The sizing table in docs/deploy.md is what the measured numbers come to."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from minifile.server.sizing import database_connections

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def sizing() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sizing", ROOT / "tools" / "sizing.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Its dataclasses look their module up.
    sys.modules["sizing"] = module
    spec.loader.exec_module(module)
    return module


def test_the_table_in_the_docs_is_what_the_script_prints(sizing: ModuleType):
    """If not: .venv/bin/python tools/sizing.py --write."""
    page = sizing.DEPLOY.read_text()

    shown = page.partition(sizing.BEGIN)[2].partition(sizing.END)[0].strip()

    assert shown == sizing.table(sizing.MEASURED.read_text())


def test_connections_are_counted_as_the_server_counts_them(sizing: ModuleType):
    assert database_connections(1) == sizing.POOL


def test_more_links_need_no_less_of_anything(sizing: ModuleType):
    costs = sizing.read_costs(sizing.MEASURED.read_text())
    few, many = (sizing.Load(scale, costs) for scale in (1_000, 1_000_000))

    for needed in ("cores_with_folder", "cores_with_bucket", "transfers", "replicas", "held_bytes"):
        assert getattr(many, needed) >= getattr(few, needed) > 0
