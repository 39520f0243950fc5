"""The HTML page stands alone and shows text as text."""

import re
from html.parser import HTMLParser

from agentic_prefect.reports import html
from agentic_prefect.reports.model import report_of
from tests.reports.samples import PLAN, RESULT

PAGE = report_of(PLAN, RESULT)
VOID = {"meta", "br", "hr", "img", "link", "input"}


class _Reader(HTMLParser):
    """Collects the tags and the text of a page, and holds that every tag is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return "".join(self.words)


def test_it_is_one_page_that_loads_nothing() -> None:
    """There is no script, image, frame or style from elsewhere; the one address is the link to the run."""
    page = html.report(PAGE)

    assert not {"script", "img", "iframe", "link", "object"} & set(_Reader(page).tags)
    assert re.findall(r'(?:src|href)="([^"]*)"', page) == [RESULT.url]
    assert "url(" not in page


def test_it_tells_everything_as_text() -> None:
    """Every task, figure, attempt, prompt and the output are there, hostile text among it, as text."""  # F-40
    text = _Reader(html.report(PAGE)).text

    for expected in (
        *(row.id for row in PAGE.tasks),
        "✓ completed",
        "2m 5s",
        "unknown",
        "$0.0042",
        "Not paid again: 1 stored result of 390 tokens in 1 call, cost $0.0031.",
        "agent/default 1.2.0, hash abababababab",
        "Again <script>alert(1)</script> ![x](http://x.test/y)",
        "# Go in *April*",
        "fell back to write_short",
    ):
        assert expected in text


def test_it_follows_the_readers_theme() -> None:
    """Dark and light are both drawn."""
    page = html.report(PAGE)

    assert "prefers-color-scheme: dark" in page
    assert '<meta name="color-scheme" content="light dark">' in page


def test_an_address_that_is_no_web_address_is_no_link() -> None:
    """A `javascript:` address cannot be clicked."""
    page = html.report(PAGE.model_copy(update={"url": "javascript:alert(1)"}))

    assert "javascript:" not in page


def test_a_running_plan_has_a_page_too() -> None:
    """Without results there is a page of pending tasks."""
    text = _Reader(html.report(report_of(PLAN, {}))).text

    assert "● running" in text
    assert text.count("○ pending") == 5
