"""Mail by SMTP: sent, refused, never answered; nothing about it in the log but its kind."""

import logging
import ssl
import time
from dataclasses import replace
from datetime import timedelta
from mailbox import html_of, mail_server, silent_server, talkative_server, text_of

import pytest
from conftest import NOW

from minifile.config.mail import parse_mail_url
from minifile.notification_values import SendAnswer, SendOutcome
from minifile.services.mail import (
    Mail,
    Mailer,
    offer_mail,
    probe_mail,
    send_mail,
)
from minifile.values import Level

MAIL = Mail("Ällice@example.org", "Grüße · minifile", "Hier: https://f.example.org/reset/s3cret\n")
PLAIN = Mail("alice@example.org", "Grüße · minifile", "Hier: https://f.example.org/reset/s3cret\n")


def mailer(url: str, patience: float = 5) -> Mailer:
    server = parse_mail_url(url)
    return Mailer(server, "Files <files@example.org>", timedelta(seconds=patience))


def test_a_mail_arrives_as_it_was_written():
    with mail_server() as mailbox:
        assert send_mail(mailer(mailbox.url), PLAIN, now=NOW)

    mail = mailbox.only()
    assert (mail["To"], mail["From"]) == ("alice@example.org", "Files <files@example.org>")
    assert mail["Subject"] == "Grüße · minifile"
    assert mail["Date"].datetime == NOW
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"].endswith("@example.org>")
    assert mail.get_content().splitlines() == PLAIN.text.splitlines()


def test_an_address_with_letters_of_its_own_is_written_to():
    with mail_server() as mailbox:
        assert send_mail(mailer(mailbox.url), MAIL, now=NOW)

    assert "Ällice@example.org" in str(mailbox.only()["To"])


# The test's server speaks to this machine alone.
@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_it_signs_in_where_it_must():
    with mail_server(password="p@ss:w/rd") as mailbox:
        right = mailbox.url.replace("//", "//minifile:p%40ss%3Aw%2Frd@")
        wrong = mailbox.url.replace("//", "//minifile:other@")

        assert not send_mail(mailer(mailbox.url), PLAIN, now=NOW)
        assert not send_mail(mailer(wrong), PLAIN, now=NOW)
        assert send_mail(mailer(right), PLAIN, now=NOW)
        assert probe_mail(mailer(right)).level is Level.OK
        assert probe_mail(mailer(wrong)).level is Level.WARNING


def test_what_a_server_says_is_not_written_down(caplog: pytest.LogCaptureFixture):
    with mail_server() as mailbox:
        mailbox.refuses = True
        assert not send_mail(mailer(mailbox.url), PLAIN, now=NOW)

    assert "a mail could not be sent: SMTPDataError 554" in caplog.text
    for secret in ("secret@example.org", "alice@example.org", "s3cret"):
        assert secret not in caplog.text


def test_a_server_that_hangs_is_waited_for_no_longer_than_it_may_take(
    caplog: pytest.LogCaptureFixture,
):
    with silent_server() as url:
        began = time.monotonic()
        assert not send_mail(mailer(url, patience=0.2), PLAIN, now=NOW)
        assert time.monotonic() - began < 5
        verdict = probe_mail(mailer(url, patience=0.2))

    assert (verdict.level, "SMTPServerDisconnected" in verdict.sentence) == (Level.WARNING, True)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


@pytest.mark.parametrize(
    ("without_end", "outcome"),
    [(b"", SendOutcome.LATER), (b"DATA", SendOutcome.LATER), (b"QUIT", SendOutcome.SENT)],
    ids=["greeting", "data", "goodbye"],
)
def test_a_server_that_never_stops_talking_is_left_in_time(
    without_end: bytes, outcome: SendOutcome
):
    with talkative_server(without_end) as (url, got):
        began = time.monotonic()
        answer = offer_mail(mailer(url, patience=0.3), PLAIN, now=NOW)
        took = time.monotonic() - began

    # Before its claim has ended, or another would send the mail once more.
    assert took < 5
    assert answer.outcome is outcome
    assert got[-1] == without_end


def test_nobody_there_is_no_failure_of_ours():
    with mail_server() as mailbox:
        url = mailbox.url

    assert not send_mail(mailer(url), PLAIN, now=NOW)
    assert "ConnectionRefusedError" in probe_mail(mailer(url)).sentence


