"""My links, and the sender's page of each: see the count, change the link, end it."""

from flask import Blueprint, Response, after_this_request, g, make_response, request, url_for

from minifile.errors import BadOption
from minifile.extensions import exempt_from_csrf
from minifile.identity import Scope
from minifile.links import adding, page
from minifile.links.mine import act_on_ticked, render_list
from minifile.links.notifying import choose, render_choices
from minifile.links.shared import shared_page
from minifile.links.state import state_as_json
from minifile.services.links import find_managed_link, revoke_link
from minifile.services.ownership import remember_owner
from minifile.values import LinkRecord, Visitor
from minifile.web.addresses import see_other
from minifile.web.bodies import end_unread_body
from minifile.web.current import (
    check_same_site,
    current_rates,
    current_visitor,
    ensure_browser,
    uploading_visitor,
    utcnow,
)
from minifile.web.error_pages import status_of
from minifile.web.managing import with_token_alone
from minifile.web.negotiate import answer_format

bp = Blueprint("links", __name__, url_prefix="/links")


@bp.get("/")
def mine() -> str:
    """List the links of who is signed in, and those that this browser has made."""
    return render_list()


@bp.post("/")
def act() -> Response:
    """Do something to the links that are ticked."""
    try:
        return see_other(act_on_ticked())
    except BadOption as error:
        return make_response(render_list(str(error)), status_of(error)[0])


@bp.get("/shared")
def shared() -> str:
    """List what others have shared with who is signed in."""
    return shared_page()


@bp.get("/<code:code>")
def show(code: str) -> Response:
    """Show the sender's page to the browser that owns the link; its numbers alone as JSON."""
    is_json = answer_format() == "json"
    link = _found(code, current_visitor(), undoable=not is_json, scope=Scope.READ)
    response = state_as_json(link) if is_json else page.render(link, None)
    response.vary.add("Accept")
    return response


@bp.post("/<code:code>")
@exempt_from_csrf  # The forms check their token themselves; an owner token stands in for it.
def change(code: str) -> Response:
    """Carry out the one form of the page that was sent."""
    owner_token = request.form.get("owner_token")
    if owner_token is None:
        check_same_site()
    link = _managed_link(code, owner_token, undoable=True)
    return page.carry_out(link, owner_token)


@bp.get("/<code:code>/notifications")
def notifications(code: str) -> Response:
    """Show what the owner is told of about this link."""
    return render_choices(_found(code, current_visitor()))


@bp.post("/<code:code>/notifications")
def notify_me(code: str) -> Response:
    """Keep what the owner wants to be told of about this link."""
    return choose(_found(code, current_visitor()))


@bp.get("/<code:code>/<owner_token>")
def enter(code: str, owner_token: str) -> Response:
    """Let this browser manage the link from now on; one without our cookie is shown it here.

    A program is told the numbers of the link, and not remembered.
    """
    is_json = answer_format() == "json"
    visitor = with_token_alone(owner_token)
    link = _found(code, visitor, undoable=not is_json, scope=Scope.READ)
    if is_json:
        return state_as_json(link)
    visitor = current_visitor()
    if visitor.account is not None and visitor.account.id == link.owner_id:
        return see_other(url_for("links.show", code=code))
    browser = visitor.browser
    if browser is None or link.owner_id is not None:
        # A user's link is not left to whoever uses the browser next.
        ensure_browser()
        return page.render(link, owner_token)
    remember_owner(link, browser, owner_token, now=utcnow())
    return see_other(url_for("links.show", code=code))


@bp.delete("/<code:code>/<owner_token>")
@exempt_from_csrf  # The owner token in the address is the proof.
def delete(code: str, owner_token: str) -> Response:
    """Revoke the link for good; the address is what an upload answered in X-Url-Delete."""
    link = _managed_link(code, owner_token, undoable=True)
    revoke_link(link, now=utcnow())
    if answer_format() == "text":
        return Response("The link is revoked.\n", content_type="text/plain; charset=utf-8")
    return Response(status=204)


@bp.post("/<code:code>/files")
@exempt_from_csrf  # Judged by headers: the body is not read before the link is known.
def add(code: str) -> Response:
    """Add files to the link; the browser that owns it says by its headers where it is."""
    after_this_request(end_unread_body)
    visitor = uploading_visitor()
    return adding.receive(_found(code, visitor), visitor, None)


@bp.post("/<code:code>/<owner_token>/files")
@exempt_from_csrf  # The owner token in the address is the proof.
def add_with_token(code: str, owner_token: str) -> Response:
    """Add files to the link, as a program or a browser without cookies."""
    after_this_request(end_unread_body)
    visitor = with_token_alone(owner_token)
    return adding.receive(_found(code, visitor), visitor, owner_token)


def _managed_link(code: str, owner_token: str | None, *, undoable: bool = False) -> LinkRecord:
    if owner_token is not None:
        return _found(code, with_token_alone(owner_token), undoable=undoable)
    return _found(code, current_visitor(), undoable=undoable)


def _found(
    code: str, visitor: Visitor, *, undoable: bool = False, scope: Scope = Scope.MANAGE
) -> LinkRecord:
    link = find_managed_link(
        code, visitor, rates=current_rates(), now=utcnow(), undoable=undoable, scope=scope
    )
    g.link_id = link.id
    return link
