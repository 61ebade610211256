"""PUT: one file as the body."""

import hashlib

from flask.testing import FlaskClient


def test_a_put_answers_with_the_short_link_and_nothing_else(client: FlaskClient):
    answer = client.put("/report.pdf", data=b"%PDF-1.7 hello")

    assert answer.status_code == 200
    assert answer.content_type == "text/plain; charset=utf-8"
    assert answer.text.startswith("http://localhost/")
    assert answer.text.count("\n") == 1


def test_the_bytes_come_back_as_they_were_sent(client: FlaskClient):
    content = bytes(range(256)) * 1000

    link = client.put("/x.bin", data=content).text.strip()
    answer = client.get(link)

    assert answer.status_code == 200
    assert answer.data == content
    assert answer.headers["X-Content-SHA256"] == hashlib.sha256(content).hexdigest()
