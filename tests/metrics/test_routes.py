"""Who may read /metrics on the server's own address, and what it says without a server of ours."""

from collections.abc import Callable

import pytest
from cast import send
from conftest import shell
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from minifile.metrics.instance import GAUGES

TOKEN = "a token that nobody guesses".replace(" ", "-")


def without_id(headers) -> dict[str, str]:
    """Each answer names its own request; all else must be the same."""
    return {name: value for name, value in headers.items() if name != "X-Request-ID"}


@pytest.mark.parametrize(
    ("settings", "authorization"),
    [
        ({}, None),
        ({}, f"Bearer {TOKEN}"),
        ({}, "Bearer "),
        ({"metrics_bind": "127.0.0.1:0"}, f"Bearer {TOKEN}"),
        ({"metrics_token": TOKEN}, None),
        ({"metrics_token": TOKEN}, "Bearer "),
        ({"metrics_token": TOKEN}, f"Bearer {TOKEN}x"),
        ({"metrics_token": TOKEN}, f"Bearer {TOKEN[:-1]}"),
        ({"metrics_token": TOKEN}, f"Basic {TOKEN}"),
        ({"metrics_token": TOKEN}, "Bearer näïve"),
    ],
)
@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html"])
def test_without_the_token_it_is_an_unknown_address(
    make_app: Callable[..., Flask],
    settings: dict[str, str],
    authorization: str | None,
    accept: str,
):
    app = make_app(**settings)
    headers = {"Accept": accept} | ({"Authorization": authorization} if authorization else {})

    found, unknown = (shell(app).get(path, headers=headers) for path in ("/metrics", "/neverwas00"))

    assert found.status_code == 404
    assert found.data == unknown.data
    assert without_id(found.headers) == without_id(unknown.headers)


def test_the_token_opens_it(make_any_app: Callable[..., Flask]):
    app = make_any_app(metrics_token=TOKEN)
    send(app, {"a.txt": b"hello", "b.txt": b"you"})

    answer = shell(app).get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    values = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert values["minifile_links", "open"] == 1
    assert values["minifile_files",] == 2
    assert values["minifile_stored_bytes",] == 8
    assert values["minifile_database_up",] == 1
    # Only a server of ours counts; nothing is claimed about another.
    assert {name for name, *_ in values} <= {gauge.name for gauge in GAUGES}


def test_the_instance_is_looked_at_once_however_often_somebody_asks(make_app: Callable[..., Flask]):
    app = make_app(metrics_token=TOKEN)
    headers = {"Authorization": f"Bearer {TOKEN}"}

    before = shell(app).get("/metrics", headers=headers).text
    send(app)
    after = shell(app).get("/metrics", headers=headers).text

    assert before == after
