"""How cells are spelled: numbers, yes and no, words with a known order, natural sorting. Structure, never content."""

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import islice

__all__ = [
    "UNITS",
    "binary_pair",
    "canonical",
    "class_order",
    "meaning",
    "name_tokens",
    "natural_key",
    "ordered_words",
    "parse_number",
    "pieces",
    "unit_of",
    "words",
    "yes_or_no",
]

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
# Without a leading zero: "007" and "7" may be two codes, "7" and "7.0" are one number.
_PLAIN_NUMBER = re.compile(r"[+-]?(0|[1-9][0-9]*)(\.[0-9]+)?")

# (negative, positive) in canonical spelling.
_PAIRS = (
    ("0", "1"),
    ("-1", "1"),
    ("1", "2"),
    ("no", "yes"),
    ("false", "true"),
    ("n", "y"),
    ("f", "t"),
    ("absent", "present"),
    ("negative", "positive"),
    ("off", "on"),
)

# What people and programs write for no and for yes, canonically; a column may mix them.
_NO, _YES = frozenset(("0", "no", "false", "n", "f", "off")), frozenset(("1", "yes", "true", "y", "t", "on"))
# More spellings than any pair can have; a column with more different texts is not looked at.
_MOST_SPELLINGS = 64

# Words whose order everybody knows, lowest first; a bar separates words of one rank.
_SCALES = tuple(
    tuple(tuple(rank.split("|")) for rank in scale.split(" < "))
    for scale in (
        "none|absent|flat < very low|lowest < low < medium|moderate|mid|normal < high < very high < extreme|highest",
        "none|no < minimal|trace < mild|slight|minor < moderate|medium < severe|major|serious < critical|very severe",
        "xxxs|3xs < xxs|2xs < xs < s < m < l < xl < xxl|2xl < xxxl|3xl < xxxxl|4xl < 5xl < 6xl",
        "tiny|extra small|very small|xs < small < medium|average|mid < large|big < extra large|very large|huge|xl",
        "very poor|terrible < poor|bad < fair|average|ok|okay|acceptable < good < very good < excellent|perfect",
        "never < rarely|seldom < sometimes|occasionally < often|frequently < always",
        "very short < short < medium|mid|regular < long < very long|extra long",
        "very light < light < medium < dark < very dark",
        "strongly disagree < disagree < neutral < agree < strongly agree",
        "worst < worse < same|unchanged < better < best",
        "beginner|novice < intermediate < advanced < expert",
        "baby|newborn|infant < toddler < child|juvenile < teen|adolescent < young adult < adult < elderly|senior",
        "first|1st < second|2nd < third|3rd < fourth|4th < fifth|5th < sixth|6th",
    )
)


def words(text: str) -> frozenset[str]:
    """The words of a line: a list that a person can read.

    >>> sorted(words("id uuid"))
    ['id', 'uuid']
    """
    return frozenset(text.split())


UNITS = words(
    "mm cm m km in inch inches ft mg g kg lb lbs oz ml cl l litre litres s sec seconds min minutes ms h hours days "
    "weeks months years usd eur gbp inr rs jpy cny chf dollars euros percent pct deg degrees celsius c px pixels "
    "kcal cal watt w v hz khz mhz gb mb kb"
)
_BRACKETED = re.compile(r"[(\[]\s*([^()\[\]]{1,15}?)\s*[)\]]\s*$")
_TOKEN = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_a-zA-Z]+")


