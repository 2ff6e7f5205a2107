"""YAML text to plain data, with the line of every key; nothing in the text can name code or grow beyond its size.

`yaml.load` is not used: it builds objects from tags and follows aliases, of which ten lines can stand for 10⁹ texts.
Here the parser's events become dictionaries, lists and scalars directly, so depth, aliases, tags and repeated keys are
refused as they come by.
"""

import math
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from yaml.reader import ReaderError

from facetwise.errors import Complaint, nearest

__all__ = ["MAX_BYTES", "Document", "parse_yaml", "read_yaml", "shown"]

# A configuration of every option has 5 kB, a list of 10⁴ column names 200 kB.
MAX_BYTES = 1 << 20
# The deepest option is losses.KIND.options.OPTION and may hold a list.
MAX_DEPTH = 12
# Whole numbers beyond 64 bits are mistakes; Python refuses to print those beyond 4,300 digits.
MAX_DIGITS = 19
MAX_SHOWN = 80

_NOTHING = {"", "~", "null", "Null", "NULL"}
# Yes and no as YAML 1.1 has them, because that is what people write.
_SWITCH = {
    **{word: True for text in ("true", "yes", "on") for word in (text, text.title(), text.upper())},
    **{word: False for text in ("false", "no", "off") for word in (text, text.title(), text.upper())},
}
_WHOLE = re.compile(r"[-+]?\d+(_\d+)*", re.ASCII)
# 1e-4 is a number, as in YAML 1.2; in YAML 1.1 it needs a point.
_NUMBER = re.compile(r"[-+]?(\d+(_\d+)*\.?(\d+(_\d+)*)?|\.\d+)([eE][-+]?\d+)?", re.ASCII)
_ENDLESS = {sign + word for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF")} | {".nan", ".NaN", ".NAN"}


@dataclass
class Document:
    """What a text holds: plain data, the line of every key (1-based), and what is wrong with the text."""

    data: Any = None
    lines: dict[tuple[str, ...], int] = field(default_factory=dict)
    complaints: list[Complaint] = field(default_factory=list)


def shown(value: object) -> str:
    """A value as a message shows it: short, whatever it is.

    >>> shown(10 ** 5000), shown(None), shown("x" * 500)[-6:]
    ('a number of about 5,000 digits', 'nothing', 'xxx...')
    """
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and value.bit_length() > 256:
        return f"a number of about {round(value.bit_length() * math.log10(2), -3):,.0f} digits"
    if isinstance(value, (str, bytes)):
        value = value[: MAX_SHOWN + 1]
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # a list within itself; a list with a number of 5,000 digits
        return f"a {type(value).__name__}"
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 3]}..."


def read_yaml(path: Path, *, as_text: Collection[str] = ()) -> Document:
    """The document of a file.

    Args:
        path: Any file; at most `MAX_BYTES` of it are read.
        as_text: Keys of the top whose values stay as they are spelled: `category: NO` is a column called NO.
    """
    place, document = str(path), Document()

    def refuse(rule: str, found: str, fix: str) -> Document:
        document.complaints.append(Complaint(place=place, rule=rule, found=found, fix=fix))
        return document

    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return refuse("the file is there", "nothing", _beside(path))
    except (OSError, ValueError) as error:
        return refuse("the file can be read", getattr(error, "strerror", None) or str(error), "check the path")
    if len(raw) > MAX_BYTES:
        return refuse("the file has at most 1 MB", "more", "give the YAML file of the options, not a table or a model")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        place = f"{path}:{line}"
        return refuse("the file is text in UTF-8", f"the byte {raw[error.start]:#04x}", "save it as UTF-8")
    return parse_yaml(text, place=place, as_text=as_text)


def _beside(path: Path) -> str:
    """The names of YAML files in the same folder."""
    try:
        names = [one.name for one in path.parent.iterdir() if one.suffix in (".yaml", ".yml")]
    except OSError:
        return f"there is no folder {str(path.parent)!r} either"
    return nearest(path.name, names) if names else "check the path; `facetwise config --write FILE` writes one"


