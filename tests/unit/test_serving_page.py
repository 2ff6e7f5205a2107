"""The page asks nobody else, runs nothing of a stranger, and a browser is told to hold it to that (bar 19)."""

import base64
import hashlib
import re
from html.parser import HTMLParser

from facetwise.serving._page import page, page_policy


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def _script() -> str:
    [script] = re.findall(r"<script>(.*?)</script>", page(), flags=re.DOTALL)
    return script


def test_it_asks_nobody_else() -> None:
    reader = _Reader()
    reader.feed(page())
    for tag, attributes in reader.tags:
        assert tag not in ("link", "iframe", "object", "embed", "base", "form"), tag
        assert not {"src", "href", "srcset", "style"} & set(attributes), (tag, attributes)
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
    assert "//" not in re.sub(r"^\s*//.*$", "", page(), flags=re.MULTILINE).replace("<!doctype", "")
    assert "@import" not in page()
    assert "url(" not in page()


def test_text_of_strangers_is_only_ever_text() -> None:
    """Whatever turns text into markup or code is not there; what sets text is."""
    script = _script()
    for word in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "Function(", "DOMParser",
                 "setTimeout(\"", "srcdoc", "createContextualFragment", "javascript:", ".cssText"):  # fmt: skip
        assert word not in script, word
    assert "textContent" in script
    # Addresses are only of files that the user has chosen or saved.
    for line in re.findall(r"\.(?:src|href) = (.*);", script):
        assert line.startswith("URL.createObjectURL("), line
    # Attributes by name: one, with a name of ours.
    assert re.findall(r"setAttribute\((.*?),", script) == ['"aria-label"']
    # Columns of a table are keys of an object without a prototype.
    assert "Object.create(null)" in script


def test_the_policy_allows_this_script_and_this_style_alone() -> None:
    policy = dict(part.strip().split(" ", 1) for part in page_policy().split(";"))
    own = hashlib.sha256(_script().encode()).digest()
    assert policy["script-src"] == f"'sha256-{base64.b64encode(own).decode()}'"
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
    assert policy["connect-src"] == "'self'"
    assert "unsafe" not in page_policy()


def test_it_is_for_everybody() -> None:
    text = page()
    for words in ('name="viewport"', "prefers-color-scheme: dark", "max-width: 40rem", 'role="status"', "aria-live",
                  "aria-label", ":focus-visible", 'lang="en"'):  # fmt: skip
        assert words in text
