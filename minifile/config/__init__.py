"""Settings: what they are, and how they are read."""

from minifile.config.loading import (
    PREFIX,
    default_instance_path,
    load_settings,
    migrations_path,
)
from minifile.config.settings import DEFAULT_THREADS, Settings

__all__ = [
    "DEFAULT_THREADS",
    "PREFIX",
    "Settings",
    "default_instance_path",
    "load_settings",
    "migrations_path",
]
