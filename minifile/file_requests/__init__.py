"""An owner asks others for files, and strangers hand them in."""

from minifile.file_requests.owner import bp
from minifile.file_requests.submit import bp as submit_bp

__all__ = ["bp", "submit_bp"]
