"""What a stranger is told: the page of a file request, and that files have arrived."""

from flask import Response, jsonify, make_response, render_template, url_for

from minifile.codes import token_hash
from minifile.services.request_rows import RequestRecord, read_room
from minifile.services.submission_rows import HandedIn
from minifile.services.submissions import OwnSubmission, find_own_submission
from minifile.units import plural
from minifile.values import FileRecord, Visitor
from minifile.web.addresses import see_other
from minifile.web.answering import Answering, limits_of_request
from minifile.web.current import public_url, utcnow
from minifile.web.negotiate import answer_format, is_command_line_tool


def facts(found: RequestRecord, visitor: Visitor) -> Response:
    """Say what is asked for: as a page, as JSON, or as commands to type."""
    if answer_format() == "json":
        return jsonify(
            title=found.title,
            text=found.text,
            asks_who=found.asks_who,
            allowed_types=list(found.allowed_types),
            max_file_size=limits_of_request(found).max_file_size,
            files_left=read_room(found, utcnow()).files_left,
            size_left=read_room(found, utcnow()).size_left,
            expires_at=found.expires_at.isoformat(),
        )
    if is_command_line_tool():
        text = render_template(
            "file_requests/help.txt",
            asked=found,
            url=address_of(found),
            limits=limits_of_request(found),
            room=read_room(found, utcnow()),
        )
        return Response(f"{text}\n", content_type="text/plain; charset=utf-8")
    return page(found, visitor)


def page(
    found: RequestRecord,
    visitor: Visitor,
    *,
    error: str | None = None,
    own: OwnSubmission | None = None,
    token: str | None = None,
) -> Response:
    """Show the page; with `own` and its token, to a browser that keeps no cookie."""
    if own is None and visitor.browser is not None:
        sender_hash = token_hash(visitor.browser)
        own = find_own_submission(found, sender_hash, now=utcnow())
    return make_response(
        render_template(
            "file_requests/submit.html",
            asked=found,
            address=address_of(found),
            limits=limits_of_request(found),
            room=read_room(found, utcnow()),
            own=own,
            token=token,
            error=error,
        )
    )


def answer_submission(found: Answering, handed_in: HandedIn, token: str | None) -> Response:
    """Say that files have arrived, and for how long more may be added; never where they are."""
    chosen = answer_format()
    if chosen == "html":
        return _to_page(found, handed_in, token)
    if chosen == "json":
        response = jsonify(
            files=[_as_json(file) for file in handed_in.files],
            added_until=handed_in.open_until.isoformat(),
            page=url_for("submissions.show", request_code=found.request.code),
            **({} if token is None else {"submission": token}),
        )
    else:
        response = Response(
            f"{_arrived(found, handed_in, token)}\n", content_type="text/plain; charset=utf-8"
        )
    response.status_code = 201
    response.vary.add("Accept")
    return response


def address_of(found: RequestRecord) -> str:
    """Return the whole address of the stranger's page."""
    return public_url() + url_for("submissions.show", request_code=found.code)


def _to_page(found: Answering, handed_in: HandedIn, token: str | None) -> Response:
    if found.visitor.browser is not None:
        return see_other(url_for("submissions.show", request_code=found.request.code))
    own = OwnSubmission(handed_in.link.files, handed_in.open_until)
    response = page(found.request, found.visitor, own=own, token=token)
    response.status_code = 201
    return response


def _arrived(found: Answering, handed_in: HandedIn, token: str | None) -> str:
    count = len(handed_in.files)
    lines = [f"{plural(count, 'file')} {'has' if count == 1 else 'have'} arrived."]
    if token is not None:
        until = f"{handed_in.open_until:%H:%M} UTC"
        lines.append(f"A forgotten file can be added until {until}:")
        lines.append(f"  curl -F submission={token} -F file=@FILE {address_of(found.request)}")
    return "\n".join(lines)


def _as_json(file: FileRecord) -> dict[str, object]:
    return {"name": file.filename, "size": file.size_bytes}
