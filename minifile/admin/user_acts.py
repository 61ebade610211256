"""What an admin does to a user: role, limits, disable, reset, delete."""

from collections.abc import Callable

from flask import Response, flash, make_response, url_for

from minifile.admin.blueprint import bp
from minifile.admin.forms import ActForm, DeleteUserForm, LimitsForm, RoleForm
from minifile.admin.limits import read_limits
from minifile.admin.users import user_page
from minifile.errors import BadOption
from minifile.identity import Allowance, UserRole
from minifile.services.leaving import LinksFate, delete_user
from minifile.services.overview import bytes_of_users
from minifile.services.password_resets import HANDED_LIFETIME, make_reset
from minifile.services.users import (
    UserRecord,
    change_limits,
    change_role,
    disable_user,
    enable_user,
    find_user,
    get_user,
)
from minifile.units import plural, size_in_words
from minifile.web.addresses import see_other
from minifile.web.current import current_actor, current_storage, public_url, utcnow
from minifile.web.forms import answer_form

_LIMITS = tuple(Allowance.__dataclass_fields__)


@bp.post("/users/<row:user_id>/role")
def set_role(user_id: int) -> Response:
    """Make a user an admin, or an admin a user."""
    user, form = get_user(user_id), RoleForm()

    def act() -> Response:
        change_role(user_id, UserRole(form.role.data), actor=current_actor(), now=utcnow())
        return _done(user_id, f"{user.name} is now {form.role.data}.")

    return answer_form(form, act, lambda: user_page(user, role_form=form))


@bp.post("/users/<row:user_id>/limits")
def set_limits(user_id: int) -> Response:
    """Set what this user may have, also below what they have."""
    user, form = get_user(user_id), LimitsForm()

    def act() -> Response:
        limits = read_limits({name: form[name].data or "" for name in _LIMITS})
        change_limits(user_id, limits, actor=current_actor(), now=utcnow())
        return _done(user_id, f"Saved.{_on_usage(user, limits)}")

    return answer_form(form, act, lambda: user_page(user, limits_form=form))


def _on_usage(user: UserRecord, limits: Allowance) -> str:
    """Say so where a user has more by now than they may."""
    links, size_bytes = bytes_of_users([user.id]).get(user.id, (0, 0))
    has_too_much = limits.quota is not None and 0 <= limits.quota < size_bytes
    has_too_many = limits.max_links is not None and 0 <= limits.max_links < links
    if not has_too_much and not has_too_many:
        return ""
    has = f"{user.name} has {size_in_words(size_bytes)} in {plural(links, 'link')}"
    return f" {has}, which is more. Nothing is deleted, but uploads wait until there is room."


@bp.post("/users/<row:user_id>/disable")
def disable(user_id: int) -> Response:
    """Let a user sign in no more."""
    user = get_user(user_id)

    def act() -> str:
        disable_user(user_id, actor=current_actor(), now=utcnow())
        return f"{user.name} can't sign in any more."

    return _press(user, act)


@bp.post("/users/<row:user_id>/enable")
def enable(user_id: int) -> Response:
    """Let a disabled user sign in again."""
    user = get_user(user_id)

    def act() -> str:
        enable_user(user_id, actor=current_actor(), now=utcnow())
        return f"{user.name} can sign in again."

    return _press(user, act)


@bp.post("/users/<row:user_id>/reset")
def reset(user_id: int) -> Response:
    """Make an address at which the user chooses a new password; it is shown this once."""
    user, form = get_user(user_id), ActForm()

    def act() -> Response:
        token = make_reset(user_id, lifetime=HANDED_LIFETIME, actor=current_actor(), now=utcnow())
        address = public_url() + url_for("accounts.reset", token=token)
        return make_response(user_page(user, reset_address=address), 201)

    return answer_form(form, act, lambda: user_page(user, not_done=_why(form)))


@bp.post("/users/<row:user_id>/delete")
def delete(user_id: int) -> Response:
    """Delete a user; their links are deleted, stay, or are given to somebody."""
    user, form = get_user(user_id), DeleteUserForm()

    def act() -> Response:
        if (form.name.data or "").strip() != user.name:
            raise BadOption(f"That is not the name of the user, {user.name}. Nothing was deleted.")
        fate = LinksFate(form.fate.data)
        gone = delete_user(
            user_id,
            fate,
            heir_id=_heir(form.heir.data or "") if fate is LinksFate.GIVE else None,
            actor=current_actor(),
            storage=current_storage(),
            now=utcnow(),
        )
        deleted, kept = plural(gone.links_deleted, "link"), plural(gone.links_kept, "link")
        flash(f"{user.name} is deleted: {deleted} deleted, {kept} kept.", "good")
        return see_other(url_for("admin.users"))

    return answer_form(form, act, lambda: user_page(user, delete_form=form))


def _heir(name: str) -> int:
    heir = find_user(name)
    if heir is None:
        raise BadOption("There is no user of that name who could get the links.")
    return heir.id


def _press(user: UserRecord, act: Callable[[], str]) -> Response:
    form = ActForm()
    return answer_form(
        form, lambda: _done(user.id, act()), lambda: user_page(user, not_done=_why(form))
    )


def _why(form: ActForm) -> str:
    return " ".join(map(str, form.form_errors)) or "The form was too old. Send it again."


def _done(user_id: int, sentence: str) -> Response:
    flash(sentence, "good")
    return see_other(url_for("admin.user", user_id=user_id))
