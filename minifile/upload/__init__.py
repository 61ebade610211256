"""The sender hands bytes in: the upload page, `curl -F` and `curl -T`, and resumable uploads."""

from minifile.upload.routes import bp
from minifile.upload.tus import bp as tus_bp

__all__ = ["bp", "tus_bp"]
