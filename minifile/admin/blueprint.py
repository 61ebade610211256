"""The one blueprint of the admin pages, and who may know that they are there."""

from flask import Blueprint, Flask, request

from minifile.extensions import DATABASE_UNAVAILABLE
from minifile.services.reports import count_open_reports
from minifile.web.current import require_admin

bp = Blueprint("admin", __name__, url_prefix="/admin")


def hide(app: Flask) -> None:
    """Answer everybody but admins as an unknown address does, whatever the method.

    Before the forms are checked: what is wrong with one would tell that it is there.
    """
    app.before_request(_hide)


def _hide() -> None:
    if request.blueprint == bp.name or request.path.startswith("/admin/"):
        require_admin()


@bp.app_context_processor
def name_open_reports() -> dict[str, object]:
    """Let the head of each page say to admins how many reports wait."""
    return {"open_reports": _open_reports}


def _open_reports() -> int:
    """Return how many reports wait; 0 also where that can't be found out, as on an error page."""
    try:
        return count_open_reports()
    except DATABASE_UNAVAILABLE:
        return 0
