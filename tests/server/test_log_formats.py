"""Lines of the log: what each form says of a record, however it came to be."""

import json
import logging
import sys

import pytest

from minifile.server.log_formats import AccessLine, make_formatter

LINE = AccessLine("192.0.2.1", "GET", "/<code:code>", "7", "200", "a1b2c3d4e5f60718", 5, 0.25)


def record(message: str, *args: object, **more: object) -> logging.LogRecord:
    made = logging.LogRecord("minifile", logging.WARNING, "path", 1, message, args, None)
    made.__dict__.update(more)
    return made


def as_json(made: logging.LogRecord) -> dict[str, object]:
    text = make_formatter("json", "").format(made)
    assert "\n" not in text
    said: dict[str, object] = json.loads(text)
    return said


def test_an_access_line_becomes_members():
    said = as_json(record("%s", LINE))

    assert said.pop("time").endswith("+00:00")
    assert said.pop("process") > 0
    assert said == {
        "level": "warning", "logger": "minifile", "address": "192.0.2.1", "method": "GET",
        "route": "/<code:code>", "link_id": 7, "status": 200, "sent_bytes": 5, "seconds": 0.25,
        "request_id": "a1b2c3d4e5f60718",
    }  # fmt: skip


def test_what_is_not_known_is_left_out():
    said = as_json(record("%s", AccessLine("-", "GET", "-", "-", "400", "-")))

    assert said.keys() == {
        "time", "level", "logger", "process", "method", "status", "sent_bytes", "seconds",
    }  # fmt: skip


@pytest.mark.parametrize("text", ['a "quoted"\nline', "\x1b[31m", "ünïcode \u2028", "{}%s"])
def test_any_message_is_one_line(text: str):
    assert as_json(record("%s", text))["message"] == text


def test_a_trace_is_a_member():
    try:
        raise ValueError("told")
    except ValueError:
        said = as_json(record("failed", exc_info=sys.exc_info()))

    assert said["message"] == "failed"
    assert "ValueError: told" in said["exception"]


def test_a_record_may_bring_the_id_of_its_request_along():
    made = record("an answer broke off", request_id="a1b2c3d4e5f60718")

    assert as_json(made)["request_id"] == "a1b2c3d4e5f60718"
    text = make_formatter("text", "%(levelname)s: %(message)s").format(made)
    assert text == "WARNING: an answer broke off request=a1b2c3d4e5f60718"


def test_the_text_of_an_access_line_is_what_it_was_and_the_id():
    assert make_formatter("text", "%(message)s").format(record("%s", LINE)) == (
        '192.0.2.1 "GET /<code:code>" link=7 200 5 bytes 0.250000 s request=a1b2c3d4e5f60718'
    )
