"""What can go wrong, drawn as one tree.

FacetwiseError
├── UserError                the user can mend it: exit code 2, a message and no traceback
│   ├── ComplaintsError      several complaints about the user's data, all at once
│   │   ├── TableError       the table
│   │   ├── SchemaError      the schema file, or the schema against the table
│   │   └── ConfigError      the configuration
│   ├── UnavailableError     something optional is not on this machine (a backbone, an extra)
│   ├── CacheError           a feature cache that cannot be read or written
│   ├── RunError             a run folder that is not what was asked for
│   ├── WriteError           a file cannot be written: no room, no permission, a quota
│   └── BundleError          a bundle that cannot be trusted
└── ImageError               one picture cannot be read; carries a reason code, never ends a run

Interrupted stands beside the tree, as KeyboardInterrupt does: whoever catches every Exception must not swallow it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

__all__ = [
    "BundleError",
    "CacheError",
    "Complaint",
    "ComplaintsError",
    "ConfigError",
    "FacetwiseError",
    "ImageError",
    "Interrupted",
    "RunError",
    "SchemaError",
    "TableError",
    "UnavailableError",
    "UserError",
    "WriteError",
    "nearest",
]

# A terminal page: more complaints than this are counted, not printed, so that the first ones stay readable.
MAX_COMPLAINTS_SHOWN = 40


class FacetwiseError(Exception):
    """Everything that facetwise raises on purpose."""


class UserError(FacetwiseError):
    """The user can mend it; the message says how."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """One thing that is wrong, and how to mend it.

    `row` is the 1-based line of data (the header is not counted); `place` names a file, key or anything else
    that is not a cell.

    >>> print(Complaint(rule="a severity is a number", found="'bad'", fix="correct the cell", row=3, column="severity"))
    row 3, column 'severity': a severity is a number. Found 'bad'. Fix: correct the cell.
    """

    rule: str
    found: str
    fix: str
    row: int | None = None
    column: str | None = None
    place: str | None = None

    def __str__(self) -> str:
        where = [self.place] if self.place else []
        if self.row is not None:
            where.append(f"row {self.row}")
        if self.column is not None:
            where.append(f"column {self.column!r}")
        prefix = f"{', '.join(where)}: " if where else ""
        return f"{prefix}{self.rule}. Found {self.found}. Fix: {self.fix}{'' if self.fix.endswith(('?', '.')) else '.'}"


class ComplaintsError(UserError):
    """Several complaints at once, so that the user mends them in one go."""

    def __init__(self, complaints: Sequence[Complaint]) -> None:
        self.complaints = tuple(complaints)
        lines = [str(complaint) for complaint in self.complaints[:MAX_COMPLAINTS_SHOWN]]
        if len(self.complaints) > MAX_COMPLAINTS_SHOWN:
            lines.append(f"... and {len(self.complaints) - MAX_COMPLAINTS_SHOWN} more")
        super().__init__("\n".join(lines))


class TableError(ComplaintsError):
    """The table breaks a rule."""


class SchemaError(ComplaintsError):
    """The schema breaks a rule, or does not fit the table."""


class ConfigError(ComplaintsError):
    """The configuration breaks a rule."""


class UnavailableError(UserError):
    """Something that is not on this machine; the message says what to type."""


class CacheError(UserError):
    """A feature cache that cannot be read or written."""


class RunError(UserError):
    """A run folder that is not what was asked for."""


class WriteError(UserError):
    """A file cannot be written: no room, no permission, a quota. What was there before is as it was."""


class BundleError(UserError):
    """A bundle that is damaged, foreign or from the future."""


class ImageError(FacetwiseError):
    """One picture cannot be read; `reason` is a short code, the message says more."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


class Interrupted(BaseException):
    """Somebody asked the command to stop, and it did; `code` is the exit code: 143 after SIGTERM, 130 after Ctrl-C."""

    def __init__(self, message: str, *, code: int) -> None:
        self.code = code
        super().__init__(message)


def nearest(word: str, known: Iterable[str], *, count: int = 3) -> str:
    """The known words closest to a mistyped one, ready for an error message.

    >>> nearest("epoch", ["epochs", "seed", "batch_size"])
    'did you mean epochs?'
    >>> nearest("zzz", ["b", "a"])
    'known: a, b'
    """
    names = sorted(set(known))
    close = get_close_matches(word, names, n=count, cutoff=0.6)
    if close:
        return f"did you mean {', '.join(close)}?"
    shown = names[:12]
    return f"known: {', '.join(shown)}{', ...' if len(names) > len(shown) else ''}"
