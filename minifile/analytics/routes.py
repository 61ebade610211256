"""The addresses of analytics. Whoever may see a link's numbers may see these."""

from flask import Blueprint, Response, g

from minifile.analytics.account_page import account_export, account_page
from minifile.analytics.instance_page import instance_export, instance_page
from minifile.analytics.link_page import link_export, link_page
from minifile.analytics.moments import name_instant
from minifile.identity import Scope
from minifile.services.links import find_managed_link
from minifile.values import LinkRecord, Visitor
from minifile.web.current import (
    current_rates,
    current_visitor,
    require_account,
    require_admin,
    utcnow,
)
from minifile.web.managing import with_token_alone

bp = Blueprint("analytics", __name__)


bp.add_app_template_filter(name_instant, "at_clock")


@bp.get("/links/<code:code>/analytics")
def link(code: str) -> Response:
    """Show the numbers of a link to who looks after it."""
    return link_page(_found(code, current_visitor()), None)


@bp.get("/links/<code:code>/analytics/<table>.<form>")
def export_link(code: str, table: str, form: str) -> Response:
    """Send a table of a link."""
    return link_export(_found(code, current_visitor()), table, form)


@bp.get("/links/<code:code>/<owner_token>/analytics")
def link_by_token(code: str, owner_token: str) -> Response:
    """Show the same to a browser without our cookie, by the owner token in the address."""
    return link_page(_found(code, with_token_alone(owner_token)), owner_token)


@bp.get("/links/<code:code>/<owner_token>/analytics/<table>.<form>")
def export_link_by_token(code: str, owner_token: str, table: str, form: str) -> Response:
    """Send a table of a link to whoever has its owner token."""
    return link_export(_found(code, with_token_alone(owner_token)), table, form)


@bp.get("/account/analytics")
def account() -> Response:
    """Show the numbers of all links of who is signed in."""
    return account_page(require_account(Scope.READ))


@bp.get("/account/analytics/<table>.<form>")
def export_account(table: str, form: str) -> Response:
    """Send a table of all links of who is signed in."""
    return account_export(require_account(Scope.READ), table, form)


@bp.get("/admin/analytics")
def instance() -> Response:
    """Show the numbers of the instance to an admin."""
    require_admin()
    return instance_page()


@bp.get("/admin/analytics/<table>.<form>")
def export_instance(table: str, form: str) -> Response:
    """Send a table of the instance to an admin."""
    require_admin()
    return instance_export(table, form)


def _found(code: str, visitor: Visitor) -> LinkRecord:
    found = find_managed_link(
        code, visitor, rates=current_rates(), now=utcnow(), undoable=True, scope=Scope.READ
    )
    g.link_id = found.id
    return found
