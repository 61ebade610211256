"""How addresses are read: codes, and what the access log may say of one."""

from flask import Flask, g, request
from flask import Response as FlaskResponse
from werkzeug.routing import BaseConverter, IntegerConverter, Map


class CodeConverter(BaseConverter):
    """A code: ours, or one that a sender chose; never `tus`, below which uploads are resumed."""

    regex = "(?!tus(?![A-Za-z0-9_-]))[A-Za-z0-9_-]{3,64}"
    part_isolating = True


class RowConverter(IntegerConverter):
    """The id of a row, as far as a database can count."""

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, max=2**63 - 1)


def register(app: Flask) -> None:
    """Set up the application's routing; before its blueprints."""
    app.url_map.converters["code"] = CodeConverter
    app.url_map.converters["row"] = RowConverter
    # A filename may hold `//`-like parts in its escapes; a redirect would change its name.
    app.url_map.merge_slashes = False

    @app.after_request
    def note_route(response: FlaskResponse) -> FlaskResponse:
        """Leave what the access log may say: the rule and the link's id, never the code."""
        request.environ["minifile.route"] = str(request.url_rule or "-")
        request.environ["minifile.link_id"] = str(g.get("link_id", "-"))
        return response
