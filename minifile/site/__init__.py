"""What machines ask of any site: is it alive, may robots come, whom to write to."""

from minifile.site.routes import bp

__all__ = ["bp"]
