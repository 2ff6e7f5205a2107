"""The page at `/`: one file, no request to anybody else, and a policy that a browser holds it to."""

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files

__all__ = ["page", "page_policy"]


@cache
def page() -> str:
    """The page. It holds no data: everything comes from `/v1/schema` and `/v1/predict`, and is only ever text."""
    return files("facetwise.serving").joinpath("page.html").read_text(encoding="utf-8")


@cache
def page_policy() -> str:
    """The header Content-Security-Policy: this script and this style alone, and no other server.

    Source: W3C, Content Security Policy Level 3, section 2.3 (hashes of inline elements).
    """
    script, style = (_hash(name) for name in ("script", "style"))
    return (
        f"default-src 'none'; script-src {script}; style-src {style}; img-src blob:; connect-src 'self'; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )


def _hash(element: str) -> str:
    [text] = re.findall(rf"<{element}>(.*?)</{element}>", page(), flags=re.DOTALL)
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
