"""The server's page in a real browser: photos in, every attribute out, a value corrected, with the keys alone."""

import csv
import re
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

import facetwise as fw
from browser import DARK, LIGHT, WIDTHS, Browser, open_browser
from made_hostile import HOSTILE, ITEMS, QUICK, hostile_names, write_hostile

pytestmark = pytest.mark.slow

PRICE, TAGS = "price <b>", "tags' onload='alert(1)"
PATIENCE = 30.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def browser(folder: Path) -> Generator[Browser]:
    with open_browser(folder) as window:
        yield window


@pytest.fixture(scope="module")
def run(folder: Path, browser: Browser) -> fw.Run:
    """An attribute of every kind; some with names that want to be something else."""
    more = {
        PRICE: [f"{5 + n % 7}.{n % 10}0" for n in range(ITEMS)],
        TAGS: [
            "|".join(tag for place, tag in enumerate(("<i>a", "b&amp;", "c")) if n >> place & 1) for n in range(ITEMS)
        ],
    }
    table = write_hostile(folder / "shop", hostile_names(4), **more)
    return fw.train(table, images=table.parent, out=folder / "run", settings=QUICK)


@pytest.fixture(scope="module")
def address(run: fw.Run) -> Generator[str]:
    command = [sys.executable, "-m", "facetwise", "serve", str(run.path), "--port", "0", "--threads", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = ""
            while not (found := re.search(r"http://127\.0\.0\.1:\d+", said)):
                line = process.stdout.readline()
                assert line, f"{said}\n{process.stderr.read() if process.stderr else ''}"
                said += line
            yield found[0] + "/"
        finally:
            process.terminate()
            process.communicate(timeout=30)


def _wait(browser: Browser, script: str, *, patience: float = PATIENCE) -> Any:
    """Until a script returns something."""
    end = time.monotonic() + patience
    while not (found := browser.run(script)):
        assert time.monotonic() < end, (script, browser.run("return document.body.innerText"))
        time.sleep(0.05)
    return found


def _press(browser: Browser, *keys: str) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    for key in keys:
        ActionChains(browser.driver).send_keys(key).perform()


def _reach(browser: Browser, script: str) -> None:
    """Go on with the tab key until what a script tests has the focus, and shows it."""
    from selenium.webdriver.common.keys import Keys

    for _ in range(60):
        _press(browser, Keys.TAB)
        if browser.run(f"const it = document.activeElement; return {script}"):
            outline = "const it = document.activeElement, box = it.type === 'file' ? it.closest('label') : it;"
            assert browser.run(f"{outline} return getComputedStyle(box).outlineStyle") != "none"
            return
    raise AssertionError(f"no key leads to {script}")


def _upload(browser: Browser, *files: Path) -> None:
    # The window in which files are chosen is the system's, which no page can open by itself: they are given here.
    browser.driver.find_element("id", "files").send_keys("\n".join(map(str, files)))
    _wait(browser, "return document.querySelector('article .cell, article .issue')")


def test_a_value_is_corrected_with_the_keys_alone(run: fw.Run, address: str, browser: Browser, folder: Path) -> None:
    from selenium.webdriver.common.keys import Keys

    photo = min((folder / "shop").glob("*.png"))
    browser.size(WIDTHS[-1])
    browser.open(address)
    columns = [attribute.column for attribute in run.schema.attributes]
    assert set(columns) >= {*hostile_names(4), PRICE, TAGS}
    _wait(browser, f"return document.getElementById('about').textContent.includes('{len(columns)} attributes')")
    _reach(browser, "it.id === 'files'")
    _upload(browser, photo)
    said = browser.run("return [...document.querySelectorAll('.cell .name')].map((one) => one.textContent)")
    assert said == columns
    # The answer of the page is that of `predict`.
    cell = run.predict([photo]).rows[0][HOSTILE[0]]
    first = "document.querySelector('.cell select')"
    assert browser.run(f"return {first}.value") == cell.value
    _reach(browser, f"it === {first}")
    other = next(name for name in run.schema.attribute(HOSTILE[0]).classes if name != cell.value)
    place = browser.run(f"return [...{first}.options].findIndex((one) => one.value === arguments[0])", other)
    _press(browser, Keys.HOME, *[Keys.ARROW_DOWN] * place)
    assert browser.run(f"return {first}.value") == other
    _reach(browser, "it.tagName === 'BUTTON' && it.textContent.startsWith('Ask again')")
    _press(browser, Keys.ENTER)
    _wait(browser, f"return {first} && {first}.value === arguments[0] && document.querySelector('.cell.mine')"
                   .replace("arguments[0]", repr(other)))  # fmt: skip
    _reach(browser, "it.id === 'save'")
    _press(browser, Keys.ENTER)
    saved, end = folder / "saved" / "corrections.csv", time.monotonic() + PATIENCE
    while not saved.exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    with saved.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    quoted = f"'{other}" if other.startswith("=") else other
    assert rows == [{"image": f"'{photo.name}", "attribute": HOSTILE[0], "old": "", "new": quoted, "accept": "yes"}]


MAP = "document.querySelector('.frame canvas')"
# How much of the photo is dimmed, 0 to 255, at a place of the map given as shares of its sides.
DIMMED = f"""const map = {MAP}, copy = document.createElement('canvas');
copy.width = map.width; copy.height = map.height;
const brush = copy.getContext('2d', {{ willReadFrequently: true }});
brush.drawImage(map, 0, 0);
const at = (x, y) => brush.getImageData(Math.floor(x * map.width), Math.floor(y * map.height), 1, 1).data[3];"""


def test_where_an_answer_comes_from_is_drawn_on_the_photo(
    run: fw.Run, address: str, browser: Browser, folder: Path
) -> None:
    from selenium.webdriver.common.keys import Keys

    photo = min((folder / "shop").glob("*.png"))
    columns = [attribute.column for attribute in run.schema.attributes]
    browser.size(WIDTHS[0])
    browser.open(address)
    _upload(browser, photo)
    hint = browser.run("return document.querySelector('figcaption').textContent")
    assert "82 passes of the model" in hint
    _reach(browser, "it.matches('.cell:first-of-type button.sure, .cell button.sure')")
    assert HOSTILE[0] in browser.run("return document.activeElement.getAttribute('aria-label')")
    _press(browser, Keys.ENTER)
    _wait(browser, f"return !{MAP}.hidden", patience=120)
    caption = browser.run("return document.querySelector('figcaption').textContent")
    assert caption.startswith(f"{HOSTILE[0]}: ")
    assert "82 passes" in caption
    assert browser.run("return document.getElementById('said').textContent") == caption
    assert browser.run("return document.activeElement.ariaPressed") == "true"
    # The map on the photo is that of the run.
    heat = run.explain(photo, [HOSTILE[0]]).regions[HOSTILE[0]].heat
    if heat.max() >= 0.25:
        for place, bright in ((heat.argmax(), True), (heat.argmin(), False)):
            row, column = divmod(int(place), heat.shape[1])
            dim = browser.run(f"{DIMMED} return at({(column + 0.5) / 8}, {(row + 0.5) / 8})")
            assert (dim < 60) if bright else (dim > 100)
    # It lies on the photo, whatever the window.
    for width in WIDTHS:
        browser.size(width)
        assert browser.run(f"""const a = {MAP}.getBoundingClientRect(),
          b = document.querySelector('.frame img').getBoundingClientRect();
          return ['left', 'top', 'width', 'height'].every((one) => Math.abs(a[one] - b[one]) < 1)""")
        assert browser.overflow() == [], width
    for scheme in (LIGHT, DARK):
        browser.size(WIDTHS[0], scheme=scheme)
        assert browser.pale() == [], scheme
    # Every other attribute is there already, and so is the way back.
    browser.run("document.querySelectorAll('button.sure')[1].click()")
    second = browser.run("return document.querySelector('figcaption').textContent")
    assert second.startswith(f"{columns[1]}: ")
    assert [one for one in browser.requests() if "explain" in one] == [f"{address}v1/explain"]
    _press(browser, Keys.ESCAPE)
    assert browser.run(f"return {MAP}.hidden && !document.querySelector('[aria-pressed=true]')")
    browser.run("document.querySelectorAll('button.sure')[0].click()")
    _reach(browser, "it.textContent === 'Show the whole photo'")
    _press(browser, Keys.ENTER)
    assert browser.run(f"return {MAP}.hidden && document.activeElement.matches('button.sure')")
    assert browser.complaints() == []
    assert browser.run("return document.querySelectorAll('article :is(script, svg, style, b, i)').length") == 0


def test_it_is_inert_and_readable(address: str, browser: Browser, folder: Path) -> None:
    broken = folder / "<img src=x onerror=alert(1)>.png"
    broken.write_bytes(b"no picture")
    browser.open(address)
    _upload(browser, *sorted((folder / "shop").glob("*.png"))[1:4], broken)
    _wait(browser, "return document.querySelectorAll('article .cell').length >= 12 && document.querySelector('.issue')")
    browser.run("for (const one of document.querySelectorAll('details')) one.open = true")
    for width in WIDTHS:
        browser.size(width)
        assert browser.overflow() == [], width
    for scheme in (LIGHT, DARK):
        browser.size(WIDTHS[0], scheme=scheme)
        assert browser.pale() == [], scheme
    assert browser.complaints() == []
    assert not [one for one in browser.requests() if not one.startswith(address)]
    told = browser.run("return document.body.innerText")
    assert broken.name in told
    assert HOSTILE[0] in told
    assert browser.run("return document.querySelectorAll('article :is(script, svg, style, b, i)').length") == 0
    assert browser.run("return [...document.images].every((one) => one.src.startsWith('blob:'))")
