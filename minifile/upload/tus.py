"""Resumable uploads: tus 1.0.0 below /tus/, from a request to the services and the answer."""

import socket
from collections.abc import Callable
from dataclasses import replace

from flask import Blueprint, Response, g, request
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.http import http_date

from minifile.errors import WrongContentType, WrongVersion
from minifile.extensions import exempt_from_csrf
from minifile.services.answer_uploads import draft_of_answer
from minifile.services.answering import owners_quota_untold
from minifile.services.ending import end_upload
from minifile.services.joining import Progress
from minifile.services.partials import Terms
from minifile.services.receiving import Part, receive_part
from minifile.services.resumable import Draft, begin_upload, look_at
from minifile.services.submission_rows import Sender
from minifile.upload.tus_headers import (
    ALGORITHMS,
    EXTENSIONS,
    VERSION,
    Asked,
    read_asked,
    read_checksum,
    read_draft,
    read_number,
)
from minifile.values import PartialState, Visitor
from minifile.web.addresses import private_address, short_link
from minifile.web.answering import answering
from minifile.web.bodies import begin_body, end_unread_body
from minifile.web.connection import socket_of
from minifile.web.current import (
    current_limits,
    current_terms,
    current_transfers,
    public_url,
    uploading_visitor,
    utcnow,
)
from minifile.web.telling import tell_owner
from minifile.web.transfers import Ends, noting_end

bp = Blueprint("tus", __name__, url_prefix="/tus")
bp.after_request(end_unread_body)

_BODY_TYPE = "application/offset+octet-stream"
# Of an upload that was begun the row says how much may come.
_ANY_SIZE = 2**62


@bp.before_request
def check_version() -> None:
    """Speak with those only who speak the same."""
    if request.method != "OPTIONS" and request.headers.get("Tus-Resumable") != VERSION:
        raise WrongVersion


@bp.after_app_request
def name_version(response: Response) -> Response:
    """Name the version in every answer below this address, also in those of other parts."""
    if request.path == "/tus" or request.path.startswith("/tus/"):
        response.headers["Tus-Resumable"] = VERSION
        if response.status_code == 412:
            response.headers["Tus-Version"] = VERSION
    return response


@bp.route("/", methods=["OPTIONS"], strict_slashes=False)
@bp.route("/<upload_id>", methods=["OPTIONS"])
def describe(upload_id: str = "") -> Response:  # noqa: ARG001
    """Say what this server can do."""
    response = Response(status=204)
    response.headers["Tus-Version"] = VERSION
    response.headers["Tus-Extension"] = EXTENSIONS
    response.headers["Tus-Max-Size"] = str(current_limits().max_file_size)
    response.headers["Tus-Checksum-Algorithm"] = ",".join(ALGORITHMS)
    return response


@bp.post("/", strict_slashes=False, provide_automatic_options=False)
@exempt_from_csrf  # Judged by headers, as every upload.
def create() -> Response:
    """Begin an upload, with its first bytes if they came along."""
    visitor = uploading_visitor()
    headers = request.headers
    draft = read_draft(
        headers.get("Upload-Length"),
        headers.get("Upload-Defer-Length"),
        headers.get("Upload-Metadata"),
        headers.get("Upload-Concat"),
        own_addresses=(public_url(), request.host_url.rstrip("/")),
        limits=current_limits(),
    )
    asked = read_asked(headers.get("Upload-Metadata"))
    if asked is not None:
        return _answer_request(asked, draft)
    return _create(draft, visitor, current_terms())


def _answer_request(asked: Asked, draft: Draft) -> Response:
    """Begin an upload that is sent to a file request, as its owner."""
    found = answering(asked.code, asked.password)
    draft = draft_of_answer(
        found.request,
        draft,
        Sender(found.sender_hash, asked.sender_name, asked.message),
        limits=found.limits,
        now=utcnow(),
    )
    terms = replace(current_terms(), limits=found.limits)
    with owners_quota_untold():
        return _create(draft, found.uploader, terms)


def _create(draft: Draft, visitor: Visitor, terms: Terms) -> Response:
    has_part = _has_body() and draft.part_ids is None
    part = _part(terms.limits.max_file_size) if has_part else None
    ends = Ends.IF_IT_FAILS
    receiving = current_transfers().receiving(visitor.rate_address, ends)
    with receiving if part else noting_end(ends):
        begun = begin_upload(draft, part, visitor, terms=terms, now=utcnow)
    _tell(begun.progress)
    response = _answer(begun.progress, 201)
    response.headers["Location"] = f"{public_url()}/tus/{begun.upload_id}"
    return response


