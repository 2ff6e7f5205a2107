"""Dates, times, and numbers as other people write them: recognised, so that they can be named; never converted.

"1.299" is thirteen hundred in one country and one and a bit in another, so a guess would be silently wrong somewhere.
"""

import re
from collections.abc import Iterable

from facetwise.data._spelling import UNITS, words

__all__ = ["is_date", "only_a_sign", "other_number", "unit_beside", "units_beside"]

_TIME = r"\d{1,2}:\d{2}(:\d{2}([.,]\d{1,9})?)?(\s*[AaPp][Mm])?"
_ZONE = r"(\s*(Z|UTC|[+-]\d{2}:?\d{2}))?"
_MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec)[a-z]{0,6}\.?"
_DATE = re.compile(
    rf"((19|20)\d{{2}}([-/.:])\d{{1,2}}\3\d{{1,2}}|\d{{1,2}}([-/.])\d{{1,2}}\4(\d{{4}}|\d{{2}})"
    rf"|\d{{1,2}}[\s-]?{_MONTH}[\s-]?,?\s?\d{{2,4}}|{_MONTH}\s\d{{1,2}},?\s\d{{4}})([T\s]+{_TIME}{_ZONE})?"
    rf"|{_TIME}{_ZONE}",
    re.IGNORECASE,
)
_EIGHT_DIGITS = re.compile(r"(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")
_GROUPS = " '\u2019\u00a0\u202f"
_OTHER = re.compile(
    rf"[+-]?(\d{{1,3}}([.,{_GROUPS}]\d{{3}})+([.,]\d+)?|\d+,\d+|\d+)"  # 1.299,50  1,299.50  1 299,50  0,5
)
_SIGN = re.compile(r"^([€$£¥₹]|EUR|USD|GBP)\s?|\s?([€$£¥₹%‰]|EUR|USD|GBP)$")
_PLAIN = re.compile(r"[+-]?\d+(\.\d+)?")
_AMOUNT = rf"[+-]?(?:\d{{1,3}}(?:[.,{_GROUPS}]\d{{3}})+(?:[.,]\d+)?|\d+(?:[.,]\d+)?)"
_AFTER = re.compile(rf"{_AMOUNT}(\s?)((?:[^\W\d_]|[°²³/\"″′€$£¥₹₩₽₺₫₪]){{1,8}}\.?)")
_BEFORE = re.compile(rf"([A-Za-z]{{0,3}}[€$£¥₹₩₽₺₫₪]|[A-Za-z]{{2,3}}\.?)\s?{_AMOUNT}")
# Money may stand before the number; of other words only what is no name ("size 12", "item 12") would be a unit.
_MONEY = words(
    "aed ars aud bdt brl cad chf clp cny cop czk dkk egp eur gbp hkd huf idr ils inr jpy krw kr lkr mad mxn myr ngn "
    "nok nzd php pkr pln rm rmb ron rs rub sar sek sgd thb tl try twd tzs uah usd vnd zar zł"
)
_KNOWN = UNITS | _MONEY


def is_date(text: str) -> bool:
    """Whether a text is a date, a time of day, or both.

    >>> [is_date(text) for text in ("2026-03-01", "3.1.2026 10:15", "20260301", "5 May 2026", "12", "1.5", "10:3")]
    [True, True, True, True, False, False, False]
    """
    return len(text) <= 40 and bool(_DATE.fullmatch(text) or _EIGHT_DIGITS.fullmatch(text))


def other_number(text: str) -> bool:
    """Whether a text is a number with a comma, with groups of thousands, or with the sign of a currency or percent.

    >>> [other_number(text) for text in ("1.299,50", "1,299.50", "0,5", "€ 12.50", "5 %", "12", "1.5", "1,2,3")]
    [True, True, True, True, True, False, False, False]
    """
    if len(text) > 40 or not any(sign.isdigit() for sign in text):
        return False
    bare = _SIGN.sub("", text)
    if bare != text:
        return bool(_OTHER.fullmatch(bare) or _PLAIN.fullmatch(bare))
    return not _PLAIN.fullmatch(text) and bool(_OTHER.fullmatch(text))


def unit_beside(text: str) -> str | None:
    """The word or sign beside a text's only number, where it can be a unit.

    >>> [unit_beside(text) for text in ("26.0 cm", "Rs. 1850", "1,5 Zoll", "12", "size 38", "3XL")]
    ['cm', 'Rs.', 'Zoll', None, None, None]
    """
    if len(text) > 40:
        return None
    if after := _AFTER.fullmatch(text):
        space, word = after.groups()
        # Close to its number a word that nobody knows is rather part of a code ("3XL").
        return word if space or _is_known(word) else None
    before = _BEFORE.fullmatch(text)
    return before.group(1) if before and _is_known(before.group(1), _MONEY) else None


def _is_known(unit: str, known: frozenset[str] = _KNOWN) -> bool:
    sign = not unit[-1].isalpha() and unit[-1] != "."
    return sign or unit.strip(".°").casefold() in known


def units_beside(texts: Iterable[str]) -> dict[str, str]:
    """Text to the unit beside its number: units that are known, or one and the same word in all of them.

    >>> units_beside(["1950 INR", "Rs. 1850", "12", "3 pcs"]), units_beside(["3 pcs", "4 pcs"])
    ({'1950 INR': 'INR', 'Rs. 1850': 'Rs.'}, {'3 pcs': 'pcs', '4 pcs': 'pcs'})
    """
    found = {text: unit for text in texts if (unit := unit_beside(text)) is not None}
    if len({unit.rstrip(".").casefold() for unit in found.values()}) > 1:
        return {text: unit for text, unit in found.items() if _is_known(unit)}
    return found


def only_a_sign(text: str) -> bool:
    """Whether a text is a number as facetwise reads it but for the sign of a currency or percent.

    >>> only_a_sign("50 %"), only_a_sign("0,5 %"), only_a_sign("50")
    (True, False, False)
    """
    bare = _SIGN.sub("", text)
    return bare != text and bool(_PLAIN.fullmatch(bare))
