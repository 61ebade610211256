"""The sender's page and its forms: edit, rename and remove a file, revoke, undo."""

from collections.abc import Callable
from itertools import chain

from flask import Response, flash, get_flashed_messages, make_response, render_template, url_for
from flask_wtf import FlaskForm

from minifile.errors import BadOption, BadRequest, MinifileError, NotFound
from minifile.links.forms import (
    EditLinkForm,
    RemoveFileForm,
    RenameFileForm,
    RevokeForm,
    UndoForm,
)
from minifile.links.notifying import notifying_of
from minifile.links.sharing import SharingForms, may_share
from minifile.services.link_files import remove_file
from minifile.services.links import (
    LinkChanges,
    change_link,
    rename_file,
    revoke_link,
    undo_revoke,
)
from minifile.services.progress import read_progress
from minifile.services.shared_with import read_sharing
from minifile.services.uploads import parse_lifetime
from minifile.values import LinkRecord, LinkState
from minifile.web.addresses import private_address, see_other, short_address, short_link
from minifile.web.current import current_settings, current_storage, limits_for, utcnow
from minifile.web.error_pages import say_when_to_retry, status_of
from minifile.web.letters import sends_mail
from minifile.web.lifetimes import lifetime_choices
from minifile.web.qr import qr_markup


class _Forms:
    """The page's forms. An owner token that came with the request stands in for their CSRF."""

    def __init__(self, link: LinkRecord, owner_token: str | None) -> None:
        meta = {"csrf": owner_token is None}
        self.edit = EditLinkForm(obj=link, meta=meta)
        self.edit.expires_in.choices = [
            ("", "as it is now"),
            *lifetime_choices(current_settings(), limits_for(link.owner_id)),
        ]
        self.rename = RenameFileForm(meta=meta)
        self.remove = RemoveFileForm(meta=meta)
        self.revoke = RevokeForm(meta=meta)
        self.undo = UndoForm(meta=meta)
        self.sharing = SharingForms(meta)


def render(link: LinkRecord, owner_token: str | None) -> Response:
    """Show the page; with `owner_token`, to a browser that keeps no cookie."""
    return _page(link, owner_token, _Forms(link, owner_token))


def render_not_added(link: LinkRecord, owner_token: str | None, error: MinifileError) -> Response:
    """Show the page after files were refused, with the reason where they were chosen."""
    forms = _Forms(link, owner_token)
    response = _page(link, owner_token, forms, not_added=str(error))
    response.status_code = status_of(error)[0]
    say_when_to_retry(response, error)
    return response


def carry_out(link: LinkRecord, owner_token: str | None) -> Response:
    """Do what the sent form says; show the page again where it can't be done."""
    forms = _Forms(link, owner_token)
    actions: list[tuple[FlaskForm, Callable[[], Response]]] = [
        (forms.edit, lambda: _edit(link, forms.edit, owner_token)),
        (forms.rename, lambda: _rename(link, forms.rename, owner_token)),
        (forms.remove, lambda: _remove(link, forms.remove, owner_token)),
        (forms.revoke, lambda: _revoke(link, owner_token)),
        (forms.undo, lambda: _undo(link, owner_token)),
        *((form, _saying(act, link, owner_token)) for form, act in forms.sharing.actions(link)),
    ]
    for form, act in actions:
        if form.is_submitted():
            return _validated(link, owner_token, forms, form, act)
    raise BadRequest("The form does not say what to do with the link.")


def _saying(
    act: Callable[[], str], link: LinkRecord, owner_token: str | None
) -> Callable[[], Response]:
    return lambda: done(act(), link, owner_token)


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
    change_link(link, changes, limits=limits_for(link.owner_id), now=utcnow())
    return done("Saved.", link, owner_token)


def _rename(link: LinkRecord, form: RenameFileForm, owner_token: str | None) -> Response:
    rename_file(link, form.chosen_file, form.filename.data or "", now=utcnow())
    return done("Renamed.", link, owner_token)


def _remove(link: LinkRecord, form: RemoveFileForm, owner_token: str | None) -> Response:
    remove_file(link, form.chosen_file, storage=current_storage(), now=utcnow())
    return done("Removed.", link, owner_token)


def _revoke(link: LinkRecord, owner_token: str | None) -> Response:
    grace = current_settings().revoke_grace
    if revoke_link(link, now=utcnow(), undo_within=grace) is not None:
        # The page itself says that it is revoked.
        return see_other(_address(link, owner_token))
    flash("The link is revoked. Nobody can open it any more.", "good")
    return see_other(url_for("upload.new"))


def _undo(link: LinkRecord, owner_token: str | None) -> Response:
    undo_revoke(link, limits=limits_for(link.owner_id), now=utcnow())
    return done("The link works again.", link, owner_token)


def done(message: str, link: LinkRecord, owner_token: str | None) -> Response:
    """Go back to the page, which then says so."""
    flash(message, "good")
    return see_other(_address(link, owner_token))


def _address(link: LinkRecord, owner_token: str | None) -> str:
    """Return where this page is for this browser."""
    if owner_token is not None:
        return url_for("links.enter", code=link.code, owner_token=owner_token)
    return url_for("links.show", code=link.code)


def _add_address(link: LinkRecord, owner_token: str | None) -> str:
    """Return where files are sent to; the owner token stands in it, as the form is not read."""
    if owner_token is not None:
        return url_for("links.add_with_token", code=link.code, owner_token=owner_token)
    return url_for("links.add", code=link.code)


def _page(
    link: LinkRecord,
    owner_token: str | None,
    forms: _Forms,
    *,
    not_saved: str | None = None,
    not_added: str | None = None,
) -> Response:
    # Shown once, to the browser that has just uploaded: it is kept nowhere but with the sender.
    told = get_flashed_messages(category_filter=["private-address"])
    if owner_token is not None:
        told = [private_address(link, owner_token)]
    return make_response(
        render_template(
            "links/revoked.html" if link.state == LinkState.REVOKED else "links/show.html",
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
            not_added=not_added,
            add_address=_add_address(link, owner_token),
            edit_form=forms.edit,
            rename_form=forms.rename,
            remove_form=forms.remove,
            revoke_form=forms.revoke,
            undo_form=forms.undo,
            sharing=read_sharing(link, now=utcnow()),
            sharing_forms=forms.sharing if may_share(link) else None,
            short_address=short_address,
            sends_mail=sends_mail(),
            notifying=notifying_of(link),
        )
    )
