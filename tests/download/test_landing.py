"""The short link: who sees the landing page, who gets the bytes, and when neither."""

from datetime import UTC, datetime, timedelta

import pytest
from cast import Sent, change_row, downloads, fetch, nothing_changed, send
from conftest import BROWSER_ACCEPT, FIREFOX, browser, shell
from flask import Flask

from minifile.services.purge import purge_expired

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/146.0.0.0 Safari/537.36"
)
CUBOT = (
    "Mozilla/5.0 (Linux; Android 12; CUBOT P50) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/146.0.0.0 Mobile Safari/537.36"
)
TOOLS = {
    "curl": "curl/8.5.0",
    "Wget": "Wget/1.21.4",
    "Wget2": "Wget2/2.1.0",
    "aria2": "aria2/1.37.0",
    "HTTPie": "HTTPie/3.2.4",
    "python-requests": "python-requests/2.32.3",
    "Windows PowerShell": (
        "Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.22621.4391"
    ),
    "PowerShell": (
        "Mozilla/5.0 (Windows NT 10.0; Microsoft Windows 10.0.22631; en-US) PowerShell/7.4.6"
    ),
    "libfetch": "fetch libfetch/2.0",
}
BOTS = {
    "Slackbot": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "Slack image proxy": "Slack-ImgProxy (+https://api.slack.com/robots)",
    "Twitterbot": "Twitterbot/1.0",
    "Facebook": "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "WhatsApp": "WhatsApp/2.24.20.89 A",
    "Telegram": "TelegramBot (like TwitterBot)",
    "Discord": "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
    "Skype": "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5",
    "Google": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "LinkedIn": "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://l.com)",
    "iMessage": (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) AppleWebKit/601.2.4 (KHTML, like Gecko)"
        " Version/9.0.1 Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0"
    ),
    "Mastodon": "http.rb/5.2.0 (Mastodon/4.3.0; +https://mastodon.social/) Bot",
}


@pytest.fixture
def link(app: Flask) -> Sent:
    return send(app)


def asking(app: Flask, path: str, agent: str, accept: str = "*/*", **headers: str):
    given = {"User-Agent": agent, "Accept": accept, **headers}
    return fetch(app.test_client(), path, headers=given)


@pytest.mark.parametrize("agent", TOOLS.values(), ids=TOOLS)
def test_a_download_tool_gets_the_bytes_at_the_short_link(app: Flask, link: Sent, agent: str):
    answer = asking(app, link.path, agent)

    assert answer.data == b"alpha"
    assert {"Accept", "User-Agent"} <= set(answer.headers["Vary"].split(", "))
    assert downloads(app, link.code) == 1


@pytest.mark.parametrize(
    ("agent", "accept"),
    [
        pytest.param(FIREFOX, BROWSER_ACCEPT, id="Firefox"),
        pytest.param(CHROME, BROWSER_ACCEPT, id="Chrome"),
        pytest.param(CUBOT, BROWSER_ACCEPT, id="CUBOT phone"),
        pytest.param(FIREFOX, "*/*", id="browser that accepts all"),
        pytest.param("curl/8.5.0", "text/html", id="curl that wants a page"),
        pytest.param("SomeNewClient/1.0", "*/*", id="unknown"),
        pytest.param("mycurl/1.0", "*/*", id="curl in another name"),
        pytest.param("", "*/*", id="no name"),
        *[pytest.param(agent, "*/*", id=name) for name, agent in BOTS.items()],
    ],
)
def test_everybody_else_sees_the_landing_page_which_never_counts(
    app: Flask, link: Sent, agent: str, accept: str
):
    answer = asking(app, link.path, agent, accept)

    assert answer.status_code == 200
    assert answer.content_type == "text/html; charset=utf-8"
    assert f'href="{link.file()}"' in answer.text
    assert downloads(app, link.code) == 0


@pytest.mark.parametrize("agent", BOTS.values(), ids=BOTS)
@pytest.mark.parametrize("where", ["file", "zip"])
def test_a_preview_bot_sees_the_landing_page_at_the_bytes_too(
    app: Flask, link: Sent, where: str, agent: str
):
    path = link.file() if where == "file" else link.zip

    answer = asking(app, path, agent)

    assert answer.content_type == "text/html; charset=utf-8"
    assert downloads(app, link.code) == 0


