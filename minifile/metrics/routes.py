"""GET /metrics, for who brings the token; for everybody else nothing is there."""

from flask import Blueprint, Response, request

from minifile.errors import LinkNotFound
from minifile.metrics.access import may_read
from minifile.metrics.exposition import CONTENT_TYPE, exposition_of
from minifile.web.current import current_application, current_settings

bp = Blueprint("metrics", __name__)


@bp.get("/metrics")
def metrics() -> Response:
    """Answer with all numbers; without METRICS_TOKEN they are on METRICS_BIND only, if at all."""
    token = current_settings().metrics_token
    if not token or not may_read(token, request.headers.get("Authorization")):
        raise LinkNotFound
    return Response(exposition_of(current_application()).text(), content_type=CONTENT_TYPE)
