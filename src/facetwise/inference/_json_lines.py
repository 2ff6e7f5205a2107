"""JSON for people and programs: what fits on a line is on one line."""

import json
from collections.abc import Iterator
from typing import Any

__all__ = ["laid_out"]

WIDTH = 120  # as in this project's code


def laid_out(data: Any) -> str:
    """JSON text, indented by two; lists and mappings that fit on a line are not spread over several.

    The encoder of the standard library that indents is the slow one: the metrics of 60 attributes with their confusions
    took it a second.

    Raises:
        ValueError: A number is NaN or infinite: JSON has none.

    >>> print(laid_out({"attribute": "colour", "confusion": [[3, 1], [0, 4]], "labels": []}))
    {"attribute": "colour", "confusion": [[3, 1], [0, 4]], "labels": []}
    >>> print(laid_out({"one": {"text": "a" * 70}, "two": {"texts": ["b" * 12, "c" * 12]}}))
    {
      "one": {"text": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
      "two": {"texts": ["bbbbbbbbbbbb", "cccccccccccc"]}
    }
    """
    return "".join(_pieces(data, "\n"))


def _plain(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, allow_nan=False)


def _pieces(data: Any, line: str) -> Iterator[str]:
    """The text in pieces; `line` begins a new line at this depth."""
    text = _plain(data)
    if len(text) + len(line) <= WIDTH or not data or not isinstance(data, dict | list | tuple):
        yield text
        return
    deeper = line + "  "
    opening, closing = "{}" if isinstance(data, dict) else "[]"
    # A list of numbers or words is one thing, however long.
    if not isinstance(data, dict) and not any(isinstance(value, dict | list | tuple) for value in data):
        yield text
        return
    yield opening
    entries = data.items() if isinstance(data, dict) else ((None, value) for value in data)
    for number, (key, value) in enumerate(entries):
        yield f",{deeper}" if number else deeper
        if isinstance(data, dict):
            # The encoder turns keys that are no text into text by rules of its own.
            yield f"{_plain({key: 0})[1:-4]}: "
        yield from _pieces(value, deeper)
    yield line + closing
