"""The settings in force: read only, with their sources and without secrets."""

from flask import render_template

from minifile.admin.blueprint import bp
from minifile.config import settings_in_force
from minifile.web.current import current_settings


@bp.get("/settings")
def settings() -> str:
    """List every setting."""
    return render_template("admin/settings.html", shown=list(settings_in_force(current_settings())))
