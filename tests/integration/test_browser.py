"""The report in a real Chromium: it loads whole, says nothing to the console, and fits a phone."""

from __future__ import annotations

import base64
import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from studies.report.figures import style
from studies.report.figures.schemes import for_both_schemes
from studies.report.figures.style import axes_of
from tests.support.finished import finished
from tests.support.reports import written
from tests.support.texts import write_library

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if _CHROMIUM is None:
        pytest.skip("there is no Chromium here: install it (Debian: apt install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with Russian names and signs that mean something to a browser."""
    folder = tmp_path_factory.mktemp("page")
    library = write_library(folder / "library")
    (library / "исповедь.txt").write_text("слова и мысли", encoding="utf-8")
    (library / "a <b> & c.txt").write_text("signs that mean something to a browser", encoding="utf-8")
    return written(*finished(library, folder / "runs"), folder / "report")


_LOOKS: dict[str, dict[str, Any]] = {
    "desk": {"viewport": {"width": 1200, "height": 900}},
    "dark": {"viewport": {"width": 1200, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 360, "height": 740}, "is_mobile": True},
}


@pytest.mark.parametrize("look", list(_LOOKS))
def test_the_page_loads_whole_and_fits(browser: Browser, page_file: Path, look: str) -> None:
    context = browser.new_context(**_LOOKS[look])
    context.set_offline(True)
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(page_file.as_uri())
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    widths = page.eval_on_selector_all("img", "images => images.map(i => i.complete ? i.naturalWidth : 0)")
    assert len(widths) == 6
    assert all(width > 100 for width in widths)
    assert page.evaluate("document.documentElement.scrollWidth") <= _LOOKS[look]["viewport"]["width"]
    assert page.locator("table.rating th[scope=row]", has_text="исповедь").count() == 1
    assert page.locator("table.rating th[scope=row]", has_text="a <b> & c").count() == 1
    context.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_verdict_and_effect_are_in_view_and_more_is_hinted_at(browser: Browser, page_file: Path, width: int) -> None:
    """At 1280 pixels the table was clipped without a hint, and a phone hid the effect."""
    page = browser.new_context(viewport={"width": width, "height": 800}).new_page()
    page.goto(page_file.as_uri())
    scroll = page.locator("div.scroll[aria-label='Rating of the texts']")
    right = scroll.bounding_box()
    assert right is not None
    for cell in page.locator("table.rating tbody tr").first.locator("th, td").all()[:3]:
        box = cell.bounding_box()
        assert box is not None
        assert box["x"] >= right["x"] - 1
        assert box["x"] + box["width"] <= right["x"] + right["width"] + 1
    clipped = scroll.evaluate("e => e.scrollWidth > e.clientWidth")
    assert not clipped or width == 390
    assert "linear-gradient" in scroll.evaluate("e => getComputedStyle(e).backgroundImage")
    page.context.close()


def test_scales_have_the_same_order_of_lightness_in_both_schemes(browser: Browser, tmp_path: Path) -> None:
    """Turned round in the dark, a scale of colors said the opposite; ink and ground do turn round."""
    drawn = {}
    figure, axes = axes_of(2)
    axes.imshow([[0.0, 1.0]], cmap="cividis", aspect="auto")
    address = "data:image/svg+xml;base64," + base64.b64encode(for_both_schemes(style.drawn(figure, "svg"))).decode()
    for scheme in ("light", "dark"):
        page = browser.new_context(color_scheme=scheme, viewport={"width": 600, "height": 200}).new_page()
        page.set_content(
            f"<style>:root{{color-scheme:light dark}}body{{margin:0}}</style><img src='{address}' width=600>"
        )
        page.wait_for_function("document.images[0].complete")
        with Image.open(io.BytesIO(page.screenshot())) as image:
            gray = np.asarray(image.convert("L"))
            drawn[scheme] = [int(gray[y, x]) for x, y in ((200, 90), (450, 90), (2, 2))]
        page.context.close()
    (low, high, ground), (dark_low, dark_high, dark_ground) = drawn["light"], drawn["dark"]
    assert low < high
    assert (dark_low, dark_high) == (low, high)
    assert ground > 200 > 60 > dark_ground


def test_text_is_readable_on_its_ground_in_both_schemes(browser: Browser, page_file: Path) -> None:
    """Contrast of at least 4.5 (WCAG 2.1, AA)."""
    for scheme in ("light", "dark"):
        page = browser.new_context(color_scheme=scheme).new_page()
        page.goto(page_file.as_uri())
        for selector in ("p.lead", "figcaption", "td.helps", ".facts th", "footer p"):
            ratio = page.eval_on_selector(selector, _CONTRAST)
            assert ratio >= 4.5, (scheme, selector)
        page.context.close()


_CONTRAST = """element => {
  const parts = color => color.match(/[\\d.]+/g).map(Number);
  const light = color => {
    const [r, g, b] = parts(color).map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  let ground = element;
  while (parts(getComputedStyle(ground).backgroundColor)[3] === 0) ground = ground.parentElement;
  const [one, other] = [getComputedStyle(element).color, getComputedStyle(ground).backgroundColor].map(light);
  return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
}"""
