"""What the terminal shows, and what is written where there is none."""

import io
import re

from rich.console import Console

from agentic_prefect.models.status import PlanStatus
from agentic_prefect.reports import console
from agentic_prefect.reports.live import LiveRun
from agentic_prefect.reports.model import PlanReport, report_of
from tests.reports.samples import PLAN, RESULT, done

PAGE = report_of(PLAN, RESULT)


def _shown(renderable: object, *, terminal: bool, width: int = 110) -> str:
    stream = io.StringIO()
    Console(file=stream, force_terminal=terminal, width=width, color_system="standard" if terminal else None).print(
        renderable
    )
    return stream.getvalue()


def test_the_summary_says_what_it_came_to() -> None:
    """Status, counts, time, usage, model, where to look and the output's first lines are there."""  # C-03, L-57
    lines = [line.strip(" │") for line in _shown(console.summary(PAGE, saved_to="out.md"), terminal=False).splitlines()]

    assert "Execution Summary" in lines[0]
    assert lines[1:-1] == [
        "Status: ✓ completed",
        "Tasks: 5 total, 3 completed, 1 failed, 1 skipped",
        "Time: 2m 5s",
        "Usage: 2,324 tokens in 5 calls, cost unknown",
        "Not paid again: 1 stored result of 390 tokens in 1 call, cost $0.0031",
        "Model: gpt-small, local-model",
        "Run: http://127.0.0.1:4200/v2/runs/flow-run/run-1",
        "Output: out.md",
        "Preview:",
        "# Go in *April*",
        "![x](http://x.test/y) <b>bold</b>",
    ]


def test_a_long_output_is_previewed_by_three_lines() -> None:
    """The preview ends after three lines and says how many follow."""  # C-03
    page = PAGE.model_copy(update={"output": "\n\n".join(f"line {index}" for index in range(10))})

    text = _shown(console.summary(page), terminal=False)
    assert "line 2" in text
    assert "line 3" not in text
    assert "… 7 more lines" in text


def test_data_is_previewed_too() -> None:
    """An output that is not text has a preview like any other."""  # L-57
    text = _shown(console.summary(PAGE.model_copy(update={"output": {"a": 1}})), terminal=False)

    assert '"a": 1' in text


def test_the_live_table_shows_each_task_and_the_progress() -> None:
    """A row per task with glyph, agent, time and output or reason; below it the share that is settled."""  # C-03, L-58
    page = report_of(PLAN, {"plan_searches": RESULT.results["plan_searches"], "write": RESULT.results["write"]})

    lines = _shown(console.live_view(page), terminal=False).splitlines()

    assert lines[0].split() == ["Status", "Task", "Agent", "Duration", "Output"]
    assert lines[1].split() == ["✓", "completed,", "stored", "plan_searches", "10ms", "fine"]
    assert lines[3].split()[:7] == ["✗", "failed", "×2", "write", "writer", "2.5s", "max_retries_exceeded:"]
    assert lines[-1] == "Progress: 40% (2/5) - Elapsed: -"


def test_a_narrow_terminal_takes_from_the_output_alone() -> None:
    """Status, task, agent and time stay whole; the last column is cut visibly, and no row wraps."""  # C-03
    lines = _shown(console.task_table(PAGE), terminal=False, width=72).splitlines()

    assert len(lines) == 1 + len(PAGE.tasks)
    assert lines[5].split()[:6] == ["✗", "failed", "×2", "write", "writer", "2.5s"]
    assert lines[5].rstrip().endswith("…")
    assert max(map(len, lines)) <= 72


def test_the_most_urgent_rows_stay_when_there_is_not_room_for_all() -> None:
    """Failures stay, finished tasks give way, the order is kept and the rest is counted."""
    text = _shown(console.task_table(PAGE, max_rows=3), terminal=False)

    assert [line.split()[2] for line in text.splitlines()[1:3]] == ["×2", "write_short"]
    assert "… 5 more" in text


def test_a_terminal_gets_colours_and_a_pipe_none() -> None:
    """Escape codes are there for a terminal only."""  # L-57
    renderables = [console.summary(PAGE), console.live_view(PAGE)]

    assert all("\x1b[" in _shown(each, terminal=True) for each in renderables)
    assert not any("\x1b" in _shown(each, terminal=False) for each in renderables)


def test_foreign_text_steers_neither_terminal_nor_markup() -> None:
    """Escape sequences are gone and square brackets are text."""
    page = report_of(PLAN, {"write": done("write", "\x1b]0;owned\x07[red]text[/red] \x1b[2J")}, live=LiveRun())
    page = page.model_copy(update={"output": "\x1b[2J[bold]hi[/bold]", "status": PlanStatus.COMPLETED})

    text = "".join(_shown(each, terminal=False) for each in (console.live_view(page), console.summary(page)))
    text += console.text(page)

    assert "[red]text[/red]" in text
    assert "[bold]hi[/bold]" in text
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text)


def test_the_plain_text_holds_the_whole_report() -> None:
    """Summary, tasks, attempts and output are there without boxes."""
    text = console.text(PAGE)

    assert text.startswith("Plan trip-research\nStatus: ✓ completed\n")
    assert "  write          ✗ failed ×2, 2.5s, 214 tokens, $0.0042\n" in text
    assert "    attempt 1, rate_limit after 250ms: Too many | requests Slow *down*\n" in text
    assert text.endswith("Output:\n# Go in *April*\n\n![x](http://x.test/y) <b>bold</b>\n")
    assert not set(text) & set("│─╭╮╰╯")


def test_a_failed_plan_says_why() -> None:
    """The reason stands right below the status."""
    page: PlanReport = PAGE.model_copy(update={"status": PlanStatus.FAILED, "reason": "'write' failed"})

    assert "Status: ✗ failed\nReason: 'write' failed\n" in console.text(page)