@pytest.mark.parametrize(
    "agent",
    [
        pytest.param(FIREFOX, id="Firefox"),
        pytest.param(CUBOT, id="CUBOT phone"),
        pytest.param("SomeNewClient/1.0", id="unknown"),
        pytest.param("VLC/3.0.20 LibVLC/3.0.20", id="player"),
    ],
)
def test_who_asks_for_the_file_itself_gets_its_bytes(app: Flask, link: Sent, agent: str):
    answer = asking(app, link.file(), agent, BROWSER_ACCEPT)

    assert answer.data == b"alpha"
    assert downloads(app, link.code) == 1


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Sec-Purpose": "prefetch"}, id="Sec-Purpose"),
        pytest.param({"Sec-Purpose": "prefetch;prerender"}, id="prerender"),
        pytest.param({"Purpose": "prefetch"}, id="Purpose"),
        pytest.param({"X-Moz": "prefetch"}, id="X-Moz"),
    ],
)
@pytest.mark.parametrize("agent", [FIREFOX, "curl/8.5.0"], ids=["browser", "tool"])
def test_a_prefetch_never_counts(app: Flask, link: Sent, agent: str, headers: dict[str, str]):
    answers = [asking(app, path, agent, **headers) for path in (link.path, link.file(), link.zip)]

    assert {answer.content_type for answer in answers} == {"text/html; charset=utf-8"}
    assert downloads(app, link.code) == 0


def test_the_page_says_what_it_is_how_large_until_when_and_how_often(app: Flask):
    sent = send(app, {"my <photo>.png": b"x" * 2048}, max_downloads="3", note="for <Bob>")

    page = browser(app).get(sent.path).text

    for words in ("my &lt;photo&gt;.png", "2 KiB", "PNG", "for &lt;Bob&gt;", "expires in"):
        assert words in page
    assert "<strong>3</strong> downloads left" in page
    assert sent.json["files"][0]["sha256"] in page
    assert "<photo>" not in page


def test_the_page_can_be_unfurled_as_a_card(app: Flask, link: Sent):
    page = asking(app, link.path, BOTS["Slackbot"]).text

    assert '<meta property="og:title" content="a.txt">' in page
    assert f'<meta property="og:url" content="http://localhost/{link.code}">' in page
    assert '<meta property="og:description" content="5 B, ' in page
    assert '<meta name="robots" content="noindex">' in page


def test_a_bundle_lists_its_files_by_folder_and_offers_the_zip(app: Flask):
    sent = send(app, {"a.txt": b"a", "may/b.txt": b"b", "may/c.txt": b"c"})

    page = browser(app).get(sent.path).text

    assert f'href="{sent.zip}"' in page
    assert all(f'href="{sent.file(position)}"' in page for position in range(3))
    assert "<bdi>may</bdi>" in page


def test_the_page_has_no_inline_script_or_style_and_asks_no_third_party(app: Flask, link: Sent):
    answer = browser(app).get(link.path)

    assert "<style" not in answer.text
    assert " style=" not in answer.text
    assert "<script>" not in answer.text
    assert "https://" not in answer.text


def test_the_headers_of_a_page_are_strict(app: Flask, link: Sent):
    headers = browser(app).get(link.path).headers

    csp = headers["Content-Security-Policy"].split("; ")
    assert csp[0] == "default-src 'none'"
    assert {"frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"} <= set(csp)
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert "Strict-Transport-Security" not in headers


def test_https_pages_are_https_for_ever_and_their_cookie_secure(app: Flask, link: Sent):
    answer = browser(app).get(link.path, base_url="https://localhost")

    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    cookie = answer.headers["Set-Cookie"]
    assert all(word in cookie for word in ("Secure", "HttpOnly", "SameSite=Lax", "Expires="))


def test_the_owner_is_told_that_own_downloads_do_not_count(app: Flask):
    alice = browser(app)
    alice.get("/")
    code = alice.put("/a.txt", data=b"a").headers["Location"].rpartition("/")[2]

    assert "your own downloads are not counted" in alice.get(f"/{code}").text
    assert "your own downloads" not in browser(app).get(f"/{code}").text


