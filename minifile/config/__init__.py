"""Settings: what they are, and how they are read."""

from minifile.config.in_force import ShownSetting, settings_in_force
from minifile.config.loading import (
    PREFIX,
    Survey,
    default_instance_path,
    load_settings,
    migrations_path,
    survey_settings,
)
from minifile.config.settings import DEFAULT_THREADS, Settings

__all__ = [
    "DEFAULT_THREADS",
    "PREFIX",
    "Settings",
    "ShownSetting",
    "Survey",
    "default_instance_path",
    "load_settings",
    "migrations_path",
    "settings_in_force",
    "survey_settings",
]
