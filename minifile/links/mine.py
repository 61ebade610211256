"""My links: the list, what is looked for in it, and what is done to those that are ticked."""

from typing import Any

from flask import flash, render_template, request, url_for

from minifile.errors import BadOption, BadRequest
from minifile.services.many_links import extend_links, revoke_links
from minifile.services.owned_links import (
    PAGE,
    SORTS,
    STANDINGS,
    Wanted,
    add_up_owned_links,
    list_owned_links,
)
from minifile.services.uploads import parse_lifetime
from minifile.units import plural
from minifile.web.current import (
    current_limits,
    current_rates,
    current_settings,
    current_visitor,
    limits_for,
    utcnow,
)
from minifile.web.lifetimes import lifetime_choices
from minifile.web.paging import asked_page, cut

_SORTED_BY = {
    "newest": "newest first",
    "oldest": "oldest first",
    "expiry": "next to expire",
    "size": "largest first",
    "downloads": "most downloads",
    "name": "by name",
}


def read_wanted() -> Wanted:
    """Return what an address asks for; what makes no sense is left out."""
    args = request.args
    standing, sort = args.get("state", ""), args.get("sort", "")
    return Wanted(
        search=args.get("q", ""),
        standing=standing if standing in STANDINGS else "",
        sort=sort if sort in SORTS else SORTS[0],
        page=asked_page(),
    )


def render_list(error: str | None = None) -> str:
    """Show a page of the links of who asks."""
    visitor, now = current_visitor(), utcnow()
    wanted = read_wanted()
    links, has_more = cut(list_owned_links(visitor, wanted, now=now), PAGE)
    asked = {"q": wanted.search, "state": wanted.standing, "sort": wanted.sort}
    kept = {name: value for name, value in asked.items() if value and value != SORTS[0]}
    return render_template(
        "links/mine.html",
        links=links,
        totals=add_up_owned_links(visitor, now=now),
        wanted=wanted,
        standings=list(STANDINGS),
        sorts=_SORTED_BY,
        choices=lifetime_choices(current_settings(), current_limits()),
        asked=kept,
        has_more=has_more,
        error=error,
        is_signed_in=visitor.account is not None,
    )


def act_on_ticked() -> str:
    """Revoke or extend the ticked links; return where to go then. Raises BadRequest, BadOption."""
    act = _ACTS.get(request.form.get("action", ""))
    if act is None:
        raise BadRequest("The form does not say what to do with the links.")
    codes = request.form.getlist("code")
    if not codes:
        raise BadOption("Tick the links first.")
    flash(act(codes), "good")
    asked: dict[str, Any] = request.args.to_dict()
    return url_for("links.mine", **asked)


def _revoke(codes: list[str]) -> str:
    count = revoke_links(
        codes, current_visitor(), rates=current_rates(), now=utcnow(),
        undo_within=current_settings().revoke_grace,
    )  # fmt: skip
    return f"{plural(count, 'link')} revoked."


def _extend(codes: list[str]) -> str:
    lifetime = parse_lifetime(request.form.get("expires_in", ""))
    count = extend_links(
        codes, current_visitor(), lifetime,
        rates=current_rates(), limits_for=limits_for, now=utcnow(),
    )  # fmt: skip
    return f"{plural(count, 'link')} kept longer."


_ACTS = {"revoke": _revoke, "extend": _extend}
