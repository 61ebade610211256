"""The routes of /api/v1: a token, one service call, JSON."""

from dataclasses import replace
from datetime import timedelta

from flask import Blueprint, Response, g, request
from pydantic import BaseModel

from minifile.api import answers
from minifile.api.openapi import describe
from minifile.api.requests import read_body, read_page, token_account
from minifile.api.schemas import LimitsPatch, LinkPatch, UserPatch
from minifile.errors import BadOption
from minifile.extensions import exempt_from_csrf
from minifile.identity import Allowance, Scope, UserRole
from minifile.services.links import LinkChanges, change_link, find_managed_link, revoke_link
from minifile.services.owned_links import PAGE, SORTS, STANDINGS, Wanted, list_owned_links
from minifile.services.uploads import parse_lifetime
from minifile.services.users import change_user, get_user, list_users
from minifile.values import LinkRecord
from minifile.web.current import (
    current_actor,
    current_rates,
    current_visitor,
    limits_for,
    utcnow,
)

bp = Blueprint("api", __name__, url_prefix="/api/v1")


@bp.get("/openapi.json")
def openapi() -> Response:
    """Describe the API (OpenAPI 3.1)."""
    return answers.raw(describe())


@bp.get("/me")
def me() -> Response:
    """Say who the token acts for, what they may have and what they use."""
    account = token_account(Scope.READ)
    return _json(answers.me(account, limits_for(account.id), now=utcnow()))


@bp.get("/links")
def links() -> Response:
    """List the user's links."""
    token_account(Scope.READ)
    wanted = Wanted(
        search=request.args.get("q", ""),
        standing=_one_of("state", ("", *STANDINGS)),
        sort=_one_of("sort", SORTS),
        page=read_page(),
    )
    found = list_owned_links(current_visitor(), wanted, now=utcnow())
    return _json(answers.link_list(found[:PAGE], wanted.page, has_more=len(found) > PAGE))


@bp.get("/links/<code:code>")
def link(code: str) -> Response:
    """Tell all of one link."""
    token_account(Scope.READ)
    return _json(answers.link(_found(code, Scope.READ), now=utcnow()))


@bp.patch("/links/<code:code>")
@exempt_from_csrf  # The API token is the proof; a cookie is none here.
def change(code: str) -> Response:
    """Change what the body names of a link."""
    token_account(Scope.MANAGE)
    old, patch, now = _found(code, Scope.MANAGE), read_body(LinkPatch), utcnow()
    named = patch.model_fields_set
    changes = LinkChanges(
        max_downloads=patch.max_downloads if "max_downloads" in named else old.max_downloads,
        note=patch.note if "note" in named else old.note,
        lifetime=None if patch.expires_in is None else parse_lifetime(patch.expires_in),
        password=patch.password,
        remove_password="password" in named and patch.password is None,
    )
    change_link(old, changes, limits=limits_for(old.owner_id), now=now)
    return _json(answers.link(_found(code, Scope.MANAGE), now=now))


@bp.delete("/links/<code:code>")
@exempt_from_csrf  # The API token is the proof; a cookie is none here.
def revoke(code: str) -> Response:
    """Revoke a link for good."""
    token_account(Scope.MANAGE)
    revoke_link(_found(code, Scope.MANAGE), now=utcnow())
    return Response(status=204)


@bp.get("/users")
def users() -> Response:
    """List users by name."""
    token_account(Scope.ADMIN)
    page = read_page()
    found = list_users(request.args.get("q", ""), limit=PAGE + 1, offset=(page - 1) * PAGE)
    return _json(answers.user_list(found[:PAGE], page, has_more=len(found) > PAGE, now=utcnow()))


@bp.get("/users/<row:user_id>")
def user(user_id: int) -> Response:
    """Tell all of one user."""
    token_account(Scope.ADMIN)
    return _json(answers.user(get_user(user_id), now=utcnow()))


@bp.patch("/users/<row:user_id>")
@exempt_from_csrf  # The API token is the proof; a cookie is none here.
def update_user(user_id: int) -> Response:
    """Change what the body names of a user."""
    token_account(Scope.ADMIN)
    patch, actor, now = read_body(UserPatch), current_actor(), utcnow()
    change_user(
        user_id,
        role=None if patch.role is None else UserRole(patch.role),
        is_disabled=patch.disabled,
        limits=None if patch.limits is None else _allowance(user_id, patch.limits),
        actor=actor,
        now=now,
    )
    return _json(answers.user(get_user(user_id), now=now))


def _allowance(user_id: int, patch: LimitsPatch) -> Allowance:
    """Return the user's own limits with what the body names of them."""
    named = patch.model_dump(exclude_unset=True)
    if "max_lifetime_seconds" in named:
        seconds = named.pop("max_lifetime_seconds")
        named["max_lifetime"] = None if seconds is None else timedelta(seconds=seconds)
    return replace(get_user(user_id).limits, **named)


def _found(code: str, scope: Scope) -> LinkRecord:
    """Return the user's own link; anybody else's is unknown."""
    found = find_managed_link(
        code, current_visitor(), rates=current_rates(), now=utcnow(), undoable=scope is Scope.READ,
        scope=scope,
    )  # fmt: skip
    g.link_id = found.id
    return found


def _one_of(name: str, choices: tuple[str, ...]) -> str:
    value = request.args.get(name, choices[0])
    if value not in choices:
        raise BadOption(f"{name} must be one of: {', '.join(filter(None, choices))}.")
    return value


def _json(answer: BaseModel) -> Response:
    return Response(answer.model_dump_json(), content_type="application/json")
