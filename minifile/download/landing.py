"""The landing page: what a link holds, or one of its files, with its preview."""

from dataclasses import dataclass

from flask import render_template, request

from minifile.download.texts import ShownText, shown_text
from minifile.download.tree import folder_tree
from minifile.errors import NotFound
from minifile.services.downloads import Reading
from minifile.services.previews import preview_kind
from minifile.services.shared_with import owner_name
from minifile.values import FileRecord, LinkRecord
from minifile.web.addresses import download_path, file_path, short_link
from minifile.web.current import current_instance
from minifile.web.negotiate import is_preview

# No link holds more digits of files.
_MAX_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Preview:
    """How a file is shown: `url` are the bytes of pictures and media, `text` is text itself."""

    kind: str
    url: str
    text: ShownText | None = None


def landing_page(reading: Reading) -> str:
    """Return the page of a link; of one file, where it has only that or `?show=` names it.

    Raises NotFound for a number that no file has, and BlobMissing.
    """
    link = reading.link
    position = _position(link)
    file = None if position is None else link.files[position - 1]
    return render_template(
        "download/landing.html",
        link=link,
        file=file,
        preview=None if file is None else _preview(reading, file),
        position=position,
        neighbours=_neighbours(link, position),
        downloads_left=link.downloads_left,
        short_link=short_link(link),
        download_url=download_path(link) if file is None else file_path(link, file),
        tree=folder_tree(link.files),
        file_urls={each.id: file_path(link, each) for each in link.files},
        preview_numbers=_preview_numbers(link),
        is_owner=reading.is_owner,
        keeps_addresses=current_instance().origins.keeps_addresses,
        shared_by=owner_name(link) if link.is_private and not reading.is_owner else None,
    )


def _position(link: LinkRecord) -> int | None:
    """Return the number of the file that is shown, from 1; None for all of several."""
    asked = request.args.get("show")
    if asked is None:
        return 1 if len(link.files) == 1 else None
    number = int(asked) if asked.isdecimal() and len(asked) <= _MAX_DIGITS else 0
    if not 1 <= number <= len(link.files):
        raise NotFound("This link has no such file.")
    return number


def _preview(reading: Reading, file: FileRecord) -> Preview | None:
    """Return what is shown of the file; programs that only look at the link are shown nothing."""
    kind = preview_kind(reading.link, file)
    if kind is None or is_preview() or request.method == "HEAD":
        return None
    if kind == "text":
        return Preview(kind, "", shown_text(reading, file))
    # Over plain http browsers send no such headers, and the bytes would be a counted download.
    if "Sec-Fetch-Dest" not in request.headers:
        return None
    return Preview(kind, f"{file_path(reading.link, file)}?inline=1")


def _preview_numbers(link: LinkRecord) -> dict[int, int]:
    """Return the numbers of the files that have a preview, by their ids."""
    numbered = enumerate(link.files, start=1)
    return {file.id: number for number, file in numbered if preview_kind(link, file)}


def _neighbours(link: LinkRecord, position: int | None) -> tuple[int | None, int | None]:
    """Return the numbers of the previous and the next file that have a preview."""
    if position is None:
        return None, None
    numbers = sorted(_preview_numbers(link).values())
    before = [number for number in numbers if number < position]
    after = [number for number in numbers if number > position]
    return (before[-1] if before else None), (after[0] if after else None)
