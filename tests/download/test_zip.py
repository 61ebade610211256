"""All files of a link as one zip."""

import io
import zipfile

import pytest
from cast import Sent, downloads, fetch, send, stored_link
from conftest import browser, shell
from flask import Flask
from werkzeug.http import http_date

FILES = {
    "a.txt": b"alpha" * 1000,
    "empty.txt": b"",
    "may/пикник 日本.jpg": b"picture" * 500,
    "may/june/b.bin": bytes(range(256)) * 20,
}


@pytest.fixture
def bundle(app: Flask) -> Sent:
    return send(app, FILES)


def contents(data: bytes) -> dict[str, bytes]:
    """Unpack an archive in memory; Python checks every CRC on the way."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_zip_holds_every_file_under_its_name(app: Flask, bundle: Sent):
    answer = fetch(shell(app), bundle.zip)

    assert contents(answer.data) == FILES
    assert answer.headers["Content-Length"] == str(len(answer.data))


def test_the_zip_is_stored_and_not_deflated(app: Flask, bundle: Sent):
    with zipfile.ZipFile(io.BytesIO(fetch(shell(app), bundle.zip).data)) as archive:
        kinds = {member.compress_type for member in archive.infolist()}

    assert kinds == {zipfile.ZIP_STORED}


def test_a_tool_gets_the_zip_at_the_short_link_of_a_bundle(app: Flask, bundle: Sent):
    answer = fetch(shell(app), bundle.path)

    assert answer.content_type == "application/zip"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{bundle.code}.zip"'
    assert contents(answer.data) == FILES


def test_the_zip_carries_the_headers_of_bytes(app: Flask, bundle: Sent):
    headers = fetch(shell(app), bundle.zip).headers

    assert "sandbox" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "private, no-cache"
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["X-Remaining-Downloads"] == "n/a"


def test_a_link_of_one_file_has_a_zip_too(app: Flask):
    sent = send(app)

    assert contents(fetch(shell(app), sent.zip).data) == {"a.txt": b"alpha"}


@pytest.mark.parametrize("start", [1, 40, 5000, 9000])
def test_any_range_is_that_part_of_the_zip(app: Flask, bundle: Sent, start: int):
    whole = fetch(browser(app), bundle.zip).data

    answer = fetch(browser(app), bundle.zip, headers={"Range": f"bytes={start}-{start + 999}"})

    assert answer.status_code == 206
    assert answer.data == whole[start : start + 1000]
    assert answer.headers["Content-Range"] == f"bytes {start}-{start + 999}/{len(whole)}"


def test_the_zip_has_the_same_bytes_and_tag_at_every_request(app: Flask, bundle: Sent):
    first, second = (fetch(shell(app), bundle.zip) for _ in range(2))

    assert first.data == second.data
    assert first.headers["ETag"] == second.headers["ETag"]


def test_a_cut_zip_is_resumed_within_its_slot(app: Flask):
    sent = send(app, FILES, max_downloads="1")
    whole = fetch(browser(app), sent.zip, headers=owner(sent)).data
    tag = fetch(browser(app), sent.zip, headers=owner(sent)).headers["ETag"]
    start = fetch(shell(app), sent.zip, headers={"Range": "bytes=0-6999"})

    rest = fetch(shell(app), sent.zip, headers={"Range": "bytes=7000-", "If-Range": tag})

    assert start.data + rest.data == whole
    assert downloads(app, sent.code) == 1
    assert fetch(shell(app), sent.zip).status_code == 410


def test_no_date_says_that_a_zip_is_still_the_same(app: Flask, bundle: Sent):
    before = fetch(shell(app), bundle.zip)
    date = http_date(stored_link(app, bundle.code).created_at)

    later = [
        fetch(shell(app), bundle.zip, headers=headers)
        for headers in ({"Range": "bytes=5-", "If-Range": date}, {"If-Modified-Since": date})
    ]

    assert "Last-Modified" not in before.headers
    assert [answer.status_code for answer in later] == [200, 200]


def test_a_new_name_gives_the_zip_another_tag(app: Flask, bundle: Sent):
    before = fetch(shell(app), bundle.zip)
    link = stored_link(app, bundle.code)

    shell(app).post(
        bundle.page,
        data={
            "action": "rename",
            "owner_token": bundle.owner_token,
            "file_id": str(link.files[0].id),
            "filename": "z.txt",
        },
    )
    after = fetch(
        shell(app), bundle.zip, headers={"Range": "bytes=5-", "If-Range": before.headers["ETag"]}
    )

    assert after.status_code == 200
    assert set(contents(after.data)) == {"z.txt", *list(FILES)[1:]}


def test_head_tells_the_length_of_the_zip_and_never_counts(app: Flask, bundle: Sent):
    head = shell(app).head(bundle.zip)

    assert downloads(app, bundle.code) == 0
    assert head.headers["Content-Length"] == str(len(fetch(shell(app), bundle.zip).data))


def test_the_files_and_the_zip_are_one_download(app: Flask):
    sent = send(app, FILES, max_downloads="1")
    bob = browser(app)
    bob.get(sent.path)

    statuses = [fetch(bob, sent.file(position)).status_code for position in range(len(FILES))]

    assert statuses == [200] * 4
    assert downloads(app, sent.code) == 1


def test_the_zip_after_a_file_needs_another_download(app: Flask):
    sent = send(app, FILES, max_downloads="1")
    fetch(shell(app), sent.file())

    assert fetch(shell(app), sent.zip).status_code == 410
    assert fetch(shell(app), sent.file(2)).status_code == 200


def test_a_file_that_is_really_called_so_is_no_zip(app: Flask):
    sent = send(app, {"x.zip": b"no zip"})

    assert fetch(shell(app), sent.file()).data == b"no zip"


def owner(sent: Sent) -> dict[str, str]:
    return {"Authorization": f"Bearer {sent.owner_token}"}
