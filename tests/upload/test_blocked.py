"""A blocked file: refused on every way in, and nothing of it is kept."""

from collections.abc import Callable

import pytest
from cast import form, kept_bytes, nothing_changed, send
from conftest import NOW, shell
from file_requests.asking import ask_for
from flask import Flask
from upload.tus_client import BUNDLE, Tus
from werkzeug.test import TestResponse

from minifile.identity import BY_SHELL
from minifile.services.digests import block_digest

BAD = b"what nobody may send" * 1000
SENTENCE = "This file is not accepted here: the admin of this site has blocked it."


@pytest.fixture
def blocking(app: Flask) -> Flask:
    """An instance that has taken the bytes before, and takes them no more."""
    digest = send(app, {"a.bin": BAD}).json["files"][0]["sha256"]
    with app.app_context():
        block_digest(digest, "Malware.", actor=BY_SHELL, now=NOW)
    return app


def by_form(app: Flask) -> TestResponse:
    return shell(app).post("/", **form({"fine.txt": b"fine", "other-name.txt": BAD}))


def by_put(app: Flask) -> TestResponse:
    return shell(app).put("/b.bin", data=BAD)


def by_tus_at_once(app: Flask) -> TestResponse:
    return Tus(app).create(len(BAD), BAD, filename="c.bin")


def by_tus_in_parts(app: Flask) -> TestResponse:
    tus = Tus(app)
    path = tus.begin(len(BAD), filename="c.bin")
    assert tus.patch(path, 0, BAD[:5000]).status_code == 204
    return tus.patch(path, 5000, BAD[5000:])


def by_tus_bundle(app: Flask) -> TestResponse:
    return Tus(app).create(len(BAD), BAD, filename="c.bin", bundle=BUNDLE, bundleFiles="2")


@pytest.mark.parametrize(
    "way",
    [by_form, by_put, by_tus_at_once, by_tus_in_parts, by_tus_bundle],
    ids=lambda w: w.__name__,
)
def test_it_is_refused_on_every_way_in(blocking: Flask, way: Callable[[Flask], TestResponse]):
    with nothing_changed(blocking):
        answer = way(blocking)

    assert answer.status_code == 415
    assert SENTENCE in answer.text


def test_it_is_refused_as_a_file_that_is_added(blocking: Flask):
    link = send(blocking, {"fine.txt": b"fine"})
    before = kept_bytes(blocking)

    answer = shell(blocking).post(f"{link.private_page}/files", **form({"x.bin": BAD}))

    assert answer.status_code == 415
    assert SENTENCE in answer.text
    assert kept_bytes(blocking) == before


def test_it_is_refused_at_a_file_request(blocking: Flask):
    path = ask_for(blocking)

    with nothing_changed(blocking):
        answer = shell(blocking).post(path, **form({"photo.jpg": BAD}))

    assert answer.status_code == 415
    assert SENTENCE in answer.text


def test_other_files_are_taken_as_before(blocking: Flask):
    assert shell(blocking).put("/d.bin", data=BAD[1:]).status_code == 200
