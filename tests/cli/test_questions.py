"""How open questions are shown at the terminal."""

from datetime import UTC, datetime
from io import StringIO

from rich.console import Console

from agentic_prefect.cli.questions import shown, table
from agentic_prefect.interventions.inbox import Waiting
from agentic_prefect.models.intervention import Intervention

FIRST, SECOND = "01933f00-0000-7000-8000-00000000000a", "01933f00-0000-7000-8000-00000000000b"


def _waiting(run_id: str) -> Waiting:
    question = Intervention(id=run_id, task_id="ok", question="Publish?", actions=("approve", "reject"))
    return Waiting(run_id, question, datetime(2026, 1, 5, tzinfo=UTC), None)


def _text(page: object) -> str:
    written = StringIO()
    Console(width=200, file=written).print(page)
    return written.getvalue()


def test_runs_that_began_together_are_told_apart() -> None:
    """Their ids begin alike, since they begin with the time."""  # F-35
    rows = _text(table([_waiting(FIRST), _waiting(SECOND)])).splitlines()[1:]

    assert [row.split()[0] for row in rows] == [FIRST, SECOND]


def test_a_question_says_how_it_is_answered_and_in_which_run() -> None:
    """The command that it shows means no other run."""
    assert f"agentic-prefect interventions respond {FIRST} --decision" in _text(shown(_waiting(FIRST)))
