"""Chromium for the tests: where it is, and pages that are opened with the network cut off."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


def find_chromium() -> str | None:
    """The path of Chromium, or None where there is none, or no Playwright to drive it."""
    if find_spec("playwright") is None:
        return None
    return next((path for path in map(shutil.which, NAMES) if path), None)


@contextmanager
def launched() -> Iterator[Any]:
    """A running headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=find_chromium(), args=list(ARGUMENTS), timeout=60_000
        )
        try:
            yield chromium
        finally:
            chromium.close()


@dataclass
class Visit:
    """An open page and what went wrong on it."""

    page: Any
    problems: list[str] = field(default_factory=list)


@contextmanager
def visit(
    chromium: Any, address: Path | str, width: int = 1280, scripts: bool = True, **options: Any
) -> Iterator[Visit]:
    """Open a file with the network cut off; note failed and foreign requests and errors.

    `options` go to the browser's context, as `color_scheme="dark"`.
    """
    options |= {"viewport": {"width": width, "height": 900}, "java_script_enabled": scripts}
    context = chromium.new_context(offline=True, **options)
    try:
        # On a busy machine half a minute is not enough.
        context.set_default_timeout(180_000)
        page = context.new_page()
        seen = Visit(page)
        note = seen.problems.append
        page.on("requestfailed", lambda request: note(f"failed request: {request.url[:200]}"))
        page.on("request", lambda request: _foreign(request.url, note))
        page.on("console", lambda message: _told(message, note))
        page.on("pageerror", lambda error: note(f"page error: {error}"))
        page.on("dialog", lambda dialog: (note(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.goto(address.resolve().as_uri() if isinstance(address, Path) else address)
        yield seen
    finally:
        context.close()


@contextmanager
def live(chromium: Any, width: int = 1280, height: int = 900, **options: Any) -> Iterator[Any]:
    """A page that may use the network, for what a server of the test's own serves."""
    context = chromium.new_context(viewport={"width": width, "height": height}, **options)
    context.set_default_timeout(120_000)
    try:
        yield context.new_page()
    finally:
        context.close()


def overflow(page: Any) -> int:
    """By how many pixels the page is wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth - window.innerWidth")


def _foreign(url: str, note: Any) -> None:
    if not url.startswith(("file:", "data:", "blob:", "about:")):
        note(f"request: {url[:200]}")


def _told(message: Any, note: Any) -> None:
    if message.type in ("error", "warning"):
        note(f"console: {message.text}")
