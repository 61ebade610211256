"""The garbage collector is spared what stays: in a process of its own, because it stays so."""

import subprocess
import sys


def test_what_was_imported_is_left_out_of_collections():
    program = (
        "import gc; from minifile.cli.collector import spare_what_stays\n"
        "spare_what_stays()\n"
        "print(gc.get_freeze_count() > 1000, len(gc.get_objects()) < 1000)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout == "True True\n"
