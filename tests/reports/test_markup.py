"""Text from a model or a provider stays text when it becomes part of a page."""

import pytest
from markdown_it import MarkdownIt

from agentic_prefect.reports.markup import bounded, fenced, inline, passive, table

HOSTILE = [
    "a | b",
    "*bold* _italic_ `code` ~~gone~~",
    "[link](http://x.test) ![image](http://x.test/y) [a [b] c](http://x.test) [ref][name]",
    "search[0] [x] [a[b](c)",
    "<script>alert(1)</script> &amp; &#42;",
    "# heading",
    "> quote",
    "- item",
    "1. item",
    "12) item",
    "back\\slash \\*",
    "snake_case_name __init__",
    "|---|---|",
    "line one\nline two\r\n# three",
]


def _text_of(html: str) -> str:
    return html.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&amp;", "&")


@pytest.mark.parametrize("text", HOSTILE)
def test_inline_text_renders_as_it_was_written(text: str) -> None:
    """Rendered as Markdown, the text shows itself, on one line, and nothing else."""
    html = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(inline(text))

    assert _text_of(html) == f"<p>{' '.join(text.split())}</p>\n"


@pytest.mark.parametrize("text", HOSTILE)
def test_a_cell_never_breaks_its_table(text: str) -> None:
    """Whatever a cell holds, the table keeps two columns and one row."""
    html = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(table(("A", ">B"), [(inline(text), "1")]))

    assert (html.count("<th"), html.count("<td"), html.count("<table>")) == (3, 2, 1)  # `<thead>` counts as one


@pytest.mark.parametrize("text", ["``` inside", "````\n```\n````", "plain"])
def test_a_code_block_holds_any_backticks(text: str) -> None:
    """A fence in the text does not end the block."""
    html = MarkdownIt("commonmark").render(fenced(text) + "\n\nafter")

    assert html == f'<pre><code class="language-text">{text}\n</code></pre>\n<p>after</p>\n'


def test_foreign_markdown_keeps_its_structure_but_loads_nothing() -> None:
    """Headings and code stay; images and HTML are shown as text, and an open fence is closed."""
    prose = "# Title [0]\n\n![x](http://x.test/y) <img src=x> a < b\n\n[0]: http://x.test/z"
    text = f"{prose}\n\n```py\nlist<int> ![ok]\n```\n\n~~~\nopen <b>"

    html = MarkdownIt("commonmark").render(passive(text) + "\n\nafter")

    assert "<h1>Title [0]</h1>" in html
    assert "<img" not in html
    assert "&lt;img src=x&gt; a &lt; b" in html
    assert "list&lt;int&gt; ![ok]" in html
    assert html.endswith("<p>after</p>\n")


def test_a_page_that_is_too_long_says_how_much_is_missing() -> None:
    """The cut comes after a whole line, an open code block is closed, and the note counts what is left out."""
    page = "# Head\n\n```text\n" + "0123456789\n" * 100 + "```\n"

    cut = bounded(page, 200)

    html = MarkdownIt("commonmark").render(cut)
    assert len(cut) < 300
    assert html.endswith("characters are left out.</em></p>\n")
    assert f"of {len(page):,} characters" in cut
    assert bounded(page, len(page)) == page
