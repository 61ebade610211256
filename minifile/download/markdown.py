"""Markdown as HTML that is safe in our page: markdown-it-py parses it, nh3 cleans it.

Both belong to the extra `preview`; without them Markdown is shown as the text it is.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from markupsafe import Markup, escape

# The parser's worst cases grow with the square of the length, and nothing can stop it.
MAX_CHARACTERS = 16 * 1024
MAX_LINE = 4000
# What a short text may become: a link that is named a thousand times, a table of empty cells.
MAX_TOKENS = 5000
MAX_CELLS = 5000
MAX_ADDRESSES = 64 * 1024
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
    lines = text.split("\n")
    widest = max(line.count("|") for line in lines)
    if len(text) > MAX_CHARACTERS or widest * len(lines) > MAX_CELLS:
        return None
    if any(len(line) > MAX_LINE for line in lines):
        return None
    try:
        import nh3

        parser = _parser()
    except ImportError:
        return None
    tokens = parser.parse(text)
    if _is_a_bomb(tokens):
        return None
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


def _is_a_bomb(tokens: Sequence[Any]) -> bool:
    """Say whether it would become much longer than it was written."""
    inner = [child for token in tokens for child in token.children or ()]
    addresses = sum(len(str(value)) for child in inner for value in (child.attrs or {}).values())
    return len(tokens) + len(inner) > MAX_TOKENS or addresses > MAX_ADDRESSES


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
