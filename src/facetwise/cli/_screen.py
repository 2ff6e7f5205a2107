"""Everything that reaches the terminal goes through here: cleaned, aligned, and silent where asked."""

import json
import math
import shlex
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["Screen", "clean", "json_text", "number", "percent"]

# Wide enough that a log keeps whole lines; a terminal says its own width.
LOG_WIDTH = 140
# Marks that turn the direction of text around: a file name with one of them can look like another file's.
TURNING = {*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C}


def clean(text: object, *, lines: bool = False) -> str:
    """Text without control characters, so that no file or class name can move the cursor or change a colour.

    Args:
        text: Anything with a name.
        lines: Keep line breaks; for messages of ours that have several lines.

    >>> clean("red\\x1b[2J\\nshoe")
    'red[2J shoe'
    """
    said = str(text)
    if said.isprintable():  # of the characters below none is
        return said
    kept = []
    for letter in said:
        if letter == "\n" and lines:
            kept.append(letter)
        elif letter in "\n\r\t":
            kept.append(" ")
        elif not _acts(letter):
            kept.append(letter)
    return "".join(kept)


def _acts(letter: str) -> bool:
    """Whether a terminal does something with it instead of showing it."""
    return unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") or ord(letter) in TURNING


def json_text(data: Mapping[str, Any]) -> str:
    """A JSON document that is inert on a terminal; numbers that are not finite become null.

    >>> print(json_text({"name": "\\x9b2J 👗"}))
    {
      "name": "\\u009b2J 👗"
    }
    """
    text = json.dumps(_finite(data), indent=2, ensure_ascii=False, default=str)
    if text.replace("\n", "").isprintable():
        return text
    # Outside of its strings a document holds no such character but the line break.
    return "".join(f"\\u{ord(letter):04x}" if letter != "\n" and _acts(letter) else letter for letter in text)


def number(value: float | None, *, digits: int = 3) -> str:
    """A score for people; what could not be measured is `n/a`, never 0.

    >>> number(0.91234), number(None), number(1234.5, digits=1)
    ('0.912', 'n/a', '1,234.5')
    """
    if value is None or math.isnan(value):
        return "n/a"
    return f"{value:,.{digits}f}"


def percent(share: float | None) -> str:
    """A share as a percentage.

    >>> percent(0.08), percent(0.004), percent(0.0)
    ('8 %', '<1 %', '0 %')
    """
    if share is None or math.isnan(share):
        return "n/a"
    return "<1 %" if 0 < share < 0.005 else f"{share:.0%}".replace("%", " %")


class Screen:
    """Where a command speaks.

    Args:
        quiet: Say only results and errors.
        machine: `--json`: standard output carries one JSON document, words go to standard error.
    """

    def __init__(self, *, quiet: bool = False, machine: bool = False) -> None:
        self.quiet = quiet
        self.machine = machine

    @cached_property
    def console(self) -> "Console":
        """The terminal or the log."""
        from rich.console import Console

        console = Console(stderr=self.machine, highlight=False, soft_wrap=False, emoji=False, markup=False)
        if not console.is_terminal:
            console.width = LOG_WIDTH
        return console

    @property
    def live(self) -> bool:
        """Whether bars can be drawn: never into a file or a pipe, even where colours are forced."""
        return self.console.is_terminal and self.console.file.isatty() and not self.quiet

    def say(self, text: object = "", *, style: str = "") -> None:
        """A remark; silent with `--quiet`."""
        if not self.quiet:
            self.console.print(clean(text, lines=True), style=style or None, soft_wrap=True)

    def title(self, text: object) -> None:
        """A heading with air above."""
        if not self.quiet:
            self.console.print()
            self.console.print(clean(text), style="bold")

    def warn(self, text: object) -> None:
        """Something that the user should know about the data."""
        if not self.quiet:
            self.console.print(f"! {clean(text)}", style="yellow", soft_wrap=True)

    def next(self, *commands: Sequence[object]) -> None:
        """What to type next: commands as lists of words, which are quoted so that a shell takes them as they are."""
        if not self.quiet and commands:
            self.console.print()
            self.console.print("Next:" if len(commands) == 1 else "Next, any of:", style="bold")
            for command in commands:
                words = " ".join(shlex.quote(clean(word)) for word in command)
                self.console.print(f"  {words}", style="cyan", soft_wrap=True)

    def result(self, text: object) -> None:
        """A line that is a result: printed with `--quiet` too, not with `--json`."""
        if not self.machine:
            self.console.print(clean(text, lines=True), soft_wrap=True)

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[int] = ()) -> None:
        """A table that is a result: cells are cleaned; `right` lists the places of columns aligned to the right."""
        if self.machine:
            return
        table = self._bare(heads, right)
        for row in rows:
            table.add_row(*(clean(cell, lines=True) for cell in row))
        self.console.print(table)

    def _bare(self, heads: Sequence[str], right: Sequence[int]) -> "Table":
        from rich import box
        from rich.table import Table

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold", padding=(0, 1))
        for place, head in enumerate(heads):
            table.add_column(clean(head), justify="right" if place in right else "left", overflow="fold")
        return table

    def document(self, data: Mapping[str, Any]) -> None:
        """The machine-readable result; only with `--json`. Numbers that are not finite become null."""
        if self.machine:
            print(json_text(data))


def _finite(data: Any) -> Any:
    if isinstance(data, float) and not math.isfinite(data):
        return None
    if isinstance(data, Mapping):
        return {str(key): _finite(value) for key, value in data.items()}
    return [_finite(value) for value in data] if isinstance(data, (list, tuple)) else data
