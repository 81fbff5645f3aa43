"""The report in a real Chromium: it loads whole, says nothing to the console, and fits a phone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

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
    assert len(widths) == 5
    assert all(width > 100 for width in widths)
    assert page.evaluate("document.documentElement.scrollWidth") <= _LOOKS[look]["viewport"]["width"]
    assert page.locator("th[scope=row]", has_text="исповедь").count() == 1
    assert page.locator("th[scope=row]", has_text="a <b> & c").count() == 1
    context.close()


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
  const parts = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = colour => {
    const [r, g, b] = parts(colour).map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  let ground = element;
  while (parts(getComputedStyle(ground).backgroundColor)[3] === 0) ground = ground.parentElement;
  const [one, other] = [getComputedStyle(element).color, getComputedStyle(ground).backgroundColor].map(light);
  return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
}"""
