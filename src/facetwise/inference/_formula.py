"""Text that a spreadsheet would run as a formula, made inert for a CSV file."""

import re

__all__ = ["inert"]

# What spreadsheets take for the beginning of a formula, in plain and in full width, and white space that some of them
# remove before they look.
# Source: OWASP, "CSV Injection".
_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)


def inert(text: str) -> str:
    """The text with a quote in front where a spreadsheet would run it; numbers stay numbers.

    >>> inert("=cmd|'/c calc'!A1"), inert("-5"), inert("-5+cmd"), inert("red")
    ("'=cmd|'/c calc'!A1", '-5', "'-5+cmd", 'red')
    """
    return f"'{text}" if text.lstrip(" ").startswith(_BEGINNINGS) and not _NUMBER.fullmatch(text) else text
