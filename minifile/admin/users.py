"""Users: list them, invite one, look at one."""

from flask import Response, flash, make_response, render_template, url_for

from minifile.admin.asking import asked
from minifile.admin.blueprint import bp
from minifile.admin.forms import ActForm, DeleteUserForm, InviteForm, LimitsForm, RoleForm
from minifile.admin.limits import limit_texts
from minifile.identity import UserRole
from minifile.services.invitations import LIFETIME, invite, list_invitations, withdraw_invitation
from minifile.services.overview import bytes_of_users
from minifile.services.user_sessions import list_sessions
from minifile.services.users import UserRecord, get_user, list_users
from minifile.units import duration_in_words
from minifile.web.addresses import see_other
from minifile.web.current import (
    current_actor,
    current_session_times,
    current_settings,
    public_url,
    require_admin,
    utcnow,
)
from minifile.web.forms import answer_form
from minifile.web.letters import mail_invitation
from minifile.web.paging import asked_page, cut

PAGE = 50


@bp.get("/users")
def users() -> str:
    """List users, with what they use."""
    return _list(InviteForm(formdata=None))


@bp.post("/users")
def invite_user() -> Response:
    """Make an invitation; its address is shown this once, and mailed if mail is set up."""
    form = InviteForm()

    def act() -> Response:
        email = (form.email.data or "").strip() or None
        role = UserRole(form.role.data)
        token, _ = invite(email=email, role=role, actor=current_actor(), now=utcnow())
        path = url_for("accounts.invitation", token=token)
        is_mailed = email is not None and mail_invitation(email, path, LIFETIME)
        made = {"address": public_url() + path, "email": email if is_mailed else None}
        return make_response(_list(InviteForm(formdata=None), made), 201)

    return answer_form(form, act, lambda: _list(form))


@bp.post("/invitations/<row:invitation_id>/withdraw")
def withdraw(invitation_id: int) -> Response:
    """Make an invitation that nobody has accepted worthless."""

    def act() -> Response:
        withdraw_invitation(invitation_id, actor=current_actor(), now=utcnow())
        flash("The invitation is withdrawn.", "good")
        return see_other(url_for("admin.users"))

    return answer_form(ActForm(), act, lambda: _list(InviteForm(formdata=None)))


@bp.get("/users/<row:user_id>")
def user(user_id: int) -> str:
    """Show a user, and what can be done."""
    return user_page(get_user(user_id))


def user_page(
    found: UserRecord,
    *,
    role_form: RoleForm | None = None,
    limits_form: LimitsForm | None = None,
    delete_form: DeleteUserForm | None = None,
    reset_address: str | None = None,
    not_done: str | None = None,
) -> str:
    """Return the page of a user; a form that was refused is shown as it was sent."""
    links, size_bytes = bytes_of_users([found.id]).get(found.id, (0, 0))
    return render_template(
        "admin/user.html",
        user=found,
        links=links,
        size_bytes=size_bytes,
        sessions=list_sessions(found.id, times=current_session_times(), now=utcnow()),
        role_form=role_form or RoleForm(formdata=None, role=found.role),
        limits_form=limits_form or LimitsForm(formdata=None, data=limit_texts(found.limits)),
        defaults=limit_texts(current_settings().allowances[found.role]),
        delete_form=delete_form or DeleteUserForm(formdata=None),
        reset_address=reset_address,
        not_done=not_done,
        is_me=require_admin().id == found.id,
    )


def _list(form: InviteForm, made: dict[str, str | None] | None = None) -> str:
    text, page = asked("q"), asked_page()
    found, has_more = cut(list_users(text, limit=PAGE + 1, offset=(page - 1) * PAGE), PAGE)
    return render_template(
        "admin/users.html",
        users=found,
        usage=bytes_of_users([each.id for each in found]),
        invitations=list_invitations(now=utcnow()),
        invitation_lifetime=duration_in_words(LIFETIME),
        form=form,
        made=made,
        q=text,
        page=page,
        has_more=has_more,
    )
