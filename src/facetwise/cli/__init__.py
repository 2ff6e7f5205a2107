"""The commands. This is the only room that prints; every heavy import waits inside the command that needs it."""

from facetwise.cli._app import app, run

__all__ = ["app", "run"]
