"""The production server: gunicorn, with the settings that fit this program."""
