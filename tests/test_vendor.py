"""What our pages use from others is what its makers published, with its licence."""

import hashlib
import importlib.util
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "tools" / "vendor.py"


def load_script():
    spec = importlib.util.spec_from_file_location("vendor", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # A dataclass looks for its own module.
    sys.modules["vendor"] = module
    spec.loader.exec_module(module)
    return module


def test_vendored_files_are_untouched_and_nothing_else_is_there():
    script = load_script()
    named = {
        package.folder / Path(name).name: sha256
        for package in script.PACKAGES
        for name, sha256 in package.files.items()
    }

    there = {path for path in script.FOLDER.rglob("*") if path.is_file()}

    assert there == set(named)
    assert all(hashlib.sha256(path.read_bytes()).hexdigest() == named[path] for path in there)


def test_each_package_has_its_licence():
    script = load_script()

    assert all(any("LICENSE" in name for name in package.files) for package in script.PACKAGES)
