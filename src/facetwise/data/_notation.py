"""Dates, times, and numbers as other people write them: recognised, so that they can be named; never converted.

"1.299" is thirteen hundred in one country and one and a bit in another, so a guess would be silently wrong somewhere.
"""

import re

__all__ = ["is_date", "only_a_sign", "other_number"]

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


def only_a_sign(text: str) -> bool:
    """Whether a text is a number as facetwise reads it but for the sign of a currency or percent.

    >>> only_a_sign("50 %"), only_a_sign("0,5 %"), only_a_sign("50")
    (True, False, False)
    """
    bare = _SIGN.sub("", text)
    return bare != text and bool(_PLAIN.fullmatch(bare))