def parse_yaml(text: str, *, place: str, as_text: Collection[str] = ()) -> Document:
    """The document of a text; see `read_yaml`.

    >>> parse_yaml("a: 1\\nb: [x, 1e-4]", place="f").data
    {'a': 1, 'b': ['x', 0.0001]}
    """
    builder = _Builder(place, frozenset(as_text))
    try:
        builder.build(yaml.parse(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        line = 0 if error.problem_mark is None else error.problem_mark.line + 1
        problem = error.problem or "something else"
        builder.complain(line, "this is YAML", problem.removeprefix("found "), _fix(problem))
        builder.document.data = None
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        found = f"the control character U+{ord(text[error.position]):04X}"
        builder.complain(line, "this is readable text", found, "write the line anew")
    return builder.document


def _fix(problem: str) -> str:
    if "\\t" in problem:
        return "indent with spaces, not with tabs"
    if "mapping values are not allowed" in problem:
        return "one option per line; a text with a colon goes in quotes"
    return "check this line and the one above: indentation, brackets, quotes"


class _StopError(ValueError):
    """Nothing after this can be read in its right place; the complaint is made already."""


class _Builder:
    """Events to plain data, with a stack of its own in place of recursion."""

    def __init__(self, place: str, as_text: frozenset[str]) -> None:
        self.document = Document()
        self._place = place
        self._as_text = as_text
        # Containers that are open, and the key that waits for its value in each; None in a list.
        self._open: list[tuple[dict[str, Any] | list[Any], str | None]] = []

    def complain(self, line: int, rule: str, found: str, fix: str) -> None:
        where = f"{self._place}:{line}" if line and not self._place.startswith("--") else self._place
        self.document.complaints.append(Complaint(place=where, rule=rule, found=found, fix=fix))

    def build(self, events: Iterator[Any]) -> None:
        documents = 0
        try:
            for event in events:
                if isinstance(event, yaml.DocumentStartEvent):
                    documents += 1
                    if documents > 1:
                        self._stop(event, "a file is one document", "a second one after ---", "remove the ---")
                elif isinstance(event, yaml.NodeEvent):
                    self._node(event)
                elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
                    self._open.pop()
                    self._done()
        except _StopError:
            self.document.data = None

    def _stop(self, event: Any, rule: str, found: str, fix: str) -> None:
        self.complain(event.start_mark.line + 1, rule, found, fix)
        raise _StopError

    def _node(self, event: Any) -> None:
        if isinstance(event, yaml.AliasEvent):
            self._stop(event, "a configuration has no aliases", f"*{event.anchor}"[:MAX_SHOWN], "write the value out")
        if event.tag is not None and event.tag != "!" and not event.tag.startswith("tag:yaml.org,2002:str"):
            fix = "remove the tag; a file holds values and never code"
            self._stop(event, "a configuration has no tags", shown(event.tag.replace("tag:yaml.org,2002:", "!!")), fix)
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
            return
        if self._expects_key():
            self._stop(event, "a key is text", "a list or a mapping", "write lines such as epochs: 20")
        if len(self._open) >= MAX_DEPTH:
            self._stop(event, f"a value has at most {MAX_DEPTH} levels", "more", "remove brackets")
        container: dict[str, Any] | list[Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._put(container)
        self._open.append((container, None))

    def _expects_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1][0], dict) and self._open[-1][1] is None

    def _scalar(self, event: Any) -> None:
        if self._expects_key():
            self._key(event)
            return
        plain = event.style is None and event.tag is None
        if plain and self._top() in self._as_text:
            plain = event.value in _NOTHING
        value = self._plain(event) if plain else event.value
        self._put(value)
        self._done()

    def _top(self) -> str | None:
        return self._open[0][1] if self._open else None

    def _key(self, event: Any) -> None:
        container, _ = self._open[-1]
        key, line = event.value, event.start_mark.line + 1
        path = (*(name for _, name in self._open[:-1] if name is not None), key)
        if key in container:
            first = self.document.lines.get(path)
            before = f" and in line {first}" if first and first != line else ""
            self.complain(line, "a key stands once", f"{shown(key)} here{before}", "remove one of them")
        if key == "<<" and event.style is None:
            self._stop(event, "a configuration has no merge keys", "'<<'", "write the values out")
        self.document.lines.setdefault(path, line)
        self._open[-1] = (container, key)

    def _put(self, value: object) -> None:
        if not self._open:
            self.document.data = value
            return
        container, key = self._open[-1]
        if isinstance(container, dict):
            assert key is not None
            container.setdefault(key, value)
        else:
            container.append(value)

    def _done(self) -> None:
        """The value of a key is whole; the next scalar is a key again."""
        if self._open and isinstance(self._open[-1][0], dict):
            self._open[-1] = (self._open[-1][0], None)

    def _plain(self, event: Any) -> object:
        """A scalar without quotes, as YAML 1.2 reads it; times and dates stay text."""
        text = event.value
        if text in _NOTHING:
            return None
        if text in _SWITCH:
            return _SWITCH[text]
        if text in _ENDLESS:
            return float(text.replace(".", ""))
        if _WHOLE.fullmatch(text):
            if len(text) > MAX_DIGITS:
                line, rule = event.start_mark.line + 1, f"a whole number has at most {MAX_DIGITS} digits"
                self.complain(line, rule, f"{len(text):,} digits", "write a smaller one, or put a text in quotes")
                return 0
            return int(text)
        return float(text) if _NUMBER.fullmatch(text) else text
