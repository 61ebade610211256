"""The `Content-Disposition` header."""

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.http import parse_options_header

from minifile.web.disposition import attachment


@pytest.mark.parametrize(
    ("filename", "fallback", "encoded"),
    [
        pytest.param("my report.pdf", "my report.pdf", "my%20report.pdf", id="space"),
        pytest.param("naïve.txt", "na_ve.txt", "na%C3%AFve.txt", id="accent"),
        pytest.param("日本.txt", "__.txt", "%E6%97%A5%E6%9C%AC.txt", id="no ASCII"),
        pytest.param('a"b.txt', "a_b.txt", "a%22b.txt", id="quote"),
        pytest.param("a\\b.txt", "a_b.txt", "a%5Cb.txt", id="backslash"),
        pytest.param("50%41.txt", "50_41.txt", "50%2541.txt", id="percent"),
        pytest.param("it's.txt", "it's.txt", "it%27s.txt", id="apostrophe"),
        pytest.param("\ud800.txt", "_.txt", "%EF%BF%BD.txt", id="lone surrogate"),
    ],
)
def test_a_name_that_is_no_token_is_sent_in_both_forms(
    filename: str, fallback: str, encoded: str
) -> None:
    expected = f"attachment; filename=\"{fallback}\"; filename*=UTF-8''{encoded}"

    assert attachment(filename) == expected


@pytest.mark.parametrize(
    ("filename", "sent"),
    [
        pytest.param("report.pdf", "report.pdf", id="plain"),
        pytest.param("a-b_c.tar.gz", "a-b_c.tar.gz", id="marks of a token"),
        pytest.param("photos/may/a.jpg", "a.jpg", id="folders"),
        pytest.param("photos/", "download", id="nothing after the folder"),
        pytest.param("a\r\nb.txt", "a__b.txt", id="line break"),
    ],
)
def test_a_plain_name_is_sent_once(filename: str, sent: str) -> None:
    assert attachment(filename) == f'attachment; filename="{sent}"'


@given(st.text(st.characters()))
def test_any_name_makes_a_header_of_printable_ascii(filename: str) -> None:
    header = attachment(filename)

    assert re.fullmatch(r'attachment; filename="[^"\\%]+"(; filename\*=UTF-8\'\'[^ "]+)?', header)
    assert all(" " <= character <= "~" for character in header)


@given(
    st.text(st.characters(exclude_categories=["C", "Zl", "Zp"], exclude_characters="/"), min_size=1)
)
def test_a_client_reads_back_the_name(filename: str) -> None:
    header = attachment(filename)

    extended = header.partition("filename*=UTF-8''")[2]
    name = unquote(extended) if extended else parse_options_header(header)[1]["filename"]
    assert name == filename
