"""The mails that tell of notifications: one of each, or a digest of a day; as text and as HTML.

Both are made of the same parts, so neither says more. They hold addresses of ours and what the
payload says, never a password or an owner token, and load nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import current_app, render_template

from minifile.services.mail import Mail
from minifile.web.current import current_settings
from minifile.web.notification_words import KIND_WORDS, Told, Words, one_line, words_for
from minifile.web.switching_off import Off, off_path


@dataclass(frozen=True, slots=True)
class Entry:
    """One notification in a mail."""

    words: Words
    address: str
    short_link: str | None


def write_mail(to: str, told: Told, off: Off, *, message_id: str) -> Mail:
    """Write the mail about one notification; `off` is what its address switches off."""
    entry = _entry(told)
    why = f"You asked to be told of {KIND_WORDS.get(told.kind, 'this')}"
    why += " of this link." if off.link_id is not None else "."
    return _mail(to, entry.words.subject, None, [entry], why, off, message_id)


def write_digest(to: str, told: Sequence[Told], off: Off, *, message_id: str) -> Mail:
    """Write one mail about all that happened since the last one, in order."""
    entries = [_entry(each) for each in told]
    count = "1 thing" if len(entries) == 1 else f"{len(entries):,} things"
    heading = f"{count} happened to your links"
    why = "You asked for one mail a day about what happens to your links."
    return _mail(to, heading, f"{heading}.", entries, why, off, message_id)


def _mail(
    to: str,
    subject: str,
    heading: str | None,
    entries: Sequence[Entry],
    why: str,
    off: Off,
    message_id: str,
) -> Mail:
    parts = {
        "subject": subject,
        "heading": heading,
        "entries": entries,
        "why": why,
        "off_address": _address(off_path(off)),
        "settings_address": _address("/account/notifications"),
    }
    return Mail(
        to,
        f"{one_line(subject, 150)} · {current_app.name}",
        render_template("mail/notification.txt", **parts),
        render_template("mail/notification.html", **parts),
        message_id,
        str(parts["off_address"]),
    )


def _entry(told: Told) -> Entry:
    words = words_for(told)
    short_link = None if told.code is None else _address(f"/{told.code}")
    return Entry(words, _address(words.path), short_link)


def _address(path: str) -> str:
    """Return an address that begins with PUBLIC_URL: outside of a request there is no other."""
    return (current_settings().public_url or "").rstrip("/") + path
