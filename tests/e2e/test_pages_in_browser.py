"""The pages that a run leaves, in a real browser: inert whatever the names are, whole, readable at every width.

What a reader of HTML says of them is in `tests/unit/test_reports_report.py`; here a browser says it.
"""

import time
from collections.abc import Generator
from pathlib import Path

import pytest

import facetwise as fw
from browser import DARK, LIGHT, WIDTHS, Browser, open_browser
from facetwise import studies
from made_hostile import HOSTILE, QUICK, hostile_names, write_hostile

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Generator[Browser]:
    with open_browser(tmp_path_factory.mktemp("browser")) as window:
        yield window


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> dict[int, fw.Run]:
    """By how many attributes they have. (A browser first: without one nothing is trained for nobody.)"""
    folder, found = tmp_path_factory.mktemp("pages"), {}
    for count in (3, 60):
        table = write_hostile(folder / str(count), hostile_names(count))
        found[count] = fw.train(table, images=table.parent, out=folder / f"run{count}", settings=QUICK)
    return found


@pytest.fixture(scope="module")
def pages(runs: dict[int, fw.Run], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("written")
    found = {f"{name} {count}": run.path / f"{name}.html" for count, run in runs.items() for name in
             ("report", "preview")}  # fmt: skip
    run = runs[3]
    pictures = sorted((run.path.parent / "3").glob("*.png"))[:2]
    found["gallery"] = folder / "gallery.html"
    run.write_gallery(found["gallery"], run.predict(pictures), pictures, explain=hostile_names(2))
    found["audit"] = folder / "audit.html"
    found["audit"].write_text(studies.audit_page(studies.audit_run(run)), encoding="utf-8")
    return found


PAGES = ("report 3", "report 60", "preview 3", "preview 60", "gallery", "audit")


@pytest.mark.parametrize("name", PAGES)
def test_inert_and_readable(name: str, pages: dict[str, Path], browser: Browser) -> None:
    browser.size(WIDTHS[-1])
    browser.open(pages[name])
    # What is folded is opened: nothing may hide there.
    browser.run("for (const one of document.querySelectorAll('details')) one.open = true")
    for width in WIDTHS:
        browser.size(width)
        assert browser.overflow() == [], width
    for scheme in (LIGHT, DARK):
        browser.size(WIDTHS[1], scheme=scheme)
        assert browser.run("return matchMedia('(prefers-color-scheme: dark)').matches") is (scheme == DARK)
        assert browser.pale() == [], scheme
    assert browser.complaints() == []
    assert browser.requests() == [pages[name].resolve().as_uri()]
    told = browser.run("return document.body.innerText")
    assert HOSTILE[0] in told
    assert (
        browser.run("return document.scripts.length + document.querySelectorAll('iframe, object, embed').length") == 0
    )
    # What is text stays text: none of it became an attribute that does something.
    assert browser.run("return [...document.querySelectorAll('*')].flatMap((node) => [...node.attributes])"
                       ".filter((one) => one.name.startsWith('on')).length") == 0  # fmt: skip


@pytest.mark.parametrize("count", [3, 60])
def test_every_attribute_is_reached_by_its_link(
    count: int, pages: dict[str, Path], runs: dict[int, fw.Run], browser: Browser
) -> None:
    browser.size(WIDTHS[0])
    browser.open(pages[f"report {count}"])
    reached = browser.run("""
      return [...document.querySelectorAll('h2#index ~ .wide a')].map((link) => {
        link.click();
        const there = document.querySelector(':target');
        const top = Math.round(there.getBoundingClientRect().top);
        return [there.id, there.querySelector("h3").firstChild.textContent, top];
      });""")
    # The index itself fits a phone: nobody has to push a table about to find an attribute.
    assert (
        browser.run("const it = document.querySelector('h2#index + .wide'); return it.scrollWidth - it.clientWidth")
        == 0
    )
    schema = runs[count].schema
    assert [one[0] for one in reached][: len(schema.attributes)] == [attribute.id for attribute in schema.attributes]
    for (_, said, top), attribute in zip(reached, schema.attributes, strict=False):
        assert said.startswith(attribute.column[:20].strip())
        assert -5 <= top < 900  # the last sections cannot come to the top of the window


def test_the_browser_sees_what_is_wrong(browser: Browser, tmp_path: Path) -> None:
    """The checks above can fail: each fault of a bad page is seen."""
    page = tmp_path / "bad.html"
    page.write_text(
        '<!doctype html><meta charset="utf-8"><body style="background: white"><p style="color: #999">pale</p>'
        '<p style="width: 2000px">wide</p><img src="gone.png">',
        encoding="utf-8",
    )
    browser.size(WIDTHS[0])
    browser.open(page)
    assert len(browser.overflow()) >= 2
    assert [one.split(":")[1] for one in browser.pale()] == [" pale"]
    assert [one for one in browser.complaints() if "gone.png" in one]
    browser.run("setTimeout(() => alert(1), 50)")  # last: a dialog that is open stops every other question
    wanted, seen, until = {(tmp_path / "gone.png").resolve().as_uri(), "dialog: 1"}, set[str](), time.monotonic() + 30
    while not wanted <= seen and time.monotonic() < until:
        seen |= set(browser.requests())
        time.sleep(0.1)
    assert wanted <= seen
