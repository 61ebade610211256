"""Colours for code, by Pygments where it is installed (the extra `preview`).

The text is a stranger's, and a lexer is many regular expressions: so only short texts with short
lines get colours, only lexers from a list that hostile texts were tried on, and only until a
deadline; what is left then is shown plain.
"""

import time
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from markupsafe import Markup, escape

MAX_CHARACTERS = 64 * 1024
MAX_LINE = 1000
_SECONDS = 0.3

# Lexers of Pygments by extension. The content is never asked: guessing runs them all.
_LEXERS = {
    "python": "py pyi",
    "javascript": "js mjs cjs",
    "typescript": "ts tsx",
    "json": "json",
    "html": "html htm",
    "xml": "xml",
    "css": "css",
    "bash": "sh bash zsh",
    "c": "c h",
    "cpp": "cc cpp cxx hpp",
    "csharp": "cs",
    "java": "java",
    "kotlin": "kt",
    "go": "go",
    "rust": "rs",
    "ruby": "rb",
    "php": "php",
    "lua": "lua",
    "sql": "sql",
    "swift": "swift",
    "yaml": "yaml yml",
    "toml": "toml",
    "ini": "ini cfg conf properties",
    "diff": "diff patch",
    "docker": "dockerfile",
    "make": "makefile",
}
_LEXER_OF = {extension: name for name, each in _LEXERS.items() for extension in each.split()}
# The classes of the stylesheet, by the kinds of token they are for; the first that fits.
_CLASSES = (
    ("Token.Comment", "c"),
    ("Token.Keyword", "k"),
    ("Token.Literal.String", "s"),
    ("Token.Literal", "m"),
    ("Token.Name.Function", "f"),
    ("Token.Name.Class", "f"),
    ("Token.Name.Tag", "k"),
    ("Token.Name.Attribute", "f"),
    ("Token.Name.Builtin", "f"),
    ("Token.Operator.Word", "k"),
    ("Token.Generic.Deleted", "d"),
    ("Token.Generic.Inserted", "s"),
    ("Token.Generic", "k"),
)


def highlight(text: str, filename: str, *, clock: Callable[[], float] = time.monotonic) -> Markup:
    """Return the text as HTML, with classes where there is a lexer for the name.

    Empty when it has none, or the text is too long, or Pygments is missing: show it plain then.
    """
    name = filename.rpartition("/")[2].lower()
    lexer = _lexer(_LEXER_OF.get(name.rpartition(".")[2], ""))
    if lexer is None or len(text) > MAX_CHARACTERS:
        return Markup()
    if any(len(line) > MAX_LINE for line in text.split("\n")):
        return Markup()
    return Markup("").join(_spans(lexer, text, clock() + _SECONDS, clock))


def _spans(lexer: Any, text: str, deadline: float, clock: Callable[[], float]) -> Iterator[Markup]:
    """Yield the text, token by token, as long as there is time; then the rest as it is."""
    done = 0
    for position, kind, value in lexer.get_tokens_unprocessed(text):
        if clock() > deadline:
            break
        # A lexer that loses or repeats characters must not change what is shown.
        if position != done:
            break
        done += len(value)
        css = _css_class(str(kind))
        shown = escape(value)
        yield Markup('<span class="{}">{}</span>').format(css, shown) if css else shown
    yield escape(text[done:])


@cache
def _css_class(kind: str) -> str:
    return next((css for prefix, css in _CLASSES if kind.startswith(prefix)), "")


@cache
def _lexer(name: str) -> Any:
    if not name:
        return None
    try:
        from pygments.lexers import get_lexer_by_name
    except ImportError:
        return None
    return get_lexer_by_name(name)
