"""The audit log: who did what and when, as a page, as CSV and as JSON lines."""

from collections.abc import Callable, Iterable, Iterator

from flask import Response, make_response, render_template, stream_with_context

from minifile.admin.asking import asked, asked_day, end_of
from minifile.admin.blueprint import bp
from minifile.errors import BadOption
from minifile.services.audit_log import (
    PAGE,
    AuditFilter,
    AuditRecord,
    list_entries,
    stream_entries,
)
from minifile.services.audit_writing import csv_lines, json_lines
from minifile.services.users import find_user
from minifile.web.paging import asked_page, cut

_FIELDS = ("actor", "action", "since", "until")
# Who is no user, by the word for it.
_VIA = {"shell": "cli", "instance": "instance"}


@bp.get("/audit")
def audit() -> Response:
    """List acts, the newest first."""
    try:
        return _page(list_entries(_wanted(), page=asked_page()), None)
    except BadOption as error:
        response = _page([], str(error))
        response.status_code = 422
        return response


@bp.get("/audit.csv")
def audit_csv() -> Response:
    """Send all acts that fit as CSV."""
    return _stream(csv_lines, "text/csv; charset=utf-8", "audit.csv")


@bp.get("/audit.jsonl")
def audit_json_lines() -> Response:
    """Send all acts that fit as JSON lines."""
    return _stream(json_lines, "application/x-ndjson", "audit.jsonl")


def _page(found: list[AuditRecord], wrong: str | None) -> Response:
    shown, has_more = cut(found, PAGE)
    return make_response(
        render_template(
            "admin/audit.html",
            entries=shown,
            page=asked_page(),
            has_more=has_more,
            query={name: asked(name) for name in _FIELDS if asked(name)},
            wrong=wrong,
        )
    )


def _stream(
    write: Callable[[Iterable[AuditRecord]], Iterator[str]], content_type: str, filename: str
) -> Response:
    lines = stream_with_context(write(stream_entries(_wanted())))
    response = Response(lines, content_type=content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response


def _wanted() -> AuditFilter:
    """Return which acts are asked for. Raises BadOption for a day or a name that is none."""
    actor, via = asked("actor"), None
    actor_id = None
    if actor.lower() in _VIA:
        via = _VIA[actor.lower()]
    elif actor:
        user = find_user(actor)
        if user is None:
            raise BadOption("There is no user of that name.")
        actor_id = user.id
    until = end_of(asked_day("until"))
    return AuditFilter(actor_id, via, asked("action") or None, asked_day("since"), until)
