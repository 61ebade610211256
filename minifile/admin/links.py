"""Links: find one, look at it, end it, take it down. Their bytes are nobody's here."""

from flask import Response, flash, render_template, url_for

from minifile.admin.asking import asked
from minifile.admin.blueprint import bp
from minifile.admin.forms import ActForm, TakedownForm
from minifile.services.link_search import PAGE, STANDINGS, inspect_link, search_links
from minifile.services.reports import REASONS, reports_of
from minifile.services.takedowns import Takedown, TakenDown, revoke_as_admin, take_down
from minifile.units import plural
from minifile.web.addresses import see_other
from minifile.web.current import current_actor, current_storage, utcnow
from minifile.web.forms import answer_form
from minifile.web.paging import asked_page, cut


@bp.get("/links")
def links() -> str:
    """List the links that fit what is asked for."""
    text, standing, page = asked("q"), asked("state"), asked_page()
    chosen = standing if standing in STANDINGS else None
    found, has_more = cut(search_links(text, chosen, page=page, now=utcnow()), PAGE)
    return render_template(
        "admin/links.html",
        links=found,
        q=text,
        state=chosen,
        standings=STANDINGS,
        page=page,
        has_more=has_more,
    )


@bp.get("/links/<row:link_id>")
def link(link_id: int) -> str:
    """Show what is known of a link."""
    return _page(link_id, TakedownForm(formdata=None))


@bp.post("/links/<row:link_id>/revoke")
def revoke(link_id: int) -> Response:
    """End the link for good."""

    def act() -> Response:
        revoke_as_admin(link_id, actor=current_actor(), now=utcnow())
        flash("The link is revoked.", "good")
        return see_other(url_for("admin.link", link_id=link_id))

    return answer_form(ActForm(), act, lambda: _page(link_id, TakedownForm(formdata=None)))


@bp.post("/links/<row:link_id>/takedown")
def takedown(link_id: int) -> Response:
    """Take the link down, and do what else was ticked."""
    form = TakedownForm()

    def act() -> Response:
        wanted = Takedown(
            form.reason.data or "",
            deletes_bytes=form.deletes_bytes.data,
            blocks_digests=form.blocks_digests.data,
            takes_holders=form.takes_holders.data,
        )
        done = take_down(
            link_id, wanted, actor=current_actor(), storage=current_storage(), now=utcnow()
        )
        flash(in_words(done), "good")
        return see_other(url_for("admin.link", link_id=link_id))

    return answer_form(form, act, lambda: _page(link_id, form))


def in_words(done: TakenDown) -> str:
    """Say what a takedown did."""
    parts = [f"{plural(done.links, 'link')} taken down"]
    if done.digests:
        parts.append(f"{plural(done.digests, 'digest')} blocked")
    if done.blobs:
        parts.append(f"the bytes of {plural(done.blobs, 'file')} deleted")
    return f"{', '.join(parts)}."


def _page(link_id: int, form: TakedownForm) -> str:
    found = inspect_link(link_id, now=utcnow())
    return render_template(
        "admin/link.html",
        link=found,
        summary=found.summary,
        reports=reports_of(link_id),
        reasons=REASONS,
        form=form,
    )