@bp.route("/<upload_id>", methods=["HEAD"], provide_automatic_options=False)
def look(upload_id: str) -> Response:
    """Say how far an upload has come."""
    progress = look_at(upload_id, uploading_visitor(), terms=current_terms(), now=utcnow)
    row = progress.row
    response = _answer(progress, 200)
    if row.length is None:
        response.headers["Upload-Defer-Length"] = "1"
    else:
        response.headers["Upload-Length"] = str(row.length)
    if row.metadata_text is not None:
        response.headers["Upload-Metadata"] = row.metadata_text
    if row.concat is not None:
        response.headers["Upload-Concat"] = row.concat
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.patch("/<upload_id>", provide_automatic_options=False)
@exempt_from_csrf  # The secret address is the proof.
def receive(upload_id: str) -> Response:
    """Take the next bytes."""
    visitor = uploading_visitor()
    offset = read_number("Upload-Offset", request.headers.get("Upload-Offset"))
    said = request.headers.get("Upload-Length")
    length = None if said is None else read_number("Upload-Length", said)
    part = _part(_ANY_SIZE)
    with current_transfers().receiving(visitor.rate_address, Ends.LATER):
        progress = receive_part(
            upload_id, offset, length, part, visitor, terms=current_terms(), now=utcnow
        )
    _tell(progress)
    return _answer(progress, 204)


@bp.delete("/<upload_id>", provide_automatic_options=False)
@exempt_from_csrf  # The secret address is the proof.
def end(upload_id: str) -> Response:
    """Forget an upload; a link made of it alone is revoked."""
    end_upload(upload_id, uploading_visitor(), terms=current_terms(), now=utcnow)
    return Response(status=204)


@bp.post("/<upload_id>", provide_automatic_options=False)
@exempt_from_csrf  # The secret address is the proof.
def override(upload_id: str) -> Response:
    """Do what a client asks for that can only send POST."""
    method = request.headers.get("X-HTTP-Method-Override", "").upper()
    if method not in _METHODS:
        raise MethodNotAllowed(["HEAD", "PATCH", "DELETE", "OPTIONS"])
    return _METHODS[method](upload_id)


_METHODS = {"HEAD": look, "PATCH": receive, "DELETE": end}


def _has_body() -> bool:
    length = request.environ.get("CONTENT_LENGTH") or "0"
    return length != "0" or "HTTP_TRANSFER_ENCODING" in request.environ


def _part(most: int) -> Part:
    """Return the body of the request, of at most so many bytes. Raises WrongContentType."""
    if request.mimetype != _BODY_TYPE:
        raise WrongContentType(f"The body must be sent as Content-Type: {_BODY_TYPE}.")
    checksum = read_checksum(request.headers.get("Upload-Checksum"))
    if not _has_body():
        return Part(iter(()), 0, checksum)
    body = begin_body(most, keeps=checksum is None)
    return Part(body.chunks(), body.size_bytes, checksum, _cutter())


def _cutter() -> Callable[[], None]:
    """Return what ends the reading of this request from another thread."""
    connection = socket_of(request.environ)
    return lambda: None if connection is None else connection.shutdown(socket.SHUT_RD)


def _tell(progress: Progress) -> None:
    """Tell who asked for it of an upload that has just been handed in."""
    if progress.made is not None and progress.row.file_request_id is not None:
        tell_owner(progress.row.file_request_id)


def _answer(progress: Progress, status: int) -> Response:
    row, made = progress.row, progress.made
    response = Response(status=status)
    if not (row.is_final and row.state == PartialState.OPEN):
        response.headers["Upload-Offset"] = str(row.offset)
    if row.state != PartialState.JOINED:
        response.headers["Upload-Expires"] = http_date(row.expires_at)
    if made is not None:
        g.link_id = made.link.id
    # Who sends to a file request is never told where that is kept.
    if made is not None and row.file_request_id is None:
        response.headers["X-Short-Link"] = short_link(made.link)
        if made.owner_token:
            response.headers["X-Url-Delete"] = private_address(made.link, made.owner_token)
    return response
