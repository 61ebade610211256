"""The recipient fetches what a link holds."""

from minifile.download.routes import bp

__all__ = ["bp"]
