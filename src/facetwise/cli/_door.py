"""The front door: every way in which a command can end, and the words and the exit code of each."""

import errno
import io
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import typer

from facetwise.cli._screen import clean, json_text
from facetwise.cli._usage import explain_usage
from facetwise.errors import ComplaintsError, FacetwiseError, Interrupted

__all__ = ["enter"]

DONE, DEFECT, USER_CAN_MEND, INTERRUPTED = 0, 1, 2, 130
# May stand before the command too: `facetwise --json train ...`.
COMMON = ("--json", "--quiet", "-q")
# What an operating system says when a disk, a permission or a limit is in the way; and what helps.
_SYSTEM = {
    errno.ENOSPC: "make room, or name another folder",
    errno.EDQUOT: "make room, or name another folder",
    errno.EROFS: "name a folder that can be written",
    errno.EACCES: "change the permission, or name another path",
    errno.EPERM: "change the permission, or name another path",
    errno.ENOENT: "check the path",
    errno.ENOTDIR: "check the path: a part of it is a file",
    errno.EISDIR: "name a file, not a folder",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EMFILE: "raise the limit of open files, or set --workers 1",
    errno.EIO: "check the disk",
}


def enter(command: Callable[..., Any], arguments: Sequence[str]) -> int:
    """Run one command.

    Args:
        command: The application.
        arguments: What follows the word `facetwise`. `--debug` may stand anywhere before a lone `--`.

    Returns:
        The exit code: 0 done, 2 the user can mend it (the message says how), 130 interrupted, 143 terminated, 1 a
        defect of ours, whose traceback is kept in a file and shown with `--debug`.
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    debug = "--debug" in arguments[:end]
    words = [word for word in arguments[:end] if word != "--debug"]
    first = next((place for place, word in enumerate(words) if word not in COMMON), len(words))
    words = [*words[first:], *words[:first]] if first < len(words) else words
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that has no 👗 shows \\U0001f457 in its place; the command goes on.
            stream.reconfigure(errors="backslashreplace")
    door = _Door(debug=debug, machine="--json" in words)
    with door:
        outcome = command([*words, *arguments[end:]] or ["--help"], prog_name="facetwise", standalone_mode=False)
        door.code = outcome if isinstance(outcome, int) else DONE
        sys.stdout.flush()
    if door.code == INTERRUPTED and not door.said:
        door.say("stopped. The same command continues where computed work was kept.")
    return door.code


class _Door:
    """Turns whatever leaves a command into a message and an exit code."""

    def __init__(self, *, debug: bool, machine: bool) -> None:
        self.code = DONE
        self.said = False
        self._debug = debug
        self._machine = machine

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is None:
            return True
        if isinstance(error, BrokenPipeError) or isinstance(error.__context__, BrokenPipeError):
            self.code = _leave_pipe()
        elif isinstance(error, SystemExit):
            self.code = error.code if isinstance(error.code, int) else DONE
        elif isinstance(error, Interrupted):
            self._end(error, str(error), error.code)
        elif isinstance(error, (KeyboardInterrupt, typer.Abort)):
            self.code = INTERRUPTED
        elif isinstance(error, FacetwiseError):
            self._end(error, str(error), USER_CAN_MEND)
        elif (words := explain_usage(error)) is not None:
            self.code = USER_CAN_MEND
            if words:
                self._end(error, words, USER_CAN_MEND, command=False)
        elif (words := _about_the_machine(error)) is not None:
            self._end(error, words, USER_CAN_MEND)
        elif isinstance(error, Exception):
            self._defect(error)
        else:
            return False
        return True

    def say(self, text: str, *, command: bool = True) -> None:
        """A line on standard error."""
        self.said = True
        print(clean(f"facetwise: {text}" if command else text, lines=True), file=sys.stderr)

    def _end(self, error: BaseException, text: str, code: int, *, command: bool = True) -> None:
        self.code = code
        if self._debug:
            print(clean("".join(traceback.format_exception(error)), lines=True), file=sys.stderr)
        self.say(text, command=command)
        self._document(error, text)

    def _defect(self, error: Exception) -> None:
        trace = clean("".join(traceback.format_exception(error)), lines=True)
        self.code = DEFECT
        kept = None if self._debug else _keep(trace)
        if kept is None:
            print(trace, file=sys.stderr)
        summary = clean(f"{type(error).__name__}: {error}")[:300]
        where = f"The traceback is in {kept}; --debug shows it here." if kept else "The traceback is above."
        text = f"this is a bug of ours, not a mistake of yours: {summary}\n{where} Please report it with the output of "
        self.say(text + "`facetwise env`.")
        self._document(error, summary)

    def _document(self, error: BaseException, text: str) -> None:
        if not self._machine:
            return
        about: dict[str, Any] = {"kind": type(error).__name__, "message": text, "code": self.code}
        if isinstance(error, ComplaintsError):
            keys = ("place", "row", "column", "rule", "found", "fix")
            about["complaints"] = [{key: getattr(c, key) for key in keys} for c in error.complaints]
        print(json_text({"error": about}))


def _about_the_machine(error: BaseException) -> str | None:
    """A disk, a permission, a memory that is in the way; None where it is something else."""
    if isinstance(error, MemoryError):
        return "the memory of this machine is full. Fix: fewer rows at once, --levels last, or another machine"
    if not isinstance(error, OSError) or error.errno not in _SYSTEM:
        return None
    where = f" at {os.fsdecode(error.filename)!r}" if isinstance(error.filename, (str, bytes)) else ""
    return f"the system refuses{where}: {error.strerror}. Fix: {_SYSTEM[error.errno]}"


def _keep(trace: str) -> Path | None:
    """The traceback in a file, or None where none can be written."""
    try:
        handle, name = tempfile.mkstemp(prefix=f"facetwise-{datetime.now():%Y%m%d-%H%M%S}-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{json.dumps(sys.argv)}\n{trace}")
    except OSError:
        return None
    return Path(name)


def _leave_pipe() -> int:
    """Somebody closed the pipe (`facetwise ... | head`); Python would complain once more while shutting down."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):  # a captured output has no number, and complains about nothing
        return DONE
    return DONE
