"""Static files: kept for ever under an address that changes with them, and compressed."""

import gzip
import re

from conftest import browser, shell
from flask import Flask, url_for

from minifile.web.assets import assets_version


def path_of(app: Flask, filename: str) -> str:
    with app.test_request_context():
        return url_for("static", filename=filename)


def test_assets_may_be_kept_for_a_year_under_an_address_that_changes_with_them(app: Flask):
    page = browser(app).get("/").text
    path = page.split('rel="stylesheet" href="')[1].split('"')[0]

    with browser(app).get(path) as answer:
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert re.fullmatch("/static/[0-9a-f]{12}/css/minifile.css", path)


def test_an_older_version_is_served_what_is_there_now_and_told_to_ask_again(app: Flask):
    with browser(app).get("/static/0123456789ab/css/minifile.css") as answer:
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-cache"


def test_the_version_changes_with_any_file(tmp_path):
    (tmp_path / "a.js").write_text("1")
    before = assets_version(tmp_path)
    (tmp_path / "b.js").write_text("2")
    assets_version.cache_clear()

    assert assets_version(tmp_path) != before


def test_text_is_compressed_for_who_can_read_it(app: Flask):
    path = path_of(app, "css/minifile.css")
    alice = browser(app)

    with alice.get(path) as plain, alice.get(path, headers={"Accept-Encoding": "gzip"}) as packed:
        assert "Content-Encoding" not in plain.headers
        assert packed.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(packed.data) == plain.data
        assert plain.headers["Vary"] == packed.headers["Vary"] == "Accept-Encoding"
        assert plain.headers["ETag"] != packed.headers["ETag"]


def test_what_the_browser_has_is_not_sent_again(app: Flask):
    path = path_of(app, "css/minifile.css")
    alice = browser(app)

    for coding in ("identity", "gzip"):
        with alice.get(path, headers={"Accept-Encoding": coding}) as first:
            etag = first.headers["ETag"]
        known = {"Accept-Encoding": coding, "If-None-Match": etag}
        with alice.get(path, headers=known) as again:
            assert (again.status_code, again.data) == (304, b"")


def test_an_asset_by_itself_may_load_nothing(app: Flask):
    with app.test_request_context():
        address = url_for("static", filename="favicon.svg")

    with shell(app).get(address) as answer:
        policy = answer.headers["Content-Security-Policy"]

    assert policy == "default-src 'none'; frame-ancestors 'none'"


def test_nothing_outside_the_folder_is_served(app: Flask):
    version = path_of(app, "x").split("/")[2]
    for name in ("../factory.py", "..%2ffactory.py", "css", "no.css", "%00"):
        assert browser(app).get(f"/static/{version}/{name}").status_code == 404


def test_the_manifest_and_its_icons_are_there(app: Flask):
    alice = browser(app)

    with alice.get(path_of(app, "minifile.webmanifest")) as manifest:
        assert manifest.content_type.startswith("application/manifest+json")
        names = [icon["src"] for icon in manifest.json["icons"]]
    for name in names:
        with alice.get(path_of(app, name)) as icon:
            assert icon.status_code == 200
