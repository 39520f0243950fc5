"""The Markdown page renders, and it reads well where it does not."""

from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from agentic_prefect.models.plan import Plan
from agentic_prefect.models.result import BudgetReport, PlanResult
from agentic_prefect.reports import markdown
from agentic_prefect.reports.markup import MAX_CHARACTERS
from agentic_prefect.reports.model import PlanReport, report_of
from tests.reports.samples import PLAN, PROMPT, RESULT, done

PAGE = report_of(PLAN, RESULT)


def _html(text: str) -> str:
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text)


def test_it_reads_well_as_plain_text() -> None:
    """Everything up to the graph is readable as it stands; the table has five short columns."""
    text = markdown.report(PAGE).partition("## Graph")[0]

    assert text == Path(__file__).with_name("report_sample.md").read_text(encoding="utf-8")


def test_it_renders_with_nothing_active_in_it() -> None:
    """A script, an image and a pipe from an error or an output stay text, and the table keeps its shape."""
    html = _html(markdown.report(PAGE))

    assert "<script" not in html
    assert "<img" not in html
    assert html.count("<tr>") == 1 + len(PAGE.tasks)
    assert html.count("<td") == 5 * len(PAGE.tasks)


def test_the_graph_stands_beside_the_table() -> None:
    """The graph is a Mermaid block of its own."""
    html = _html(markdown.report(PAGE))

    assert html.count('<code class="language-mermaid">flowchart') == 1


@pytest.mark.parametrize(("tasks", "edges"), [(301, 0), (40, 40)], ids=["many_tasks", "many_arrows"])
def test_a_graph_too_large_to_be_drawn_is_named_instead(tasks: int, edges: int) -> None:
    """Beyond what Mermaid draws there is a sentence, not a red box."""
    entries = [{"id": f"t{i}", "depends_on": [f"t{k}" for k in range(min(i, edges))]} for i in range(tasks)]
    plan = Plan.model_validate({"name": "wide", "tasks": entries})

    text = markdown.report(report_of(plan, {}))

    assert "```mermaid" not in text
    assert "`agentic-prefect graph` prints it" in text


def test_data_as_output_is_shown_as_json() -> None:
    """An output that is not text is a JSON block."""
    html = _html(markdown.report(PAGE.model_copy(update={"output": {"title": "A & B", "tags": ["x"]}})))

    assert '<code class="language-json">{\n  &quot;title&quot;: &quot;A &amp; B&quot;' in html


def test_a_budget_is_told_with_its_limits() -> None:
    """The limits that were set are named, and whether they were exceeded."""
    page = PAGE.model_copy(update={"budget": BudgetReport(usd=0.5, calls=60, exceeded=True)})

    assert "Budget: $0.5, 60 calls; it was exceeded." in markdown.report(page)


def test_the_card_names_plan_outcome_and_run() -> None:
    """One line says which plan, how it went and where to look."""
    assert markdown.headline(PAGE) == (
        "**trip-research**: ✓ completed, 5 tasks: 3 completed, 1 failed, 1 skipped. "
        "[Open the run](http://127.0.0.1:4200/v2/runs/flow-run/run-1)"
    )


def _large(tasks: int) -> PlanReport:
    plan = Plan.model_validate({"name": "large", "tasks": [{"id": f"t{index}"} for index in range(tasks)]})
    failures = {
        f"t{index}": RESULT.results["write"].model_copy(update={"task_id": f"t{index}"}) for index in range(tasks)
    }
    result = RESULT.model_copy(update={"results": failures, "output": "word " * 100_000})
    return report_of(plan, PlanResult.model_validate(result.model_dump()))


def test_a_large_plan_makes_a_bounded_page() -> None:
    """A thousand failed tasks and half a megabyte of output fit, and what is left out is counted."""
    text = markdown.report(_large(1_000))

    assert len(text) < MAX_CHARACTERS + 200
    assert "Not listed: 800 more rows." in text
    assert "Not told: 950 more tasks." in text
    assert text.rstrip().endswith("characters are left out.*")


def test_prompts_are_told_with_version_hash_and_text() -> None:
    """Each task with a prompt has its template, version, short hash and the whole text, whatever it contains."""
    text = markdown.prompts(PAGE)
    html = _html(text)

    assert text.count(f"hash {PROMPT.hash[:12]}") == 2
    assert "<h2>write: agent/default 1.2.0</h2>" in html
    assert '<code class="language-text">Write it | now.\n```\n&lt;b&gt;tag&lt;/b&gt;\n```\n</code>' in html
    assert "<b>tag" not in html


def test_a_long_prompt_is_cut_with_a_note() -> None:
    """A prompt of any length leaves room for the others."""
    long = PROMPT.model_copy(update={"text": "word " * 10_000})
    page = report_of(PLAN, {"write": done("write", prompt=long)})

    text = markdown.prompts(page)
    assert len(text) < 10_000
    assert "… 42,000 more characters" in text


def test_a_thousand_prompts_make_a_bounded_page() -> None:
    """The first prompts are told, the others are counted."""
    plan = Plan.model_validate({"name": "many", "tasks": [{"id": f"t{index}"} for index in range(1_000)]})
    long = PROMPT.model_copy(update={"text": "word " * 1_000})
    page = report_of(plan, {f"t{index}": done(f"t{index}", prompt=long) for index in range(1_000)})

    text = markdown.prompts(page)

    assert len(text) < MAX_CHARACTERS * 1.1
    assert text.endswith("Not listed: 980 more prompts.\n")


def test_without_prompts_the_page_says_so() -> None:
    """A plan of functions has a page, too."""
    assert markdown.prompts(report_of(PLAN, {})) == "No task has had a prompt so far.\n"


def test_a_failed_task_is_told_in_full() -> None:
    """Attempts, durations, the error of each, the prompt, the model and the tokens are on the page."""  # F-05, F-40
    row = next(row for row in PAGE.tasks if row.id == "write")

    text = markdown.task_error(row, plan="trip-research")

    assert text == Path(__file__).with_name("task_error_sample.md").read_text(encoding="utf-8")
    assert _html(text).count("<li>") == 7 + 2
