"""A text as its landing page shows it: plain, with colours, or as formatted Markdown."""

from dataclasses import dataclass

from markupsafe import Markup, escape

from minifile.download.highlighting import highlight
from minifile.download.markdown import render_markdown
from minifile.services.downloads import Reading
from minifile.services.previews import read_text
from minifile.values import FileRecord
from minifile.web.current import current_storage, utcnow

_MARKDOWN = (".md", ".markdown")


@dataclass(frozen=True, slots=True)
class ShownText:
    """HTML that is safe in a page; None where the bytes are no text."""

    html: Markup | None
    is_whole: bool
    is_markdown: bool = False
    is_code: bool = False
    """Its lines mean something, and are not to be broken."""


def shown_text(reading: Reading, file: FileRecord) -> ShownText:
    """Read and render the beginning of a text, and count the preview. Raises BlobMissing."""
    preview = read_text(reading, file, storage=current_storage(), now=utcnow())
    if preview.text is None:
        return ShownText(None, preview.is_whole)
    if preview.is_whole and file.filename.lower().endswith(_MARKDOWN):
        formatted = render_markdown(preview.text)
        if formatted is not None:
            return ShownText(formatted, is_whole=True, is_markdown=True)
    colourful = highlight(preview.text, file.filename)
    html = colourful or escape(preview.text)
    return ShownText(html, preview.is_whole, is_code=bool(colourful))
