"""Blocked digests: files that are not accepted any more."""

from flask import Response, flash, render_template, request, url_for

from minifile.admin.blueprint import bp
from minifile.admin.forms import BlockForm, UnblockForm
from minifile.admin.links import in_words
from minifile.services.digests import PAGE, list_blocked, unblock_digest
from minifile.services.takedowns import Takedown, block
from minifile.web.addresses import see_other
from minifile.web.current import current_actor, current_storage, utcnow
from minifile.web.forms import answer_form
from minifile.web.paging import asked_page, cut


@bp.get("/digests")
def digests() -> str:
    """List the blocked digests, and offer to block one."""
    form = BlockForm(formdata=None)
    form.sha256.data = request.args.get("sha256", "")[:64]
    return _page(form)


@bp.post("/digests")
def block_digest() -> Response:
    """Refuse a file from now on."""
    form = BlockForm()

    def act() -> Response:
        wanted = Takedown(form.reason.data or "", takes_holders=form.takes_holders.data)
        actor, storage = current_actor(), current_storage()
        done = block(form.sha256.data or "", wanted, actor=actor, storage=storage, now=utcnow())
        flash(f"The file is not accepted any more. {in_words(done)}", "good")
        return see_other(url_for("admin.digests"))

    return answer_form(form, act, lambda: _page(form))


@bp.post("/digests/unblock")
def unblock() -> Response:
    """Accept a file again."""
    form = UnblockForm()

    def act() -> Response:
        unblock_digest(form.sha256.data or "", actor=current_actor(), now=utcnow())
        flash("The file is accepted again.", "good")
        return see_other(url_for("admin.digests"))

    return answer_form(form, act, lambda: _page(BlockForm(formdata=None)))


def _page(form: BlockForm) -> str:
    page = asked_page()
    found, has_more = cut(list_blocked(page=page), PAGE)
    return render_template(
        "admin/digests.html", digests=found, form=form, page=page, has_more=has_more
    )
