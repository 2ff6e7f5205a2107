"""A secret is named, never typed: what stands on a command line can be read by everybody on the machine."""

import os
from pathlib import Path
from typing import Annotated

import typer

from facetwise.errors import UserError

__all__ = ["TokenEnv", "TokenFile", "read_token"]

TokenFile = Annotated[
    Path | None, typer.Option("--token-file", metavar="FILE", help="Clients show the server what stands in it.")
]
TokenEnv = Annotated[
    str | None, typer.Option("--token-env", metavar="NAME", help="Clients show the server what this variable holds.")
]


def read_token(file: Path | None, variable: str | None) -> str | None:
    """What clients have to show.

    Raises:
        UserError: Two sources, or nothing in the one that was named.
    """
    if file is not None and variable is not None:
        raise UserError("--token-file and --token-env exclude each other. Found both. Fix: leave one of them away")
    if file is not None:
        try:
            token = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{file} cannot be read as the token. Fix: check the path and its permission") from error
        if not token:
            raise UserError(f"{file} holds no token. Found an empty file. Fix: write one into it")
        return token
    if variable is not None:
        token = os.environ.get(variable, "").strip()
        if not token:
            raise UserError(f"the variable {variable} holds no token. Fix: export {variable}=TOKEN")
        return token
    return None
