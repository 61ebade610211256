"""A command that is imported when it is called."""

from importlib import import_module
from typing import Any

import click


class LateCommand(click.Command):
    """Stands in a group for the command (or group) at `where`, written `module:attribute`.

    The list of commands needs the name and `sentence` only, so it imports nothing.
    """

    def __init__(self, name: str, where: str, sentence: str) -> None:
        super().__init__(name, help=sentence)
        self._where = where

    def load(self) -> click.Command:
        """Import the command and return it."""
        module, _, attribute = self._where.partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Hand over to the command itself: the context is its own, and so is what click runs."""
        return self.load().make_context(info_name, args, parent, **extra)
