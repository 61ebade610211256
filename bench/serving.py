"""`python -m bench.serving [--without-hash] serve …`: minifile without any fsync.

To measure what a part costs, it is left out here, by an argument and no setting.
"""

import sys
from dataclasses import replace

from flask import Flask
from flask.cli import ScriptInfo

from minifile import create_app, extensions
from minifile.services import uploads
from minifile.services.checksums import Checksums
from minifile.storage.local import LocalStorage
from minifile.values import Chunk
from minifile.web.current import instance_of

_WITHOUT_HASH = "--without-hash"


class _NoChecksums(Checksums):
    """Counts the bytes and does not look at them."""

    def update(self, chunk: Chunk) -> None:
        self.size_bytes += len(chunk)


def create_unsynced_app(*, hashes: bool = True) -> Flask:
    """Return the application as shipped, but for the fsyncs of blobs and of the database."""
    app = create_app()
    instance = instance_of(app)
    root = instance.settings.storage_url.removeprefix("file:")
    app.extensions["minifile"] = replace(instance, storage=LocalStorage(root, sync=False))
    extensions.SYNCHRONOUS.update({True: "OFF", False: "OFF"})
    if not hashes:
        uploads.Checksums = _NoChecksums
    return app


def main() -> None:
    arguments = [argument for argument in sys.argv[1:] if argument != _WITHOUT_HASH]
    app = create_unsynced_app(hashes=_WITHOUT_HASH not in sys.argv)
    app.cli.main(arguments, prog_name="serving", obj=ScriptInfo(create_app=lambda: app))


if __name__ == "__main__":
    main()
