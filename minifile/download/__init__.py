"""A recipient opens the short link and fetches the bytes, or tells the admin about it."""

from minifile.download import reporting
from minifile.download.routes import bp

__all__ = ["bp", "reporting"]
