"""A real browser for tests of pages: one that a person has installed, never one that a test fetches.

It is told to ask nobody: no updates, no sync, no first-run page. What it requests is recorded, and so is what it
complains about. Where there is none, the test is skipped, and says what would have been used.
"""

import json
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

__all__ = ["DARK", "LIGHT", "WIDTHS", "Browser", "open_browser"]

# Pixels: a small phone, a tablet upright, a laptop.
WIDTHS = (360, 768, 1280)
LIGHT, DARK = "light", "dark"
_BROWSERS, _DRIVERS = ("chromium", "chromium-browser", "google-chrome"), ("chromedriver", "chromium.chromedriver")
_SWITCHES = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps",
    "--disable-extensions", "--force-color-profile=srgb", "--hide-scrollbars", "about:blank",
)  # fmt: skip

# Boxes that reach beyond the window and are in none that scrolls by itself: what makes a page move sideways.
_OVERFLOW = """
const wide = document.documentElement.clientWidth, found = [];
const scrolls = (node) => { for (let up = node.parentElement; up && up !== document.body; up = up.parentElement)
  if (["auto", "scroll", "hidden"].includes(getComputedStyle(up).overflowX)) return true; return false; };
if (document.documentElement.scrollWidth > wide) {
  found.push(`page ${document.documentElement.scrollWidth} > ${wide}`);
  for (const node of document.body.querySelectorAll("*")) {
    const box = node.getBoundingClientRect();
    if (box.width && box.right > wide + 0.5 && !scrolls(node) && found.length < 8)
      found.push(`${node.tagName}.${node.className} ${Math.round(box.right)} ${node.textContent.slice(0, 60)}`);
  }
}
return found;
"""

# Text whose colour stands out too little from what is behind it: 4.5 to 1, or 3 to 1 where letters are large.
# Source: W3C, Web Content Accessibility Guidelines 2.2, success criterion 1.4.3, and its definition of contrast ratio.
_CONTRAST = """
const canvas = document.createElement("canvas"); canvas.width = canvas.height = 1;
const brush = canvas.getContext("2d", { willReadFrequently: true });
const seen = new Map();
const parts = (colour) => { if (!seen.has(colour)) { brush.clearRect(0, 0, 1, 1); brush.fillStyle = colour;
  brush.fillRect(0, 0, 1, 1); seen.set(colour, [...brush.getImageData(0, 0, 1, 1).data]); } return seen.get(colour); };
const over = (top, under) => { const a = top[3] / 255;
  return [0, 1, 2].map((n) => top[n] * a + under[n] * (1 - a)).concat(255); };
const light = (colour) => { const [r, g, b] = colour.slice(0, 3).map((v) => { v /= 255;
  return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
const behind = (node) => { const layers = [];
  for (let up = node; up; up = up.parentElement) { const c = parts(getComputedStyle(up).backgroundColor);
    layers.push(c); if (c[3] === 255) break; }
  const base = matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18, 255] : [255, 255, 255, 255];
  return layers.reverse().reduce((under, top) => over(top, under), base); };
const found = new Map();
for (const node of document.body.querySelectorAll("*")) {
  const own = [...node.childNodes].some((one) => one.nodeType === 3 && one.textContent.trim());
  if (!own || !node.checkVisibility() || node.disabled) continue;
  const style = getComputedStyle(node), under = behind(node);
  const ink = over(parts(node.namespaceURI.endsWith("svg") ? style.fill : style.color), under);
  const [a, b] = [light(ink), light(under)].sort((x, y) => y - x), ratio = (a + 0.05) / (b + 0.05);
  const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
  if (ratio < (large ? 3 : 4.5)) found.set(`${node.tagName}.${node.getAttribute("class")} ${ratio.toFixed(2)}`,
    node.textContent.trim().slice(0, 40));
}
return [...found].map(([what, text]) => `${what}: ${text}`);
"""


class Browser:
    """One window of a real browser, and what it has seen.

    Args:
        driver: Of Selenium.
    """

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, page: Path | str) -> None:
        """A page, from its address or its file; what was seen before is forgotten."""
        self.complaints(), self.requests()
        self.driver.get(page.resolve().as_uri() if isinstance(page, Path) else page)

    def size(self, width: int, height: int = 900, *, scheme: str = LIGHT) -> None:
        """As wide as a device, light or dark."""
        tell = self.driver.execute_cdp_cmd
        tell("Emulation.setDeviceMetricsOverride",
             {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})  # fmt: skip
        tell("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script returns, run as the page's owner."""
        return self.driver.execute_script(script, *arguments)

    def complaints(self) -> list[str]:
        """What the console warns of since it was last asked: errors, refused scripts, failed requests."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("WARNING", "SEVERE")]

    def requests(self) -> list[str]:
        """Every address that was asked for since this was last asked, without those inside of the page itself."""
        found = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                found.append(message["params"]["request"]["url"])
            elif message["method"] == "Page.javascriptDialogOpening":
                found.append(f"dialog: {message['params']['message']}")
        return [address for address in found if not address.startswith(("data:", "blob:", "chrome"))]

    def overflow(self) -> list[str]:
        """What makes the page scroll sideways."""
        return self.run(_OVERFLOW)

    def pale(self) -> list[str]:
        """Text that is too pale to be read."""
        return self.run(_CONTRAST)

    def shot(self, path: Path, *, top: int = 0, height: int = 900) -> None:
        """A picture of a part of the page."""
        import base64

        width = self.run("return document.documentElement.clientWidth")
        clip = {"x": 0, "y": top, "width": width, "height": height, "scale": 1}
        told = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True})
        path.write_bytes(base64.b64decode(told["data"]))


def _found(names: tuple[str, ...]) -> str | None:
    return next((path for name in names if (path := shutil.which(name))), None)


@contextmanager
def open_browser(folder: Path) -> Generator[Browser]:
    """A browser with a fresh profile in the folder, closed at the end; skips the test where there is none.

    Files that a page saves land in `folder / "saved"`.
    """
    webdriver = pytest.importorskip("selenium.webdriver", reason="a real browser is driven by selenium: extra `test`")
    browser, driver = _found(_BROWSERS), _found(_DRIVERS)
    if browser is None or driver is None:
        wanted = _BROWSERS[0] if browser is None else _DRIVERS[0]
        pytest.skip(
            f"no {wanted} is installed; pages are tested in one where it is (Debian: chromium, chromium-driver)"
        )
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for switch in (*_SWITCHES, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(switch)
    options.add_experimental_option("prefs", {"download.default_directory": str(folder / "saved")})
    # What a page asks is answered and recorded; the test goes on.
    options.unhandled_prompt_behavior = "accept"
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    # Without the driver's path Selenium would look for one on the network.
    window = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=driver))
    try:
        window.set_page_load_timeout(60)
        yield Browser(window)
    finally:
        window.quit()
