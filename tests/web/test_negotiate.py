"""Who asks, and which form of answer that is."""

import pytest
from conftest import BROWSER_ACCEPT
from flask import Flask

from minifile.web.negotiate import (
    answer_format,
    is_command_line_tool,
    is_preview,
    names_in_accept,
)


@pytest.fixture
def ask():
    """Enter a request with these headers."""
    plain = Flask(__name__)
    return lambda **headers: plain.test_request_context(
        headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        pytest.param("", "text", id="nothing"),
        pytest.param("*/*", "text", id="anything"),
        pytest.param("text/*", "text", id="any text"),
        pytest.param("application/*", "text", id="any application"),
        pytest.param("text/plain", "text", id="text"),
        pytest.param("text/html", "html", id="html"),
        pytest.param(BROWSER_ACCEPT, "html", id="browser"),
        pytest.param("TEXT/HTML;charset=utf-8", "html", id="in capitals, with a parameter"),
        pytest.param("application/json", "json", id="json"),
        pytest.param("application/problem+json", "json", id="problem"),
        pytest.param("application/json, text/plain, */*", "json", id="axios"),
        pytest.param("text/html, application/json", "html", id="both alike"),
        pytest.param("text/html;q=0.8, application/json", "json", id="rather json"),
        pytest.param("text/html, application/json;q=0.8", "html", id="rather html"),
        pytest.param("text/html;q=0, */*", "text", id="anything but html"),
        pytest.param("application/json;q=0, text/html", "html", id="html but json"),
        pytest.param(";;;,,,q=", "text", id="malformed"),
    ],
)
def test_the_form_of_an_answer_follows_what_names_in_accept(ask, accept: str, chosen: str):
    with ask(Accept=accept):
        assert answer_format() == chosen


def test_a_wildcard_names_nothing(ask):
    with ask(Accept="*/*, text/*, application/json;q=0"):
        assert not names_in_accept("text/html", "application/json")


@pytest.mark.parametrize(
    ("agent", "accept", "is_tool"),
    [
        ("curl/8.5.0", "*/*", True),
        ("curl/8.5.0", "text/html", False),
        ("CURL/7", "*/*", True),
        ("curlew/1.0", "*/*", False),
        ("Mozilla/5.0 curl/8", "*/*", False),
        ("Wget/1.21.4", "*/*", True),
        ("python-requests/2.32", "*/*", True),
        ("xh/0.22", "*/*", True),
        ("fetch libfetch/2.0", "*/*", True),
        ("Mozilla/5.0 (Windows NT) WindowsPowerShell/5.1", "*/*", True),
        ("Mozilla/5.0 (Linux) PowerShell/7.4", "*/*", True),
        ("", "*/*", False),
        ("Mozilla/5.0 Firefox/150", "*/*", False),
    ],
)
def test_a_download_tool_is_known_by_its_name(ask, agent: str, accept: str, is_tool: bool):
    with ask(User_Agent=agent, Accept=accept):
        assert is_command_line_tool() is is_tool


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({"User_Agent": "Slackbot 1.0"}, True, id="Slackbot"),
        pytest.param({"User_Agent": "Mozilla/5.0 (compatible; bingbot/2.0)"}, True, id="bingbot"),
        pytest.param({"User_Agent": "WhatsApp/2.24 A"}, True, id="WhatsApp"),
        pytest.param({"User_Agent": "Baiduspider/2.0"}, True, id="spider"),
        pytest.param({"User_Agent": "Mozilla/5.0 (Android 12; CUBOT P50)"}, False, id="CUBOT"),
        pytest.param({"User_Agent": "Mozilla/5.0 (Android; CUBOT_X18)"}, False, id="CUBOT_"),
        pytest.param({"User_Agent": "Mozilla/5.0 Firefox/150"}, False, id="Firefox"),
        pytest.param({"User_Agent": "curl/8.5.0"}, False, id="curl"),
        pytest.param({"User_Agent": "Botany/1.0"}, False, id="Botany"),
        pytest.param({"Sec_Purpose": "prefetch"}, True, id="prefetch"),
        pytest.param({"Sec_Purpose": "Prefetch;prerender"}, True, id="prerender"),
        pytest.param({"Purpose": "prefetch"}, True, id="old prefetch"),
        pytest.param({}, False, id="nothing"),
    ],
)
def test_a_preview_is_a_bot_or_a_prefetch(ask, headers: dict[str, str], expected: bool):
    with ask(**headers):
        assert is_preview() is expected
