"""Texts in the page: nothing of a stranger's text gets out of its place, or takes long."""

import gc
import sys
import time
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from markupsafe import escape

from minifile.download import highlighting, markdown
from minifile.download.highlighting import highlight
from minifile.download.markdown import render_markdown

HOSTILE = """<script>alert(1)</script>
<img src=x onerror=alert(1)>

[a](javascript:alert(1)) [b](JaVaScRiPt:alert(1)) [c](data:text/html,x) [d](//evil.example)
[e](/links/code) [f](vbscript:x) <javascript:alert(1)> [g](https://evil.example "onclick=x")

![p](https://evil.example/pixel.png) ![](x)

<a href="https://evil.example" onclick="alert(1)">x</a> <style>*{}</style> <iframe src=x></iframe>
"""


class Elements(HTMLParser):
    """The elements of a text that has been rendered."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_markdown_lets_no_script_picture_or_way_into_this_site_through():
    found = Elements(str(render_markdown(HOSTILE))).found

    assert {tag for tag, _ in found} <= {"p", "a"}
    links = [attributes for tag, attributes in found if tag == "a"]
    assert {link.get("href") for link in links} == {"https://evil.example"}
    assert all(link["rel"] == "nofollow noopener noreferrer" for link in links)
    assert all(set(link) <= {"href", "title", "rel"} for link in links)


def test_headings_stand_below_that_of_the_preview_and_skip_no_level():
    html = str(render_markdown("# a\n\n###### b\n\n## c\n\nd\n=\n"))

    assert [tag for tag, _ in Elements(html).found if tag[0] == "h"] == ["h3", "h4", "h4", "h3"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a" * (markdown.MAX_LINE + 1), id="long-line"),
        pytest.param("a\n" * markdown.MAX_CHARACTERS, id="long-text"),
        pytest.param("[a]: http://x/" + "a" * 3900 + "\n\n" + "[a]\n" * 3000, id="references"),
        pytest.param("|a" * 100 + "\n" + "|-" * 100 + "\n" + "a\n" * 6000, id="table"),
        pytest.param("*a* " * 3000, id="many-pieces"),
    ],
)
def test_markdown_that_could_take_long_is_left_plain(text: str):
    assert render_markdown(text) is None


@pytest.mark.parametrize(
    "pattern",
    ["[", "![", "[](", "*a_", "_*", "> ", "- ", "`", "<", "&", "**a*", "|", "\\", "- > "],
)
def test_the_worst_markdown_takes_little_time(pattern: str):
    line = pattern * (markdown.MAX_LINE // len(pattern))
    text = "\n".join([line] * (markdown.MAX_CHARACTERS // (markdown.MAX_LINE + 1)))

    # A machine that does other things takes longer, but not each time.
    assert any(cpu_seconds(render_markdown, text) < 1 for _ in range(3))


def cpu_seconds(do: Callable[[str], object], text: str) -> float:
    # What other tests left in memory is not looked through: that is none of its work.
    gc.freeze()
    before = time.process_time()
    do(text)
    taken = time.process_time() - before
    gc.unfreeze()
    return taken


@pytest.mark.parametrize("extension", sorted(highlighting._LEXER_OF))
def test_colours_change_no_character(extension: str):
    text = "\n\t<b>'\"&{{ }} def f(): /* é 👩‍🚀 */ # x -- y\r <?php 1 ?> ]]> \\\n" * 20

    html = highlight(text, f"a.{extension}")

    assert html
    assert without_spans(html) == str(escape(text))


def test_colours_end_when_their_time_is_over():
    ticks = iter(range(1000))

    html = highlight("a = 1\n" * 500, "a.py", clock=lambda: next(ticks) / 10)

    assert html.count("<span") < 10
    assert without_spans(html) == "a = 1\n" * 500


@pytest.mark.parametrize(
    ("text", "filename"),
    [
        pytest.param("a = 1", "a.txt", id="no-lexer"),
        pytest.param("a" * (highlighting.MAX_LINE + 1), "a.py", id="long-line"),
        pytest.param("a\n" * highlighting.MAX_CHARACTERS, "a.py", id="long-text"),
        pytest.param("a = 1", "py/README", id="no-extension"),
    ],
)
def test_other_texts_get_no_colours(text: str, filename: str):
    assert highlight(text, filename) == ""


def without_spans(html: str) -> str:
    """Return what is left when the elements that carry colours are taken away."""
    for css in "cksmfd":
        html = html.replace(f'<span class="{css}">', "")
    return html.replace("</span>", "")


def test_without_the_extra_texts_are_shown_as_they_are(monkeypatch: pytest.MonkeyPatch):
    highlighting._lexer.cache_clear()
    for name in ("pygments.lexers", "nh3"):
        monkeypatch.setitem(sys.modules, name, None)

    assert highlight("a = 1", "a.py") == ""
    assert render_markdown("# a") is None
    highlighting._lexer.cache_clear()
