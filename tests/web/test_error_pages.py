"""The one table from what was refused to a status, and the three forms of saying it."""

import inspect
from datetime import timedelta

import pytest
from conftest import BROWSER_ACCEPT, NOW, shell
from flask import Flask

from minifile import errors
from minifile.web.error_pages import STATUS, status_of

ERRORS = [
    kind
    for kind in vars(errors).values()
    if inspect.isclass(kind) and issubclass(kind, errors.MinifileError)
]
ARGUMENTS = {
    errors.UploadNotReady: (2, 3),
    errors.WrongOffset: (5,),
    errors.LinkExpired: (NOW,),
    errors.LinkExhausted: (3,),
    errors.TooManyTries: ("uploads", timedelta(seconds=9)),
}
FORMS = ["*/*", "application/json", BROWSER_ACCEPT]


def made(kind: type[errors.MinifileError]) -> errors.MinifileError:
    """Make an error of a kind, with a sentence where it brings none itself."""
    if kind in ARGUMENTS:
        return kind(*ARGUMENTS[kind])
    try:
        return kind() if kind().args else kind("A sentence.")
    except TypeError:
        return kind("A sentence.")


@pytest.fixture
def failing(app: Flask) -> Flask:
    """The application with an address that raises what it is given."""
    raised: dict[str, Exception] = {}
    app.extensions["raised"] = raised

    def fail() -> None:
        raise raised["error"]

    app.add_url_rule("/test/fail/now", view_func=fail)
    return app


def answer_to(app: Flask, error: Exception, accept: str = "*/*"):
    app.extensions["raised"]["error"] = error
    return shell(app).get("/test/fail/now", headers={"Accept": accept})


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_every_expected_failure_has_a_status_of_its_own_or_of_its_kind(
    kind: type[errors.MinifileError],
):
    status, title = status_of(made(kind))

    assert 400 <= status < 600
    assert title
    assert kind is errors.MinifileError or status_of(made(kind)) != STATUS[errors.MinifileError]


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.BadUpload, 400), (errors.LinkLocked, 401), (errors.WrongPassword, 401),
        (errors.Forbidden, 403), (errors.LinkNotFound, 404), (errors.UploadTooSlow, 408),
        (errors.LinkExpired, 410), (errors.LinkRevoked, 410), (errors.LinkExhausted, 410),
        (errors.TooLarge, 413), (errors.TypeRefused, 415), (errors.BadOption, 422),
        (errors.DigestMismatch, 422), (errors.TooManyTries, 429), (errors.StorageFull, 507),
        (errors.ServiceBusy, 503), (errors.BlobMissing, 500),
    ],
)  # fmt: skip
def test_the_status_is_the_one_that_was_promised(kind: type[errors.MinifileError], status: int):
    assert status_of(made(kind))[0] == status


def test_a_person_who_has_to_sign_in_is_led_there_and_back(failing: Flask):
    page = answer_to(failing, errors.SignInNeeded(), FORMS[-1])

    assert (page.status_code, page.location) == (303, "/login?next=%2Ftest%2Ffail%2Fnow")


def test_a_program_that_has_to_sign_in_is_asked_for_a_token(failing: Flask):
    answer = answer_to(failing, errors.SignInNeeded())

    assert (answer.status_code, answer.headers["WWW-Authenticate"][:6]) == (401, "Bearer")


# A person is led to the page for it instead.
SAID = [kind for kind in ERRORS if kind is not errors.SignInNeeded]


@pytest.mark.parametrize("kind", SAID, ids=lambda kind: kind.__name__)
def test_every_failure_is_one_sentence_in_each_form(
    failing: Flask, kind: type[errors.MinifileError]
):
    text, json, html = (answer_to(failing, made(kind), accept) for accept in FORMS)

    assert text.content_type == "text/plain; charset=utf-8"
    said, is_ours = text.text, text.status_code >= 500
    assert said.count("\n") == 1
    # Where we are to blame, the line names the request.
    assert is_ours == said.endswith(f" (request {text.headers['X-Request-ID']})\n")
    said = said.partition(" (request ")[0].strip()
    assert said.endswith(".")
    assert json.content_type == "application/problem+json"
    assert json.json["detail"] == said
    assert html.content_type == "text/html; charset=utf-8"
    assert json.json["title"].replace("'", "&#39;") in html.text
    assert len({each.status_code for each in (text, json, html)}) == 1


@pytest.mark.parametrize("accept", FORMS)
def test_what_nobody_expected_is_500_without_details(failing: Flask, accept: str, caplog):
    answer = answer_to(failing, ValueError("secret detail"), accept)

    assert answer.status_code == 500
    assert "Something went wrong" in answer.text
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert "secret detail" in caplog.text


@pytest.mark.parametrize("kind", [errors.BlobMissing, errors.ConfigError])
def test_what_only_the_admin_may_know_is_logged_and_not_shown(failing: Flask, kind, caplog):
    answer = answer_to(failing, kind("the blob 0123 is missing"))

    assert "0123" not in answer.text
    assert "the blob 0123 is missing" in caplog.text


def test_an_error_is_logged_without_the_address_asked_for(failing: Flask, caplog):
    failing.extensions["raised"]["error"] = ValueError("x")

    shell(failing).get("/test/fail/now?token=letmein")

    assert "letmein" not in caplog.text


@pytest.mark.parametrize(
    ("error", "seconds"),
    [(errors.TooManyTries("uploads", timedelta(seconds=9.4)), "9"), (errors.ServiceBusy(), "5")],
)
def test_what_passes_says_when_to_come_back(failing: Flask, error: Exception, seconds: str):
    assert answer_to(failing, error).headers["Retry-After"] == seconds


def test_a_wait_is_never_less_than_a_second():
    assert errors.TooManyTries("x", timedelta(seconds=-3)).retry_after == timedelta(seconds=1)


def test_markup_in_a_message_is_escaped(failing: Flask):
    answer = answer_to(failing, errors.BadOption("<script>x</script>."), BROWSER_ACCEPT)

    assert "<script>x" not in answer.text
    assert "&lt;script&gt;x" in answer.text


def test_what_can_only_be_put_to_is_unknown_to_who_reads(app: Flask):
    for method in ("GET", "HEAD"):
        assert shell(app).open("/x", method=method).status_code == 404
    assert shell(app).open("/x", method="DELETE").status_code == 405
