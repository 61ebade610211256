"""The baseline: what the Flask documentation shows, `request.files`, `.save()` and `send_file`."""

import os
from pathlib import Path

from flask import Flask, request, send_file
from werkzeug.utils import secure_filename

FOLDER = Path(os.environ["BASELINE_FOLDER"])

app = Flask(__name__)


@app.get("/")
def index() -> str:
    return "<!doctype html><title>baseline</title><form method=post></form>"


@app.post("/")
def upload() -> str:
    file = request.files["file"]
    name = secure_filename(file.filename or "file")
    file.save(FOLDER / name)
    return name


@app.get("/files/<name>")
def download(name: str):
    return send_file(FOLDER / secure_filename(name), as_attachment=True)
