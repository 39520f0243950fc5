"""Prefect's pages in a real browser: Debian's Chromium, driven by Playwright, which reaches this machine and no other.

Without Chromium these tests are skipped, unless `AGENTIC_PREFECT_REQUIRE_BROWSER` says that they must run. Every
picture that a test takes is kept in `build/screenshots`.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from tests import patient
from tests.conftest import REPOSITORY

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: see the extra `dev`.")

SCREENSHOTS: Final = REPOSITORY / "build" / "screenshots"
REQUIRED: Final = "AGENTIC_PREFECT_REQUIRE_BROWSER"
PATIENCE_MS: Final = 120_000
"""A busy machine draws slowly; nothing here is judged by its speed."""


def _chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        why = "There is no Chromium: `make browser` installs it on Debian."
        if os.environ.get(REQUIRED):
            pytest.fail(why)
        pytest.skip(why)
    return found


DRAWN_BYTES: Final = 4_000
"""As a picture, a graph that has been drawn is larger than this, an empty one smaller."""


@dataclass
class Browser:
    """One page of Prefect's UI, and the API behind it."""

    page: Any
    api_url: str

    @property
    def host(self) -> str:
        """Where the pages are."""
        return self.api_url.removesuffix("/api")

    def open(self, path: str) -> None:
        """Go to a page of the UI, such as `runs/flow-run/ID`."""
        self.page.goto(f"{self.host}/v2/{path}")

    def open_artifact(self, run_id: str, key: str) -> None:
        """Go to the page of one of a run's artifacts."""
        of_run = {"artifacts": {"key": {"any_": [key]}}, "flow_runs": {"id": {"any_": [run_id]}}}
        (artifact,) = self.until(lambda: self.post("artifacts/filter", **of_run), f"the artifact {key}")
        self.open(f"artifacts/artifact/{artifact['id']}")

    def shot(self, name: str, *, whole: bool = False) -> None:
        """Take a picture of what is to be seen, or of the whole page with what is below."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        # Menus, toasts and dialogs move for a moment.
        self.page.wait_for_timeout(300)
        self.page.screenshot(path=str(SCREENSHOTS / f"{name}.png"), full_page=whole)

    def get(self, path: str) -> Any:
        """What the API says."""
        answer = patient.get(f"{self.api_url}/{path}")
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, **body: Any) -> Any:
        """What the API answers."""
        answer = patient.post(f"{self.api_url}/{path}", json=body)
        answer.raise_for_status()
        return answer.json()

    def inputs_of(self, run_id: str, key: str) -> list[Any]:
        """What the server keeps of a run's forms and answers under a key."""
        found = self.post(f"flow_runs/{run_id}/input/filter", prefix=key, limit=100)
        return [each["value"] for each in found]

    def until(self, look: Callable[[], Any], what: str) -> Any:
        """What `look` gives once it gives something."""
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while True:
            if found := look():
                return found
            if time.monotonic() > deadline:
                self.shot("failed")
                pytest.fail(f"waited in vain for {what}")
            self.page.wait_for_timeout(200)

    def state_of(self, run_id: str) -> str:
        """The name of a flow run's state."""
        return str(self.get(f"flow_runs/{run_id}")["state"]["name"])

    def sees_state(self, name: str) -> None:
        """Wait until the run's page shows this state."""
        badge = self.page.locator('main [class*="bg-state-"]').first
        sync_api.expect(badge).to_have_text(re.compile(name), timeout=PATIENCE_MS)

    def sees_graph(self) -> None:
        """Wait until the run's graph is drawn: a canvas of one colour is a small picture."""
        canvas = self.page.locator("main canvas").first
        canvas.wait_for()
        self.until(lambda: len(canvas.screenshot()) > DRAWN_BYTES, "the drawn graph")

    def submit(self, form: Any, button: str) -> None:
        """Send a form off. The page may take a first click for one beside a field that was being typed in."""

        def gone() -> bool:
            if form.is_visible():
                form.get_by_role("button", name=button, exact=True).click()
                self.page.wait_for_timeout(1_000)
            return not form.is_visible()

        self.until(gone, "the form to close")

    def choose(self, action: str) -> Any:
        """Open the run's menu and take an entry; the dialog that it opens."""
        self.page.locator("main button[aria-haspopup=menu]:has(svg.lucide-ellipsis-vertical)").first.click()
        self.page.get_by_role("menuitem", name=action, exact=True).click()
        # A list of choices that is being closed is a dialog, too, for a moment.
        return self.page.locator('[role="dialog"][data-slot="dialog-content"], [role="alertdialog"]')

    def select(self, form: Any, label: str, option: str) -> None:
        """Choose from a list in a form."""
        self.field(form, label).locator('button[role="combobox"], button[aria-label^="Select"]').first.click()
        self.page.get_by_role("option", name=option, exact=True).click()

    def fill(self, form: Any, label: str, text: str) -> None:
        """Write into a field of a form."""
        self.field(form, label).locator("textarea, input").first.fill(text)

    @staticmethod
    def field(form: Any, label: str) -> Any:
        """The part of a form that a label stands over."""
        named = form.page.get_by_text(re.compile(rf"^{re.escape(label)}( \(Optional\))?$"))
        return form.locator("div.group").filter(has=named).last


@pytest.fixture(scope="module")
def _context() -> Iterator[Any]:
    executable = _chromium()
    with sync_api.sync_playwright() as playwright:
        # Chromium's own sandbox needs privileges that a container has not; the pages are our own.
        chromium = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-gpu"])
        context = chromium.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB", timezone_id="UTC")
        context.set_default_timeout(PATIENCE_MS)
        context.route(lambda url: urlsplit(url).hostname != "127.0.0.1", lambda route: route.abort())
        yield context
        chromium.close()


@pytest.fixture
def browser(_context: Any, prefect_server: str) -> Iterator[Browser]:
    """A fresh page."""
    page = _context.new_page()
    yield Browser(page, prefect_server)
    page.close()