@pytest.mark.parametrize("encryption", ["starttls", "tls"])
def test_it_does_not_speak_to_a_server_whose_certificate_nobody_vouches_for(
    encryption: str, tmp_path
):
    with mail_server() as mailbox:
        url = mailbox.url.replace("tls=none", f"tls={encryption}")

        assert not send_mail(mailer(url, patience=1), PLAIN, now=NOW)

    assert mailbox.mails == []


@pytest.mark.parametrize("to", ["a@example.org\r\nBcc: b@example.org", "a@example.org\nX: y", ""])
def test_an_address_can_not_bring_headers_along(to: str):
    with mail_server() as mailbox:
        assert not send_mail(mailer(mailbox.url), Mail(to, "s", "t"), now=NOW)

    assert mailbox.mails == []
    assert ssl.create_default_context().verify_mode is ssl.CERT_REQUIRED


TOLD = Mail(
    "alice@example.org", "It was fetched", "Words.\n", "<p>Words.</p>", "<n-1@example.org>",
    "https://f.example.org/notifications/off/t",
)  # fmt: skip


def test_a_mail_of_the_outbox_has_two_forms_an_id_of_its_own_and_a_way_to_end_it():
    with mail_server() as mailbox:
        answer = offer_mail(mailer(mailbox.url), TOLD, now=NOW)

    mail = mailbox.only()
    assert answer == SendAnswer(SendOutcome.SENT, "250")
    assert mail.get_content_type() == "multipart/alternative"
    assert (text_of(mail).strip(), html_of(mail).strip()) == ("Words.", "<p>Words.</p>")
    assert mail["Message-ID"] == "<n-1@example.org>"
    assert mail["List-Unsubscribe"] == "<https://f.example.org/notifications/off/t>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_a_long_address_to_end_it_stays_in_one_piece():
    address = "https://files.example.org/notifications/off/" + "t0ken_" * 40
    with mail_server() as mailbox:
        offer_mail(mailer(mailbox.url), replace(TOLD, off_address=address), now=NOW)

    assert f"\r\nList-Unsubscribe: <{address}>\r\n".encode() in mailbox.raw[0]


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ("450 4.2.1 busy, alice@example.org", SendOutcome.LATER),
        ("421 4.3.2 going down", SendOutcome.LATER),
        ("550 5.1.1 no alice@example.org here", SendOutcome.REFUSED),
    ],
)
def test_it_is_offered_again_unless_the_mailbox_is_none(said: str, outcome: SendOutcome):
    with mail_server() as mailbox:
        mailbox.recipient_answers = [said]

        first = offer_mail(mailer(mailbox.url), TOLD, now=NOW)
        then = offer_mail(mailer(mailbox.url), TOLD, now=NOW)

    assert (first.outcome, then.outcome) == (outcome, SendOutcome.SENT)
    assert first.said == f"SMTPRecipientsRefused {said[:3]}"


def test_a_mail_that_the_server_does_not_want_is_not_offered_again():
    with mail_server() as mailbox:
        mailbox.refuses = True

        answer = offer_mail(mailer(mailbox.url), TOLD, now=NOW)

    assert answer == SendAnswer(SendOutcome.REFUSED, "SMTPDataError 554")


def test_a_mail_whose_answer_was_lost_comes_again_under_the_same_id():
    with mail_server() as mailbox:
        mailbox.dies = 1

        first = offer_mail(mailer(mailbox.url), TOLD, now=NOW)
        then = offer_mail(mailer(mailbox.url), TOLD, now=NOW)

    assert (first.outcome, then.outcome) == (SendOutcome.LATER, SendOutcome.SENT)
    assert [mail["Message-ID"] for mail in mailbox.mails] == ["<n-1@example.org>"] * 2


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_a_server_that_is_away_or_set_up_wrongly_gets_the_mail_later():
    with mail_server(password="word") as mailbox, silent_server() as silent:
        wrong = mailbox.url.replace("//", "//minifile:other@")
        secure = mailbox.url.replace("tls=none", "tls=starttls")

        answers = [
            offer_mail(mailer(url, patience=0.5), TOLD, now=NOW) for url in (wrong, secure, silent)
        ]
    answers.append(offer_mail(mailer(mailbox.url), TOLD, now=NOW))

    assert {answer.outcome for answer in answers} == {SendOutcome.LATER}
    assert answers[0].said == "SMTPAuthenticationError 535"


def test_nothing_is_offered_to_an_address_that_brings_headers_along():
    with mail_server() as mailbox:
        mail = Mail("a@example.org\r\nBcc: b@example.org", "s", "t")

        assert offer_mail(mailer(mailbox.url), mail, now=NOW).outcome is SendOutcome.REFUSED

    assert mailbox.mails == []
