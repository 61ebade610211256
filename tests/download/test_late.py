"""What a restart of the database kept from being settled is settled after it."""

from collections.abc import Callable

import pytest
from conftest import SECRET_KEY, shell
from flask import Flask
from postgres import PostgresServer, execute
from services.making import make_link
from wire import eventually

from minifile.web.current import utcnow

DELIVERIES = "SELECT in_flight, bytes_sent, completed_at IS NOT NULL FROM delivery"
COUNT = "SELECT download_count FROM link"


@pytest.mark.postgres
@pytest.mark.parametrize("sent", [True, False], ids=["all-was-sent", "nothing-was-sent"])
def test_a_delivery_that_ends_while_the_database_is_away_is_settled_afterwards(
    make_app: Callable[..., Flask],
    make_postgres_database: Callable[[], str],
    postgres_server: PostgresServer,
    caplog: pytest.LogCaptureFixture,
    sent: bool,
):
    url = make_postgres_database()
    app = make_app(database_url=url, secret_key=SECRET_KEY)
    with app.app_context():
        code = make_link(app, b"hello", now=utcnow(), max_downloads=1).code

    answer = shell(app).get(f"/{code}", buffered=False)
    postgres_server.stop()
    if sent:
        assert answer.data == b"hello"
    answer.close()
    postgres_server.start()

    eventually(lambda: execute(url, DELIVERIES) == ([(0, 5, True)] if sent else []))
    assert execute(url, COUNT) == [(1 if sent else 0,)]
    # That a mark could not be renewed meanwhile may stand there: it was tried again.
    assert [each.message for each in caplog.records if "settle" in each.message] == []