def test_the_qr_code_is_a_picture_that_never_counts(app: Flask, link: Sent):
    answer = browser(app).get(f"{link.path}.qr.svg")

    assert answer.status_code == 200
    assert answer.content_type.startswith("image/svg+xml")
    assert "<svg" in answer.text
    assert downloads(app, link.code) == 0


FORMS = [
    pytest.param("*/*", id="text"),
    pytest.param("application/json", id="json"),
    pytest.param(BROWSER_ACCEPT, id="html"),
]


@pytest.mark.parametrize("accept", FORMS)
@pytest.mark.parametrize("where", ["path", "file", "zip"])
def test_an_expired_link_is_410_to_the_second(app: Flask, link: Sent, where: str, accept: str):
    change_row(app, link.code, expires_at=datetime(2026, 1, 2, 12, 0, tzinfo=UTC))
    path = link.file() if where == "file" else getattr(link, where)

    answer = fetch(shell(app), path, headers={"Accept": accept})

    sentence = "This link expired on 02 January 2026 at 12:00 UTC. Ask the sender for a new link."
    assert answer.status_code == 410
    assert sentence in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert downloads(app, link.code) == 0


@pytest.mark.parametrize("accept", FORMS)
def test_a_revoked_link_is_410_and_says_so(app: Flask, link: Sent, accept: str):
    shell(app).delete(link.private_page)

    answer = fetch(shell(app), link.path, headers={"Accept": accept})

    assert answer.status_code == 410
    assert "The sender has revoked this link. Ask the sender for a new link." in answer.text


@pytest.mark.parametrize("path", ["path", "file", "zip"])
@pytest.mark.parametrize("agent", ["curl/8.5.0", FIREFOX, BOTS["Slackbot"]])
def test_an_exhausted_link_is_410_and_says_so(app: Flask, path: str, agent: str):
    sent = send(app, max_downloads="1")
    fetch(shell(app), sent.file())
    where = sent.file() if path == "file" else getattr(sent, path)

    answer = asking(app, where, agent, BROWSER_ACCEPT if agent == FIREFOX else "*/*")

    assert answer.status_code == 410
    assert "This link could be downloaded once, and it has been." in answer.text
    assert downloads(app, sent.code) == 1


def test_an_exhausted_link_of_three_says_three_times(app: Flask):
    sent = send(app, max_downloads="3")
    change_row(app, sent.code, download_count=3)

    assert "could be downloaded 3 times" in fetch(shell(app), sent.path).text


@pytest.mark.parametrize("accept", FORMS)
def test_every_404_has_the_same_bytes(app: Flask, link: Sent, accept: str):
    purged = send(app)
    change_row(app, purged.code, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    with app.app_context():
        purge_expired(storage=app.extensions["minifile"].storage, now=datetime.now(UTC))
    charlie = shell(app, "198.51.100.9")
    with_a_code = [
        "/neverexist", purged.path, purged.file(), purged.page, link.page, "/links/neverexist",
        f"/links/{link.code}/wrong-token",
    ]  # fmt: skip
    without = ["/no/such/route/at/all", "/x", "/static/none.css"]

    answers = [fetch(charlie, path, headers={"Accept": accept}) for path in with_a_code + without]

    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.data for answer in answers}) == 1
    alike = [
        # The id of a request is random, and tells nothing of what was asked for.
        sorted(header for header in answer.headers if header[0] != "X-Request-ID")
        for answer in answers[: len(with_a_code)]
    ]
    assert len({str(headers) for headers in alike}) == 1


def test_a_file_that_the_link_does_not_have_is_404(app: Flask, link: Sent):
    with nothing_changed(app):
        answer = fetch(shell(app), f"{link.path}/other.txt")

    assert answer.status_code == 404
    assert answer.text == "This link has no file of that name.\n"


def test_too_many_unknown_codes_are_429(make_app):
    app = make_app(rate_unknown_codes=3)
    link = send(app)
    charlie = shell(app, "198.51.100.9")
    for _ in range(3):
        assert fetch(charlie, "/neverexist").status_code == 404

    answer = fetch(charlie, link.path)

    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 600
    assert fetch(shell(app, "198.51.100.10"), link.path).status_code == 200
