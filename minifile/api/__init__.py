"""The JSON API below /api/v1: what a script does for a user, with an API token."""

from minifile.api.routes import bp

__all__ = ["bp"]
