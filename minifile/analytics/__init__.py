"""Pages and exports of numbers: of a link, of a user's links, of the instance."""

from minifile.analytics.routes import bp

__all__ = ["bp"]
