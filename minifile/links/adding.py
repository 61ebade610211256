"""Adding files to a link: a form that is read while it arrives, as an upload is."""

from flask import Response, flash, jsonify, request

from minifile.errors import LinkGone, MinifileError, NotFound
from minifile.links import page
from minifile.services.link_files import add_files
from minifile.units import plural
from minifile.values import LinkRecord, Visitor
from minifile.web.addresses import file_as_json, short_link
from minifile.web.bodies import FORM_OVERHEAD, LIKELY_OVERHEAD, begin_body, form_files
from minifile.web.current import (
    current_rates,
    current_storage,
    current_transfers,
    limits_for,
    utcnow,
)
from minifile.web.multipart import read_parts
from minifile.web.negotiate import answer_format


def receive(link: LinkRecord, visitor: Visitor, owner_token: str | None) -> Response:
    """Receive the form and answer; a browser is shown a refusal on the page."""
    try:
        return _receive(link, visitor, owner_token)
    except (LinkGone, NotFound):
        raise
    except MinifileError as error:
        if answer_format() != "html":
            raise
        return page.render_not_added(link, owner_token, error)


def _receive(link: LinkRecord, visitor: Visitor, owner_token: str | None) -> Response:
    limits = limits_for(link.owner_id)
    body = begin_body(limits.max_link_size + FORM_OVERHEAD)
    parts = read_parts(request.headers.get("Content-Type", ""), body.buffers())
    with current_transfers().receiving(visitor.rate_address):
        added = add_files(
            link,
            form_files(parts, _ignore),
            visitor,
            declared_bytes=body.size_bytes,
            overhead_bytes=LIKELY_OVERHEAD,
            rates=current_rates(),
            limits=limits,
            storage=current_storage(),
            now=utcnow,
        )
    chosen, message = answer_format(), f"{plural(len(added), 'file')} added."
    if chosen == "html":
        return page.done(message, link, owner_token)
    if chosen == "json":
        # The script of the page shows it anew.
        flash(message, "good")
        return _as_json(link, [file_as_json(link, file) for file in added])
    return Response(f"{short_link(link)}\n", 201, content_type="text/plain; charset=utf-8")


def _as_json(link: LinkRecord, added: list[dict[str, object]]) -> Response:
    response = jsonify(code=link.code, url=short_link(link), added=added)
    response.status_code = 201
    return response


def _ignore(_name: str, _value: str) -> None:
    """Fields mean nothing here: what the link is like is changed by another form."""
