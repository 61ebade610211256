"""Sessions: who is signed in where; end one, or all of a user."""

from flask import Response, flash, render_template, url_for

from minifile.admin.blueprint import bp
from minifile.admin.forms import SessionForm
from minifile.services.session_list import PAGE, list_all_sessions
from minifile.services.user_sessions import end_session, end_sessions
from minifile.units import plural
from minifile.web.addresses import see_other
from minifile.web.current import current_actor, current_session_times, require_admin, utcnow
from minifile.web.forms import answer_form
from minifile.web.ids import read_id
from minifile.web.paging import asked_page, cut


@bp.get("/sessions")
def sessions() -> str:
    """List the sessions of all users."""
    page = asked_page()
    found = list_all_sessions(times=current_session_times(), page=page, now=utcnow())
    shown, has_more = cut(found, PAGE)
    return render_template(
        "admin/sessions.html",
        sessions=shown,
        page=page,
        has_more=has_more,
        this_id=require_admin().session_id,
    )


@bp.post("/sessions/end")
def end() -> Response:
    """End one session."""
    form = SessionForm()

    def act() -> Response:
        user_id, session_id = read_id(form.user_id.data), read_id(form.session_id.data)
        end_session(user_id, session_id, actor=current_actor(), now=utcnow())
        flash("The session has ended.", "good")
        return see_other(url_for("admin.sessions"))

    return answer_form(form, act, sessions)


@bp.post("/sessions/end-all")
def end_all() -> Response:
    """End all sessions of a user; `session_id` says which row was pressed."""
    form = SessionForm()

    def act() -> Response:
        user_id = read_id(form.user_id.data)
        count = end_sessions(user_id, actor=current_actor(), now=utcnow())
        flash(f"{plural(count, 'session')} ended.", "good")
        return see_other(url_for("admin.sessions"))

    return answer_form(form, act, sessions)
