"""The sender looks after a link."""

from minifile.links.routes import bp

__all__ = ["bp"]
