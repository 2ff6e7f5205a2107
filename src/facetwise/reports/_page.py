"""The skeleton of every page: one file that opens without a network, in light and dark, and runs nothing.

The policy in its head forbids the browser every script and every request; pictures are part of the page.
"""

from html import escape

__all__ = ["LONGEST", "bar", "page", "share", "text"]

# Letters of a name that are shown: a cell may hold a whole letter, a page has no room for it.
LONGEST = 80
# Marks that turn the direction of text around: a name with one of them could look like another.
_TURNING = {*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C}
_ODD = str.maketrans(
    dict.fromkeys((*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *_TURNING), " ")
    # Lone surrogates stand for bytes that are no text, and no file can be written with them.
    | dict.fromkeys(range(0xD800, 0xE000), "\N{REPLACEMENT CHARACTER}")
)
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STYLE = """
:root { color-scheme: light dark; --paper: #fff; --panel: #f6f6f4; --ink: #1d1d1b; --soft: #5e5e5a; --line: #deded9;
  --train: #2f6fb0; --track: #e6e6e1; --empty: #b9b9b2; --absent: #d9a441; --warn: #9a3412; }
@media (prefers-color-scheme: dark) { :root { --paper: #161614; --panel: #20201e; --ink: #ecece7; --soft: #a5a59e;
  --line: #3a3a36; --train: #6ba8e5; --track: #2e2e2a; --empty: #6b6b64; --absent: #b98526; --warn: #fdba74; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1.25rem 1rem 3rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 2.25rem 0 .5rem; }
h3 { font-size: 1rem; margin: 0; } p { margin: .35rem 0; } a { color: var(--train); }
.soft { color: var(--soft); } .small { font-size: .85rem; } .warn { color: var(--warn); }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .9rem; overflow-wrap: normal; }
th, td { padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { font-weight: 600; font-size: .8rem; color: var(--soft); vertical-align: bottom; }
th:last-child, td:last-child { padding-right: 0; } tbody tr:hover { background: var(--panel); }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
th.number { white-space: normal; } th.keep { white-space: nowrap; } table.narrow { max-width: 34rem; }
td.name { min-width: 8rem; max-width: 22rem; overflow-wrap: anywhere; } td .range { margin-top: .3rem; }
a:focus-visible, summary:focus-visible { outline: 2px solid var(--train); outline-offset: 2px; border-radius: 2px; }
summary:hover { color: var(--train); }
ul { margin: .35rem 0; padding-left: 1.2rem; } summary { cursor: pointer; }
.bar { display: flex; height: .7rem; border-radius: 2px; background: var(--track); overflow: hidden; }
.bar i { flex: none; height: 100%; background: var(--train); } .bar i.some { min-width: 2px; }
@media (max-width: 34rem) { .optional { display: none; } th, td { padding-right: .5rem; }
  td.name { min-width: 7.6rem; } .wide td .range { min-width: 2.6rem; } }
.bar i.unknown { background: var(--empty); } .bar i.absent { background: var(--absent); }
"""


def text(given: object, *, longest: int = LONGEST) -> str:
    """Anything with a name as text that a page shows and never obeys.

    Escaped for element content and for attribute values in either quotes; without control characters; cut after
    `longest` letters, with the number of those left out.

    >>> text('<b title="x">'), text("a" * 90, longest=3)
    ('&lt;b title=&quot;x&quot;&gt;', 'aaa… (87 more letters)')
    """
    said = str(given)
    kept = said[:longest].translate(_ODD)
    rest = f"… ({len(said) - longest:,} more letters)" if len(said) > longest else ""
    return escape(kept) + rest


def share(part: float, whole: float) -> str:
    """A share in per cent, that says 0 % and 100 % only where it is meant.

    >>> share(1, 3), share(1, 100_000), share(99_999, 100_000), share(0, 0)
    ('33 %', '< 1 %', '> 99 %', 'n/a')
    """
    if not whole:
        return "n/a"
    percent = 100 * part / whole
    if 0 < percent < 1:
        return "< 1 %"
    return "> 99 %" if 99 < percent < 100 else f"{percent:.0f} %"


def bar(*parts: tuple[float, str]) -> str:
    """A bar filled by shares between 0 and 1, from the left, each with the name of its style ("" for the first).

    >>> bar((0.25, ""), (0.5, "unknown"))
    '<span class="bar"><i class="some" style="width:25%"></i><i class="some unknown" style="width:50%"></i></span>'
    """
    pieces = [
        f'<i class="{" ".join(filter(None, ("some", style)))}" style="width:{100 * part:.4g}%"></i>'
        for part, style in parts
        if part > 0
    ]
    return f'<span class="bar">{"".join(pieces)}</span>'


def page(title: str, body: str, *, style: str = "") -> str:
    """A whole HTML document.

    Args:
        title: Of the window; any text.
        body: HTML whose texts went through `text`.
        style: CSS of this page, after what all pages share.

    >>> "<title>facetwise: a &lt; b</title>" in page("a < b", "<p>told</p>")
    True
    """
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>facetwise: {text(title)}</title>
<style>{_STYLE}{style}</style>
</head>
<body>
{body}
</body>
</html>
"""
