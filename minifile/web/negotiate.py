"""Who asks, and which form of answer that is: HTML, JSON or plain text."""

import re
from typing import Literal

from flask import request
from werkzeug.datastructures import MIMEAccept

Format = Literal["html", "json", "text"]

_JSON = ("application/json", "application/problem+json")

# Programs that fetch what they are pointed at because somebody typed it into a shell.
_COMMAND_LINE = re.compile(
    r"^(curl|wget2?|aria2|httpie|xh|python-requests|python-urllib|python-httpx|libfetch|fetch"
    r"|axel|lftp|lwp-request|libwww-perl|http_get)\b|\b(windows)?powershell\b",
    re.IGNORECASE,
)

# Programs that fetch a link because somebody pasted it into a chat, a mail or a page.
# CUBOT is a maker of phones.
_PREVIEW_BOT = re.compile(
    r"(?<!cu)bot\b|crawler|spider|facebookexternalhit|facebookcatalog|meta-externalagent"
    r"|slack-imgproxy|whatsapp|skypeuripreview|microsoftpreview|ms-office|mattermost"
    r"|embedly|iframely|vkshare|viber|snapchat|mastodon|pleroma|misskey|bluesky|cardyb"
    r"|google-pagerenderer|googleimageproxy|google-safety|yahoomailproxy|outbrain|pinterest"
    r"|linkpreview|link preview|urlpreview|unfurl|zulip|synapse|rocket\.chat|nextcloud|kakaotalk"
    r"|tumblr|flipboard|w3c_validator|proofpoint|mimecast",
    re.IGNORECASE,
)


def names_in_accept(*media_types: str) -> bool:
    """Say whether the Accept header names one of the types itself, not by a wildcard."""
    named = {value.split(";")[0].strip().lower() for value, q in request.accept_mimetypes if q > 0}
    return not named.isdisjoint(media_types)


def answer_format() -> Format:
    """Return the form of the answer; where HTML and JSON are both named, the better q wins.

    The API speaks JSON to everybody.
    """
    if request.path.startswith("/api/"):
        return "json"
    html, json = names_in_accept("text/html"), names_in_accept(*_JSON)
    if html and json:
        accept = request.accept_mimetypes
        return "html" if accept.quality("text/html") >= _best_json(accept) else "json"
    if html:
        return "html"
    return "json" if json else "text"


def is_command_line_tool() -> bool:
    """Say whether a download tool asks that did not ask for a page."""
    agent = request.headers.get("User-Agent", "")
    return is_command_line_agent(agent) and not names_in_accept("text/html")


def is_command_line_agent(agent: str) -> bool:
    """Say whether a User-Agent is that of a command-line download tool."""
    return _COMMAND_LINE.search(agent) is not None


def is_preview() -> bool:
    """Say whether nobody has asked for the bytes: a link-preview bot, or a prefetch."""
    purposes = (request.headers.get(name, "") for name in ("Sec-Purpose", "Purpose", "X-Moz"))
    if any("prefetch" in purpose.lower() for purpose in purposes):
        return True
    return is_preview_agent(request.headers.get("User-Agent", ""))


def is_preview_agent(agent: str) -> bool:
    """Say whether a User-Agent is that of a link-preview bot."""
    return _PREVIEW_BOT.search(agent) is not None


def _best_json(accept: MIMEAccept) -> float:
    return max(accept.quality(media_type) for media_type in _JSON)