def parse_number(text: str) -> float | None:
    """A finite number, or None.

    >>> parse_number("1.5e3"), parse_number("nan"), parse_number("1_000")
    (1500.0, None, None)
    """
    if not _NUMBER.fullmatch(text):
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def _composed(text: str) -> str:
    """The text with every letter and its marks in one piece, which some programs write apart: NFC."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def canonical(text: str) -> str:
    """One spelling for what means the same: "1.0" and "1", "Yes" and "yes"; "007" stays a code.

    >>> canonical("1.0"), canonical("Yes"), canonical("007")
    ('1', 'yes', '007')
    """
    if _PLAIN_NUMBER.fullmatch(text):
        whole, _, fraction = text.lstrip("+").partition(".")
        # As digits: from 17 of them on, two codes may be one and the same float.
        return whole.replace("-0", "0") if not fraction.strip("0") else repr(float(text))
    return _composed(text).casefold()


def meaning(text: str, *, binary: bool) -> str:
    """What a class's text means: numbers by value, other texts as they look; of a binary attribute, capitals aside.

    >>> meaning("1.0", binary=False), meaning("Yes", binary=False), meaning("Yes", binary=True)
    ('1', 'Yes', 'yes')
    """
    return canonical(text) if binary or _PLAIN_NUMBER.fullmatch(text) else _composed(text)


def yes_or_no(text: str) -> str | None:
    """ "no" or "yes" where a text is one of their spellings.

    >>> yes_or_no("TRUE"), yes_or_no("0"), yes_or_no("red")
    ('yes', 'no', None)
    """
    key = canonical(text)
    return "no" if key in _NO else "yes" if key in _YES else None


def binary_pair(values: Iterable[str]) -> tuple[str, str] | None:
    """(negative, positive) in canonical spelling where the values are one of the known pairs, or mix several of them.

    >>> binary_pair(["No", "yes", "YES"]), binary_pair(["0.0", "1.0"]), binary_pair(["Men", "Women"])
    (('no', 'yes'), ('0', '1'), None)
    >>> binary_pair(["No", "TRUE", "1", "false"])
    ('no', 'yes')
    """
    texts = list(islice(values, _MOST_SPELLINGS + 1))
    if len(texts) > _MOST_SPELLINGS:
        return None
    found = {canonical(text) for text in texts}
    pair = next((pair for pair in _PAIRS if found == set(pair)), None)
    mixed = len(found) > 2 and found <= _NO | _YES and found & _NO and found & _YES
    return ("no", "yes") if mixed else pair


def ordered_words(values: Sequence[str]) -> tuple[str, ...] | None:
    """The values from lowest to highest where at least three are words of one known scale, each rank once.

    >>> ordered_words(["High", "low", "medium"]), ordered_words(["red", "low", "high"])
    (('low', 'medium', 'High'), None)
    """
    if not 3 <= len(values) <= max(map(len, _SCALES)):
        return None
    plain = {value: re.sub(r"[\s_-]+", " ", value.casefold()).strip() for value in values}
    for scale in _SCALES:
        rank = {str(word): place for place, same in enumerate(scale) for word in same}
        ranks = {value: rank.get(word) for value, word in plain.items()}
        if None not in ranks.values() and len(set(ranks.values())) == len(ranks):
            return tuple(sorted(ranks, key=lambda value: rank[plain[value]]))
    return None


def natural_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts "size 2" before "size 10", and small and capital letters together.

    >>> sorted(["size 10", "Size 2", "size 1"], key=natural_key)
    ['size 1', 'Size 2', 'size 10']
    """
    parts = re.split(r"([0-9]{1,18})", text)
    key = [(0, int(part), "") if place % 2 else (1, 0, part.casefold()) for place, part in enumerate(parts)]
    return (*key, (2, 0, text))


def class_order(values: Iterable[str]) -> tuple[str, ...]:
    """Classes in order: by number where all are numbers, else naturally.

    >>> class_order(["10", "-1", "2"]), class_order(["b 10", "a", "b 9"])
    (('-1', '2', '10'), ('a', 'b 9', 'b 10'))
    """
    numbers = {value: parse_number(value) for value in values}
    if None in numbers.values():
        return tuple(sorted(numbers, key=natural_key))
    return tuple(sorted(numbers, key=lambda value: (numbers[value] or 0.0, value)))


def name_tokens(name: str) -> tuple[str, ...]:
    """The words of a column name.

    >>> name_tokens("evolution_chain_id"), name_tokens("productDisplayName")
    (('evolution', 'chain', 'id'), ('product', 'display', 'name'))
    """
    return tuple(token.lower() for token in _TOKEN.findall(name))


def unit_of(name: str) -> str:
    """The unit that a column's name ends in, or "".

    >>> unit_of("weight (kg)"), unit_of("price_usd"), unit_of("attack")
    ('kg', 'usd', '')
    """
    bracketed = _BRACKETED.search(name)
    if bracketed:
        return bracketed.group(1)
    tokens = name_tokens(name)
    return tokens[-1] if len(tokens) > 1 and tokens[-1] in UNITS else ""


def pieces(text: str, separator: str) -> tuple[str, ...]:
    """The classes of a multilabel cell, each once, in order.

    >>> pieces("grass| poison|", "|")
    ('grass', 'poison')
    """
    return tuple(dict.fromkeys(piece for part in text.split(separator) if (piece := part.strip())))
