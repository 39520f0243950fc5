"""Each event is a line that a person can read, at the level that it deserves."""

import logging

import pytest

from agentic_prefect.models.events import TaskDeadLettered, TaskFailed
from agentic_prefect.observers.log import LogObserver
from tests.observers.samples import ERROR, EVENTS, USAGE, place

LINES = [
    (logging.INFO, "Plan 'trip' started: 3 tasks"),
    (logging.DEBUG, "Task 'write': pending -> in_progress, attempt 1"),
    (
        logging.WARNING,
        "Task 'write': attempt 1 failed, the next one follows in 7.0s, with 2m 0s to answer "
        "(rate_limit: Too many requests)",
    ),
    (logging.INFO, "Task 'ask': pending -> awaiting_human, attempt 1"),
    (
        logging.INFO,
        "Task 'search[0]': completed in 1.5s, 2 attempts, 1,234 tokens in 2 calls, cost $0.0042, model gpt-small",
    ),
    (logging.INFO, "Task 'stored': completed with a stored result"),
    (
        logging.ERROR,
        "Task execution failed: 'write' after 3 attempts in 1m 5s (max_retries_exceeded): "
        "All 3 attempts failed. The last one: rate_limit: Too many requests",
    ),
    (logging.WARNING, "Task 'write': no attempts are left after 3 attempts"),
    (logging.WARNING, "Task 'write': 'write_short' is tried in its place"),
    (
        logging.ERROR,
        "Task 'write' is lost: nothing stands in for it. See `agentic-prefect deadletters list`",
    ),
    (logging.INFO, "Task 'translate': skipped, it needs 'write', which failed"),
    (
        logging.WARNING,
        "Plan 'trip' has reached its budget at task 'write', having used 1,234 tokens in 2 calls, cost $0.0042: "
        "9 of 8 calls",
    ),
    (logging.INFO, "Plan 'trip' completed in 9.0s, 1,234 tokens in 2 calls, cost $0.0042"),
    (
        logging.ERROR,
        "Plan 'trip' ended with partial failure after 9.0s, 1,234 tokens in 2 calls, cost $0.0042: 'write' failed",
    ),
    (logging.WARNING, "Plan 'trip' was cancelled after 250ms, 1,234 tokens in 2 calls, cost $0.0042: Ctrl-C"),
]


@pytest.mark.parametrize(
    ("event", "expected"), list(zip(EVENTS, LINES, strict=True)), ids=lambda value: getattr(value, "name", "")
)
def test_each_event_has_its_line(event: object, expected: tuple[int, str], caplog: pytest.LogCaptureFixture) -> None:
    """The event alone decides line and level."""  # F-16
    with caplog.at_level(logging.DEBUG, logger="run"):
        LogObserver(logging.getLogger("run")).on_event(event)  # pyright: ignore[reportArgumentType]

    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [expected]


def test_a_message_stays_one_line_of_bounded_length(caplog: pytest.LogCaptureFixture) -> None:
    """A message with line ends, format signs and a megabyte of text makes one readable line."""  # F-16
    error = ERROR.model_copy(update={"message": "100%s of\nit {failed} \x1b[31m" + "x" * 1_000_000})
    event = TaskFailed(**place(task_id="a"), attempts=1, error=error, usage=USAGE, elapsed_s=1.0)
    with caplog.at_level(logging.DEBUG, logger="run"):
        LogObserver(logging.LoggerAdapter(logging.getLogger("run"), {})).on_event(event)

    line = caplog.records[0].getMessage()
    assert line.startswith(
        "Task execution failed: 'a' after 1 attempt in 1.0s (rate_limit): 100%s of it {failed} [31mxx"
    )
    assert len(line) < 1_200
    assert line.endswith("x…")


def test_a_rehearsal_says_how_its_dead_letters_are_listed(caplog: pytest.LogCaptureFixture) -> None:
    """A list leaves rehearsals out unless it is told."""
    (lost,) = (event for event in EVENTS if isinstance(event, TaskDeadLettered))
    LogObserver(logging.getLogger("run"), rehearsal=True).on_event(lost)

    assert caplog.records[0].getMessage().endswith("See `agentic-prefect deadletters list` with `--rehearsals`")
