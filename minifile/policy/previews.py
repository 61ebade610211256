"""What of a file may be shown on its landing page: which types inline, and what is text."""

import codecs
import re
from enum import StrEnum

from minifile.policy.type_table import extension_of

# Of each text so many bytes are read for its preview.
TEXT_BYTES = 256 * 1024
# A picture is loaded whole as soon as its page is opened.
IMAGE_BYTES = 32 * 1024 * 1024

# What browsers show or play and cannot run: no SVG, HTML, XML or PDF.
_INLINE_TYPES = frozenset(
    {
        *("image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp"),
        *("audio/aac", "audio/flac", "audio/mp4", "audio/mpeg", "audio/ogg", "audio/opus"),
        *("audio/wav", "audio/webm"),
        *("video/mp4", "video/ogg", "video/quicktime", "video/webm", "video/x-m4v"),
    }
)
_NAMED_TEXT_TYPES = (
    "application/json application/ld+json application/xml application/toml application/sql"
    " application/javascript application/ecmascript application/x-sh application/x-csh"
    " application/x-php application/x-bat application/x-subrip application/yaml"
    " application/x-yaml application/x-tex application/x-latex"
)
_NAMED_TEXT_EXTENSIONS = (
    "txt text log md markdown rst tex csv tsv json jsonl xml yaml yml toml ini cfg conf env"
    " properties py pyi js mjs cjs ts tsx jsx css scss less html htm sh bash zsh fish bat cmd ps1"
    " c h cc cpp cxx hpp cs java kt go rs rb php pl pm lua sql r jl swift scala dart hs ml ex exs"
    " erl clj vue svelte diff patch srt vtt gradle cmake tf proto graphql nix vim"
)
_TEXT_TYPES = frozenset(_NAMED_TEXT_TYPES.split())
_TEXT_EXTENSIONS = frozenset(_NAMED_TEXT_EXTENSIONS.split())
_TEXT_NAMES = frozenset({"makefile", "dockerfile", "readme", "license", "copying", "changelog"})
_CONTROLS = re.compile("[\x01-\x08\x0b\x0e-\x1f\x7f]")


class PreviewKind(StrEnum):
    """How a file is shown; pictures and media by their bytes, text by the page itself."""

    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"
    TEXT = "text"


def preview_kind(filename: str, content_type: str, size_bytes: int) -> PreviewKind | None:
    """Return how a file may be shown, or None: the stored type decides, then the name."""
    if not size_bytes:
        return None
    bare = content_type.partition(";")[0].strip().lower()
    if bare in _INLINE_TYPES:
        kind = PreviewKind(bare.partition("/")[0])
        return None if kind is PreviewKind.IMAGE and size_bytes > IMAGE_BYTES else kind
    if bare.startswith(("image/", "audio/", "font/")):
        return None
    name = filename.rpartition("/")[2].lower()
    is_named_text = name in _TEXT_NAMES or extension_of(name) in _TEXT_EXTENSIONS
    if is_named_text or bare.startswith("text/") or bare in _TEXT_TYPES:
        return PreviewKind.TEXT
    return None


def decode_text(head: bytes, *, is_whole: bool) -> str | None:
    """Return the text of a file's first bytes, or None where they are no text.

    UTF-8, or UTF-16 with its mark; nothing with a NUL. `is_whole` says that the file ends here;
    otherwise a character that was cut at the end is left out.
    """
    is_utf16 = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    decoder = codecs.getincrementaldecoder("utf-16" if is_utf16 else "utf-8-sig")("strict")
    try:
        text = decoder.decode(head, final=is_whole)
    except UnicodeDecodeError:
        return None
    if "\0" in text:
        return None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    # HTML has no place for these; their pictures say what was there.
    return _CONTROLS.sub(lambda found: _picture(found[0]), text)


def _picture(control: str) -> str:
    return "\N{SYMBOL FOR DELETE}" if control == "\x7f" else chr(0x2400 + ord(control))
