"""Signing in by name and password, and signing out."""

from flask import Response, make_response, render_template, request, url_for

from minifile.accounts.blueprint import bp
from minifile.accounts.forms import SignInForm, SignOutForm
from minifile.services.user_sessions import check_sign_in
from minifile.web.addresses import see_other
from minifile.web.current import current_account, current_rates, utcnow, visitor_network
from minifile.web.forms import answer_form
from minifile.web.own_paths import own_path
from minifile.web.signing_in import enter_as, leave_session


@bp.get("/login")
def login() -> Response:
    """Ask who it is; who is signed in already is sent on."""
    wanted = own_path(request.args.get("next"))
    if current_account() is not None:
        return see_other(wanted or url_for("upload.new"))
    return make_response(_page(SignInForm(next=wanted)))


@bp.post("/login")
def sign_in() -> Response:
    """Sign in, and go on to where somebody wanted to go."""
    form = SignInForm()

    def act() -> Response:
        user_id = check_sign_in(
            form.name.data or "",
            form.password.data or "",
            address=visitor_network(),
            rates=current_rates(),
            now=utcnow(),
        )
        enter_as(user_id)
        return see_other(own_path(form.next.data) or url_for("upload.new"))

    return answer_form(form, act, lambda: _page(form))


@bp.post("/logout")
def logout() -> Response:
    """End the session of this browser."""

    def act() -> Response:
        leave_session()
        return see_other(url_for("upload.new"))

    return answer_form(SignOutForm(), act, lambda: _page(SignInForm(formdata=None)))


def _page(form: SignInForm) -> str:
    return render_template("accounts/login.html", form=form)
