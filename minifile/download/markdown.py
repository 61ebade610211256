"""Markdown as HTML that is safe in our page: markdown-it-py parses it, nh3 cleans it.

Both belong to the extra `preview`; without them Markdown is shown as the text it is.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from markupsafe import Markup, escape

# The parser's worst cases grow with the square of the length, and nothing can stop it.
MAX_CHARACTERS = 32 * 1024
MAX_LINE = 4000
_ALLOWED = (
    "a blockquote br code del em h3 h4 h5 h6 hr li ol p pre s strong table tbody td th thead tr ul"
)
_TAGS = set(_ALLOWED.split())
_SCHEMES = ("http://", "https://", "mailto:")


def render_markdown(text: str) -> Markup | None:
    """Return the text formatted, or None where it is to be shown plain.

    No raw HTML, no picture, no link within this site. Headings begin below the page's own and
    never skip a level.
    """
    if len(text) > MAX_CHARACTERS or any(len(line) > MAX_LINE for line in text.split("\n")):
        return None
    try:
        import nh3

        parser = _parser()
    except ImportError:
        return None
    tokens = parser.parse(text)
    _shift_headings(tokens)
    _hide_other_links(tokens)
    html = parser.renderer.render(tokens, parser.options, {})
    return Markup(  # noqa: S704 (cleaned by nh3)
        nh3.clean(
            html,
            tags=_TAGS,
            attributes={"a": {"href", "title"}, "ol": {"start"}},
            attribute_filter=_checked,
            url_schemes={"http", "https", "mailto"},
            link_rel="nofollow noopener noreferrer",
        )
    )


@cache
def _parser() -> Any:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": 20})
    parser.enable(["table", "strikethrough"])
    # A picture elsewhere would tell its server who reads this.
    parser.add_render_rule("image", _image_words)
    return parser


def _image_words(
    _renderer: Any, tokens: Sequence[Any], index: int, _options: Any, _env: Any
) -> str:
    return str(escape(f"[Picture: {tokens[index].content}]"))


def _shift_headings(tokens: Sequence[Any]) -> None:
    """Make headings begin at h3, below that of the preview, and go down one level at a time."""
    above = 2
    for token in tokens:
        if token.type == "heading_open":
            above = min(int(token.tag[1]) + 2, above + 1, 6)
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{above}"


def _hide_other_links(tokens: Sequence[Any]) -> None:
    """Leave the words of links that lead nowhere, into this site, or to a script. None nest."""
    for token in tokens:
        is_hidden = False
        for child in token.children or ():
            if child.type == "link_open":
                is_hidden = not str(child.attrGet("href")).lower().startswith(_SCHEMES)
            if child.type in ("link_open", "link_close"):
                child.hidden = is_hidden


def _checked(_tag: str, name: str, value: str) -> str | None:
    if name == "href" and not value.lower().startswith(_SCHEMES):
        return None
    return value
