"""One column to its reading: what its values look like decides, and its name only where values cannot.

The order of the questions matters: each rule may rely on all earlier ones having said no.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from facetwise.data._notation import is_date, only_a_sign, other_number, unit_beside, units_beside
from facetwise.data._readings import ColumnReading, Role, quoted, yaml_line
from facetwise.data._spelling import (
    binary_pair,
    canonical,
    class_order,
    name_tokens,
    ordered_words,
    parse_number,
    pieces,
    unit_of,
    words,
    yes_or_no,
)
from facetwise.schema import Kind, Transform

__all__ = ["BY_NAME", "MULTILABEL_SEPARATORS", "NUMBER_NOTATIONS", "ColumnFacts", "read_column"]

# How the reason begins for numbers that are left out because of how they are written: worth a notice of its own.
_NOTATION, _UNIT = "numbers in a notation that is not the same everywhere", "numbers with their unit in the cells"
NUMBER_NOTATIONS = (_NOTATION, _UNIT)

# How the reason begins for a column whose name says that its values name things.
BY_NAME = "an identifier by its name"

# Tried in this order; the comma last, because it also stands in prose and in numbers.
MULTILABEL_SEPARATORS = ("|", ";", ",")

# Rows that a value needs before it counts as one that comes back; the default of `min_count` in `complete_schema`.
_COMES_BACK = 5
# A number here and there may be a slip of the pen; more are another kind of column.
_NUMBERS_SHARE = 0.95
# An identifier's value stands for one thing that was photographed a few times; a class is seen more often.
_ROWS_PER_THING = 10
# Ordinal: at least three steps, and few enough to be counted on one's fingers (the brief's 3..12).
_FEWEST_STEPS, _MOST_STEPS = 3, 12

# A logarithm has to be worth its place: a right skew of more than 1 that loses at least a quarter.
_CLEARLY_SMALLER = 0.75

_ID_NAMES = words(
    "id ids uuid guid sku ean gtin upc asin isbn barcode hash md5 sha sha1 sha256 identifier idx index key url uri "
    "filename filepath path serial"
)
# With "id" in the name, these stand for one thing however often it was photographed.
_THING_NAMES = words(
    "patient subject person individual participant session video clip scene track sequence specimen sample product "
    "item sku listing plant animal case scan study user observation location site camera plot tree chain"
)
_CODE_NAMES = words("id ids class label category cat type code cluster")
# 007 is no number that anybody measured.
_PADDED = re.compile(r"0[0-9]+")
_COUNTED = re.compile(r"[+-]?[0-9]")
_FILE = re.compile(r".*\.[A-Za-z][A-Za-z0-9]{1,4}")
_ADDRESS = re.compile(r"(https?|ftp|s3|gs|file)://.*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnFacts:
    """A column's values: only the cells that say something.

    Args:
        column: Its name.
        values: The different texts.
        counts: (value,) rows per text.
        in_order: Whether the texts, read as numbers, rise from row to row.
        total: Rows of the table.
    """

    column: str
    values: tuple[str, ...]
    counts: np.ndarray
    in_order: bool
    total: int

    @property
    def filled(self) -> int:
        """Rows with a value."""
        return int(self.counts.sum())

    def share(self, holds: list[bool]) -> float:
        """Share of the filled rows whose text has a property."""
        return float(self.counts[np.array(holds, dtype=bool)].sum() / max(self.filled, 1))

    def mostly(self, rule: Callable[[str], bool], share: float) -> bool:
        """Whether at least a share of the filled rows keeps a rule; most columns are found out after a few texts."""
        allowed, failed = self.filled * (1.0 - share) + 1e-9, 0
        for value, count in zip(self.values, self.counts.tolist(), strict=True):
            if not rule(value):
                failed += count
                if failed > allowed:
                    return False
        return True

    def reading(self, role: Role, reason: str, overrule: str, **more: object) -> ColumnReading:
        """A reading of this column."""
        return ColumnReading(
            column=self.column,
            role=role,
            reason=reason,
            overrule=overrule,
            filled=self.filled,
            distinct=len(self.values),
            **more,  # ty: ignore[invalid-argument-type]
        )

    def left_out(self, reason: str, *, keeps_together: bool = False) -> ColumnReading:
        """This column is left out; the line takes it in again."""
        few = class_order(self.values) if len(self.values) <= _MOST_STEPS else ()
        line = yaml_line(self.column, Kind.CATEGORICAL, few)
        return self.reading(Role.LEFT_OUT, reason, line, keeps_together=keeps_together)

    def attribute(self, kind: Kind, reason: str, **more: object) -> ColumnReading:
        """This column is an attribute; the line makes it another kind, or leaves it out."""
        return self.reading(Role.ATTRIBUTE, reason, self._other(kind, more), kind=kind, **more)

    def _other(self, kind: Kind, more: dict[str, object]) -> str:
        if kind is Kind.NUMERIC and more.get("transform") is Transform.LOG:
            return yaml_line(self.column, Kind.NUMERIC, transform="none")
        if len(self.values) <= _MOST_STEPS:
            spelled = class_order(self.values)
            if kind in (Kind.BINARY, Kind.ORDINAL, Kind.NUMERIC):
                return yaml_line(self.column, Kind.CATEGORICAL, spelled)
            # Words have no order that a spelling shows; numbers, and words behind a number, do.
            if kind is Kind.CATEGORICAL and len(spelled) > 1 and all(map(_COUNTED.match, spelled)):
                return yaml_line(self.column, Kind.ORDINAL, spelled)
        return f"exclude: [{quoted(self.column)}]"


def _named(facts: ColumnFacts, names: frozenset[str]) -> bool:
    return bool(names.intersection(name_tokens(facts.column)))


def _per_value(facts: ColumnFacts) -> float:
    return facts.filled / max(len(facts.values), 1)


def _about_identity(facts: ColumnFacts, *, numbers: bool) -> ColumnReading | None:
    """Identifiers: a name that says so and few rows per value, or one value per row."""
    distinct, filled = len(facts.values), facts.filled
    per_value = _per_value(facts)
    named = _named(facts, _ID_NAMES)
    if distinct == filled and (not numbers or named or _looks_issued(facts)):
        return facts.left_out(f"one value per row ({distinct:,} values in {filled:,} rows): it names the row")
    thing = named and _named(facts, _THING_NAMES) and distinct > _COMES_BACK
    if named and (per_value < _ROWS_PER_THING or thing) and distinct > 2:
        return facts.left_out(f"{BY_NAME}, {distinct:,} values with {per_value:.1f} rows each", keeps_together=True)
    return None


def _looks_issued(facts: ColumnFacts) -> bool:
    """Whether different whole numbers were handed out, not measured: in order, dense, or of one length."""
    whole = [number for value in facts.values if (number := parse_number(value)) is not None]
    if len(whole) < len(facts.values) or any(number % 1 for number in whole) or unit_of(facts.column):
        return False
    dense = max(whole) - min(whole) + 1 <= 2 * len(whole)
    lengths = {len(value) for value in facts.values}
    return facts.in_order or dense or (len(lengths) == 1 and min(lengths) >= 5)


def _skewness(numbers: np.ndarray, counts: np.ndarray) -> float:
    mean = np.average(numbers, weights=counts)
    spread = np.sqrt(np.average((numbers - mean) ** 2, weights=counts))
    return float(np.average((numbers - mean) ** 3, weights=counts) / spread**3) if spread > 0 else 0.0


def _about_numbers(facts: ColumnFacts) -> ColumnReading | None:
    if not facts.mostly(lambda value: parse_number(value) is not None, _NUMBERS_SHARE):
        return None
    parsed = [parse_number(value) for value in facts.values]
    identity = _about_identity(facts, numbers=True)
    if identity is not None or any(map(_PADDED.fullmatch, facts.values)):
        return identity
    ok = np.array([number is not None for number in parsed])
    numbers = np.array([number for number in parsed if number is not None], dtype=np.float64)
    counts = facts.counts[ok]
    odd = [value for value, number in zip(facts.values, parsed, strict=True) if number is None]
    steps = np.unique(numbers)
    low, high, whole = steps[0], steps[-1], bool((steps == np.floor(steps)).all())
    span = f"from {low:g} to {high:g}"
    if whole and not odd and len(steps) <= _MOST_STEPS:
        often = sum(counts[numbers == step].sum() >= _COMES_BACK for step in steps)
        if _named(facts, _CODE_NAMES):
            reason = f"{len(steps)} whole numbers {span}, but the name says that they are codes"
            return facts.attribute(Kind.CATEGORICAL, reason)
        if len(steps) < _FEWEST_STEPS or (often < _FEWEST_STEPS and facts.filled >= 10 * _COMES_BACK):
            reason = f"{len(steps)} whole numbers, {often} of them in {_COMES_BACK} rows or more: too few for an order"
            return facts.attribute(Kind.CATEGORICAL, reason)
        # Nearly consecutive: at most a third of the steps between the ends is missing; with up to five different
        # numbers gaps do not matter (1, 3, 5 or 10, 20, 50 are steps as well).
        if len(steps) <= 5 or high - low + 1 <= 1.5 * len(steps):
            reason = f"{len(steps)} whole numbers {span}, few and nearly consecutive: steps with an order"
            classes = tuple(sorted(facts.values, key=float))
            return facts.attribute(Kind.ORDINAL, reason, classes=_one_spelling(classes, facts))
    transform, why = Transform.NONE, ""
    if low > 0:
        skew, after = _skewness(numbers, counts), _skewness(np.log(numbers), counts)
        if skew > 1 and abs(after) < _CLEARLY_SMALLER * skew:
            transform, why = Transform.LOG, f"; log, because the skewness falls from {skew:.1f} to {after:.1f}"
    reason = f"{len(steps):,} different numbers {span}{why}"
    if odd:
        rows = int(facts.counts[~ok].sum())
        reason += f"; {rows} rows are no numbers (such as {odd[0]!r}): correct them or declare them unknown"
    return facts.attribute(Kind.NUMERIC, reason, transform=transform, unit=unit_of(facts.column))


def _one_spelling(values: tuple[str, ...], facts: ColumnFacts, *, mixed: bool = False) -> tuple[str, ...]:
    """Of "1" and "1.0", or "Yes" and "yes", the spelling with the most rows stands for both."""
    rows = dict(zip(facts.values, facts.counts.tolist(), strict=True))
    best: dict[str, str] = {}
    for value in values:
        key = (yes_or_no(value) if mixed else None) or canonical(value)
        if key not in best or (-rows[value], value) < (-rows[best[key]], best[key]):
            best[key] = value
    return tuple(best.values())


def _about_words(facts: ColumnFacts) -> ColumnReading | None:
    pair = binary_pair(facts.values)
    if pair is not None:
        mixed = any(canonical(value) not in pair for value in facts.values)
        order = sorted(
            facts.values, key=lambda value: pair.index((yes_or_no(value) if mixed else None) or canonical(value))
        )
        classes = _one_spelling(tuple(order), facts, mixed=mixed)
        what = f"{len(facts.values)} spellings of two values" if mixed else "two values"
        reason = f"{what}, read as {classes[0]!r} = no and {classes[1]!r} = yes"
        return facts.attribute(Kind.BINARY, reason, classes=classes)
    steps = ordered_words(facts.values)
    if steps is not None:
        shown = " < ".join(steps)
        return facts.attribute(Kind.ORDINAL, f"{len(steps)} words with a known order: {shown}", classes=steps)
    return None


def _about_several(facts: ColumnFacts) -> ColumnReading | None:
    """Several classes in one cell: pieces come back in other company, and are fewer than the combinations."""
    for separator in MULTILABEL_SEPARATORS:
        several = [separator in value for value in facts.values]
        if not any(several) or facts.share(several) < 0.02:
            continue
        split = [pieces(value, separator) for value in facts.values]
        if separator == "," and all(parse_number(piece) is not None for parts in split for piece in parts):
            return facts.left_out("numbers with commas, which facetwise reads neither as lists nor as fractions")
        cells_with = Counter(piece for parts in split for piece in parts)
        weight = sum(count * len(parts) for parts, count in zip(split, facts.counts.tolist(), strict=True))
        again = sum(
            count * sum(cells_with[piece] > 1 for piece in parts)
            for parts, count in zip(split, facts.counts.tolist(), strict=True)
        )
        length = np.mean([len(piece.split()) for piece in cells_with]) if cells_with else 0
        # The comma stands in prose too, so there the pieces must be clearly fewer than the cells' texts.
        fewer = len(cells_with) <= (0.6 if separator == "," else 1.0) * len(facts.values)
        if again >= 0.8 * weight and fewer and length <= 4:
            reason = (
                f"{len(cells_with)} classes separated by {separator!r} make {len(facts.values)} combinations; "
                f"{100 * facts.share(several):.0f} % of the filled rows have several"
            )
            return facts.attribute(Kind.MULTILABEL, reason, separator=separator)
    return None


def _about_notation(facts: ColumnFacts) -> ColumnReading | None:
    """Dates, and numbers in a notation that means different things in different countries."""
    if facts.mostly(is_date, _NUMBERS_SHARE):
        return facts.left_out(f"dates or times, such as {facts.values[0]!r}: no picture shows them")

    def noted(value: str) -> bool:
        return other_number(value) or unit_beside(value) is not None

    if not facts.mostly(lambda value: parse_number(value) is not None or noted(value), _NUMBERS_SHARE):
        return None
    units = units_beside(value for value in facts.values if not other_number(value))
    example = next((value for value in facts.values if other_number(value)), None)
    # One unit among plain numbers is a slip of the pen, and words that differ are no units at all.
    if example is None and facts.mostly(lambda value: parse_number(value) is not None, _NUMBERS_SHARE):
        return None
    if not facts.mostly(
        lambda value: parse_number(value) is not None or other_number(value) or value in units, _NUMBERS_SHARE
    ):
        return None
    # A few sizes such as "50 %" are classes as good as any; many of them are measurements.
    if len(facts.values) <= _MOST_STEPS and all(
        value in units or only_a_sign(value) for value in facts.values if noted(value)
    ):
        return None
    if units:
        return facts.left_out(_unit_reason(facts, units))
    return facts.left_out(
        f"{_NOTATION}, such as {example!r}; write 1299.5, with a point for "
        "the fraction and nothing else, and it becomes a number"
    )


def _unit_reason(facts: ColumnFacts, units: dict[str, str]) -> str:
    rows = Counter[str]()
    for value, count in zip(facts.values, facts.counts.tolist(), strict=True):
        if value in units:
            rows[units[value]] += count
    often = [unit for unit, _ in rows.most_common(3)]
    example = next(value for value, unit in units.items() if unit == often[0])
    named = "" if unit_of(facts.column) else f" and the unit into the column's name, {facts.column} ({often[0]}),"
    return (
        f"{_UNIT} ({', '.join(map(repr, often))}), such as {example!r}; write 1299.5 alone, with a point for the "
        f"fraction and all in one unit,{named} and it becomes a number"
    )


def _about_text(facts: ColumnFacts) -> ColumnReading | None:
    distinct, filled, per_value = len(facts.values), facts.filled, _per_value(facts)
    lengths = np.array([len(value.split()) for value in facts.values])
    spoken = float((lengths * facts.counts).sum() / filled)
    if facts.mostly(lambda value: bool(_ADDRESS.fullmatch(value)), 0.9):
        return facts.left_out("web addresses; facetwise reads pictures from this machine only")
    if distinct > filled / 2 and facts.mostly(lambda value: bool(_FILE.fullmatch(value)), 0.9):
        return facts.left_out(f"file names, {distinct:,} of them in {filled:,} rows", keeps_together=True)
    if facts.mostly(lambda value: value.startswith("[") and value.endswith("]"), 0.9):
        return facts.left_out("lists in brackets; write the classes of a cell as first|second")
    identity = _about_identity(facts, numbers=False)
    if identity is not None:
        return identity
    if distinct > filled / 2:
        what = "free text" if spoken >= 4 else "nearly one value per row"
        reason = f"{what}: {distinct:,} different values in {filled:,} rows, {spoken:.1f} words each"
        return facts.left_out(reason, keeps_together=True)
    often = facts.counts >= _COMES_BACK
    cover = facts.counts[often].sum() / filled
    if distinct > 20 and cover < 0.5:
        reason = (
            f"{distinct:,} different values with {per_value:.1f} rows each; the {int(often.sum())} with "
            f"{_COMES_BACK} rows or more cover only {100 * cover:.0f} % of the filled rows"
        )
        return facts.left_out(reason, keeps_together=True)
    return None


def read_column(facts: ColumnFacts) -> ColumnReading:
    """The reading of a column that is neither image nor split.

    >>> facts = ColumnFacts(column="rust", values=("0", "1"), counts=np.array([9, 3]), in_order=False, total=12)
    >>> read_column(facts).kind, read_column(facts).classes
    (<Kind.BINARY: 'binary'>, ('0', '1'))
    """
    if not facts.values:
        return facts.left_out("every cell is empty")
    if len(facts.values) == 1:
        return facts.left_out(f"a constant: {facts.values[0]!r} in all {facts.filled:,} filled rows")
    if not facts.column:
        return facts.left_out("the column has no name; write one to use it")
    for rule in (_about_words, _about_notation, _about_numbers, _about_several, _about_text):
        reading = rule(facts)
        if reading is not None:
            return reading
    cover = 100 * facts.counts[facts.counts >= _COMES_BACK].sum() / facts.filled
    reason = (
        f"{len(facts.values)} different values with {_per_value(facts):.0f} rows each; those with {_COMES_BACK} rows "
        f"or more cover {cover:.0f} % of the filled rows"
    )
    if any(map(_PADDED.fullmatch, facts.values)):
        reason += "; numbers with a leading zero are codes"
    return facts.attribute(Kind.CATEGORICAL, reason)
