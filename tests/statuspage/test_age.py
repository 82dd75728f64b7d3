"""The published page in a browser: it says how old it is, and doesn't stay green when old."""

import runpy
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import sync_playwright

from statuspage import operations
from tests.architecture.tree import ROOT
from tests.factories.statuspage import make_components

Publish = Callable[[datetime], str]

pytestmark = pytest.mark.browser


def find_chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("no Chromium here")
    return found


@dataclass(frozen=True)
class Seen:
    """What a visitor sees once the page has settled."""

    tone: str | None
    headline: str
    age: str
    width: int
    complaints: list[str]


def look(url: str, *, with_script: bool = True, width: int = 1280) -> Seen:
    """Open a page in a thread of its own: the browser's event loop keeps away from the database."""
    path = find_chromium()
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(_look, path, url, with_script=with_script, width=width).result()


def _look(path: str, url: str, *, with_script: bool, width: int) -> Seen:
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(
            java_script_enabled=with_script,
            locale="sv-SE",
            viewport={"width": width, "height": 900},
        )
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(url, wait_until="networkidle")
        seen = Seen(
            tone=page.get_attribute("[data-banner]", "data-tone"),
            headline=page.inner_text("h1"),
            age=page.inner_text(".banner-age"),
            width=page.evaluate("document.documentElement.scrollWidth") if with_script else width,
            complaints=complaints,
        )
        browser.close()
    return seen


@pytest.fixture
def publish(db: None, tmp_path: Path) -> Iterator[Publish]:
    handler: type[BaseHTTPRequestHandler] = runpy.run_path(
        str(ROOT / "deploy/status_host/serve.py")
    )["Handler"]
    quiet = type("Quiet", (handler,), {"root": tmp_path.resolve(), "log_message": lambda *_: None})
    server = ThreadingHTTPServer(("127.0.0.1", 0), quiet)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    def _publish(now: datetime) -> str:
        operations.publish_site(out=tmp_path, now=now)
        return f"http://127.0.0.1:{server.server_port}"

    make_components()
    yield _publish
    server.shutdown()
    server.server_close()


def test_fresh_page_is_green_and_says_its_age(publish: Publish) -> None:
    seen = look(publish(timezone.now() - timedelta(minutes=4, seconds=5)))

    assert (seen.tone, seen.headline) == ("good", "Allt fungerar")
    assert seen.age == "Uppgifterna är 4 minuter gamla."
    assert seen.complaints == []


def test_old_page_is_grey_and_says_so(publish: Publish) -> None:
    seen = look(publish(timezone.now() - timedelta(minutes=11, seconds=5)))

    assert (seen.tone, seen.headline) == ("unknown", "Läget är okänt just nu")
    assert "11 minuter" in seen.age
    assert seen.complaints == []


def test_page_without_scripts_says_when_it_was_made(publish: Publish) -> None:
    seen = look(publish(timezone.now()), with_script=False)

    assert (seen.tone, seen.headline) == ("good", "Allt fungerar")
    assert seen.age.startswith("Läget ")


@pytest.mark.parametrize("width", [390, 1280])
def test_page_fits_the_screen(publish: Publish, width: int) -> None:
    assert look(publish(timezone.now()), width=width).width == width
