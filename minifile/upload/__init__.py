"""The sender hands bytes in: the upload page, `curl -F` and `curl -T`."""

from minifile.upload.routes import bp

__all__ = ["bp"]
