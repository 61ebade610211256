"""A text as its landing page shows it: plain, with colours, or as formatted Markdown."""

from dataclasses import dataclass

from markupsafe import Markup, escape

from minifile.download.highlighting import highlight
from minifile.download.markdown import render_markdown
from minifile.services.downloads import Reading
from minifile.services.previews import read_text
from minifile.values import FileRecord
from minifile.web.current import current_storage

_MARKDOWN = (".md", ".markdown")


@dataclass(frozen=True, slots=True)
class ShownText:
    """HTML that is safe in a page; None where the bytes are no text."""

    html: Markup | None
    is_markdown: bool
    is_whole: bool


def shown_text(reading: Reading, file: FileRecord) -> ShownText:
    """Read and render the beginning of a text, and count the preview. Raises BlobMissing."""
    preview = read_text(reading, file, storage=current_storage())
    if preview.text is None:
        return ShownText(None, False, preview.is_whole)
    if preview.is_whole and file.filename.lower().endswith(_MARKDOWN):
        formatted = render_markdown(preview.text)
        if formatted is not None:
            return ShownText(formatted, True, True)
    html = highlight(preview.text, file.filename) or escape(preview.text)
    return ShownText(html, False, preview.is_whole)
