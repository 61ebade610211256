"""`python -m bench.serving serve …`: minifile without any fsync, to measure what they cost."""

import sys
from dataclasses import replace

from flask import Flask
from flask.cli import ScriptInfo

from minifile import create_app, extensions
from minifile.storage.local import LocalStorage
from minifile.web.current import instance_of


def create_unsynced_app() -> Flask:
    """Return the application as shipped, but for the fsyncs of blobs and of the database."""
    app = create_app()
    instance = instance_of(app)
    root = instance.settings.storage_url.removeprefix("file:")
    app.extensions["minifile"] = replace(instance, storage=LocalStorage(root, sync=False))
    extensions.SYNCHRONOUS.update({True: "OFF", False: "OFF"})
    return app


def main() -> None:
    app = create_unsynced_app()
    app.cli.main(sys.argv[1:], prog_name="serving", obj=ScriptInfo(create_app=lambda: app))


if __name__ == "__main__":
    main()
