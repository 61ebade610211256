"""The sender's page and its three forms: edit, rename, revoke."""

from collections.abc import Callable
from itertools import chain

from flask import Response, flash, get_flashed_messages, make_response, render_template, url_for
from flask_wtf import FlaskForm

from minifile.errors import BadOption, BadRequest, NotFound
from minifile.links.forms import EditLinkForm, RenameFileForm, RevokeForm
from minifile.services.links import LinkChanges, change_link, rename_file, revoke_link
from minifile.services.progress import read_progress
from minifile.services.uploads import parse_lifetime
from minifile.values import LinkRecord
from minifile.web.addresses import private_address, see_other, short_link
from minifile.web.current import current_limits, current_settings, utcnow
from minifile.web.lifetimes import lifetime_choices
from minifile.web.qr import qr_markup


class _Forms:
    """The page's forms. An owner token that came with the request stands in for their CSRF."""

    def __init__(self, link: LinkRecord, owner_token: str | None) -> None:
        meta = {"csrf": owner_token is None}
        self.edit = EditLinkForm(obj=link, meta=meta)
        self.edit.expires_in.choices = [
            ("", "as it is now"),
            *lifetime_choices(current_settings()),
        ]
        self.rename = RenameFileForm(meta=meta)
        self.revoke = RevokeForm(meta=meta)


def render(link: LinkRecord, owner_token: str | None) -> Response:
    """Show the page; with `owner_token`, to a browser that keeps no cookie."""
    return _page(link, owner_token, _Forms(link, owner_token))


def carry_out(link: LinkRecord, owner_token: str | None) -> Response:
    """Do what the sent form says; show the page again where it can't be done."""
    forms = _Forms(link, owner_token)
    actions: list[tuple[FlaskForm, Callable[[], Response]]] = [
        (forms.edit, lambda: _edit(link, forms.edit, owner_token)),
        (forms.rename, lambda: _rename(link, forms.rename, owner_token)),
        (forms.revoke, lambda: _revoke(link)),
    ]
    for form, act in actions:
        if form.is_submitted():
            return _validated(link, owner_token, forms, form, act)
    raise BadRequest("The form does not say what to do with the link.")


def _validated(
    link: LinkRecord,
    owner_token: str | None,
    forms: _Forms,
    form: FlaskForm,
    act: Callable[[], Response],
) -> Response:
    if form.validate():
        try:
            return act()
        except (BadOption, NotFound) as error:
            form.form_errors.append(str(error))
    elif "csrf_token" in form.errors:
        form.form_errors.append("The form was too old and has been renewed. Send it again.")
    reasons = [*form.form_errors, *chain(*form.errors.values())]
    response = _page(link, owner_token, forms, not_saved=" ".join(dict.fromkeys(map(str, reasons))))
    response.status_code = 422
    return response


def _edit(link: LinkRecord, form: EditLinkForm, owner_token: str | None) -> Response:
    lifetime = form.custom_expires_in.data or form.expires_in.data
    changes = LinkChanges(
        max_downloads=form.chosen_max_downloads,
        note=form.note.data or None,
        lifetime=parse_lifetime(lifetime) if lifetime else None,
        password=form.password.data or None,
        remove_password=form.remove_password.data,
    )
    change_link(link, changes, limits=current_limits(), now=utcnow())
    return _done("Saved.", link, owner_token)


def _rename(link: LinkRecord, form: RenameFileForm, owner_token: str | None) -> Response:
    file_id = form.file_id.data or ""
    if not (file_id.isascii() and file_id.isdigit() and len(file_id) < 19):
        raise NotFound("This link has no such file.")
    rename_file(link, int(file_id), form.filename.data or "", now=utcnow())
    return _done("Renamed.", link, owner_token)


def _revoke(link: LinkRecord) -> Response:
    revoke_link(link, now=utcnow())
    flash("The link is revoked. Nobody can open it any more.", "good")
    return see_other(url_for("upload.new"))


def _done(message: str, link: LinkRecord, owner_token: str | None) -> Response:
    flash(message, "good")
    return see_other(_address(link, owner_token))


def _address(link: LinkRecord, owner_token: str | None) -> str:
    """Return where this page is for this browser."""
    if owner_token is not None:
        return url_for("links.enter", code=link.code, owner_token=owner_token)
    return url_for("links.show", code=link.code)


def _page(
    link: LinkRecord, owner_token: str | None, forms: _Forms, *, not_saved: str | None = None
) -> Response:
    # Shown once, to the browser that has just uploaded: it is kept nowhere but with the sender.
    told = get_flashed_messages(category_filter=["private-address"])
    if owner_token is not None:
        told = [private_address(link, owner_token)]
    return make_response(
        render_template(
            "links/show.html",
            link=link,
            files=link.files,
            short_link=short_link(link),
            qr=qr_markup(short_link(link)),
            private_address=told[-1] if told else None,
            page_address=_address(link, owner_token),
            progress=read_progress(link, now=utcnow()),
            form_action=url_for("links.change", code=link.code),
            owner_token=owner_token,
            not_saved=not_saved,
            edit_form=forms.edit,
            rename_form=forms.rename,
            revoke_form=forms.revoke,
        )
    )
