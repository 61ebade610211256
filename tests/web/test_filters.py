"""Sizes, times and kinds of files read as the pages promise."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import pytest
from flask import Flask, render_template_string

from minifile.units import duration_in_words, plural, size_in_words
from minifile.web import filters

NOW = datetime(2026, 11, 22, 14, 5, tzinfo=UTC)
KIB, MIB, GIB = 2**10, 2**20, 2**30


@dataclass(frozen=True)
class NamedFile:
    filename: str


@pytest.mark.parametrize(
    ("size_bytes", "words"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (1023, "1023 B"),
        (KIB, "1 KiB"),
        (1536, "1.5 KiB"),
        (412 * KIB, "412 KiB"),
        (round(99.94 * MIB), "99.9 MiB"),
        (round(99.96 * MIB), "100 MiB"),
        (MIB - 1, "1 MiB"),
        (round(1.7 * GIB), "1.7 GiB"),
        (2 * GIB, "2 GiB"),
        (5000 * 2**50, "5000 PiB"),
    ],
)
def test_a_size_is_shown_in_binary_units(size_bytes: int, words: str) -> None:
    assert size_in_words(size_bytes) == words


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(days=1), "1 day"),
        (timedelta(days=7), "7 days"),
        (timedelta(hours=12), "12 hours"),
        (timedelta(hours=36), "36 hours"),
        (timedelta(minutes=30), "30 minutes"),
        (timedelta(minutes=90), "90 minutes"),
        (timedelta(seconds=45), "45 seconds"),
        (timedelta(0), "no time"),
    ],
)
def test_a_duration_is_shown_in_the_largest_unit_without_rest(
    length: timedelta, words: str
) -> None:
    assert duration_in_words(length) == words


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(seconds=-1), "no time"),
        (timedelta(0), "no time"),
        (timedelta(seconds=59), "less than a minute"),
        (timedelta(seconds=60), "1 minute"),
        (timedelta(minutes=5), "5 minutes"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(hours=1, minutes=59), "1 hour 59 minutes"),
        (timedelta(hours=2, minutes=59), "2 hours"),
        (timedelta(hours=23), "23 hours"),
        (timedelta(days=1), "1 day"),
        (timedelta(days=1, hours=5), "1 day 5 hours"),
        (timedelta(days=6, hours=23), "6 days"),
    ],
)
def test_the_time_left_is_told_in_words(left: timedelta, words: str) -> None:
    assert filters.in_words(NOW + left, NOW) == words


def test_a_link_made_a_moment_ago_has_its_whole_lifetime_left() -> None:
    moment = NOW + timedelta(days=7)

    assert filters.in_words(moment, NOW + timedelta(seconds=2)) == "7 days"


def test_a_moment_is_shown_in_utc_whatever_its_zone() -> None:
    moment = datetime(2026, 11, 3, 15, 5, tzinfo=timezone(timedelta(hours=1)))

    assert filters.utc(moment) == "3 Nov 2026, 14:05 UTC"
    assert filters.isoutc(moment) == "2026-11-03T14:05:00Z"


@pytest.mark.parametrize(
    ("content_type", "filename", "words", "icon"),
    [
        ("video/mp4", "holiday.mp4", "MP4 video", "video"),
        ("image/jpeg", "photo", "JPEG image", "image"),
        ("image/x-unheard-of", "photo.xyz", "image", "image"),
        ("application/pdf", "report.pdf", "PDF document", "document"),
        ("application/zip", "all.zip", "ZIP archive", "archive"),
        ("application/octet-stream", "Letters 2026/A.DOCX", "Word document", "document"),
        ("text/plain", "table.csv", "CSV table", "text"),
        ("text/plain; charset=utf-8", "notes.txt", "text file", "text"),
        ("application/x-unheard-of", "clip.webm", "WebM video", "video"),
        ("application/octet-stream", "noext", "file", "file"),
        ("application/octet-stream", "folder.zip/noext", "file", "file"),
        ("", "", "file", "file"),
    ],
)
def test_a_file_is_named_by_its_kind(
    content_type: str, filename: str, words: str, icon: str
) -> None:
    assert filters.kind(content_type, filename) == words
    assert filters.kind_name(content_type, filename) == icon


def test_a_noun_follows_its_number() -> None:
    assert plural(1, "file") == "1 file"
    assert plural(0, "file") == "0 files"
    assert plural(1000, "file") == "1,000 files"
    assert plural(2, "entry", "entries") == "2 entries"


def test_accepted_types_are_written_for_a_file_field() -> None:
    assert filters.accept(("pdf", ".docx", "image/*")) == ".pdf,.docx,image/*"


def test_templates_know_the_filters() -> None:
    app = Flask("filters")
    filters.register(app)

    with app.app_context():
        page = render_template_string(
            "{{ size|filesize }}, {{ name|basename }}", size=0, name="a/b"
        )

    assert page == "0 B, b"
