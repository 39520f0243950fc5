"""The filter that keeps secrets out of the logs of runs does no harm to whoever logs."""

import logging
from collections.abc import Iterator

import pytest

from agentic_prefect.policies.redaction import MASK
from agentic_prefect.runtime.redacted_logs import Redacting

KEY = "sk-proj-Ab12Cd34Ef56Gh78"


class Unprintable:
    """Something that cannot say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("I am detached")


class Lines(logging.Handler):
    """Keeps what it is handed, as text."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append(self.format(record))


@pytest.fixture
def lines() -> Iterator[tuple[logging.Logger, list[str]]]:
    """A logger with the filter, and what reaches its handler."""
    logger, handler = logging.getLogger("test-redacted-logs"), Lines()
    redacting = Redacting()
    logger.addFilter(redacting)
    logger.addHandler(handler)
    yield logger, handler.told
    logger.removeHandler(handler)
    logger.removeFilter(redacting)


@pytest.mark.parametrize(
    ("message", "arguments", "told"),
    [
        ("cleaned %s rows", ("many",), "cleaned many rows"),
        ("cleaned %d rows", ("many",), "cleaned %d rows (many)"),
        ("cleaned %s of %s", ("many", KEY, 3), f"cleaned %s of %s (many, {MASK}, 3)"),
        ("cleaned %(rows)s", ({"other": KEY},), f"cleaned %(rows)s ({{'other': '{MASK}'}})"),
        (f"{KEY}: %d", ("many",), f"{MASK}: %d (many)"),
    ],
)
def test_a_line_that_cannot_be_formatted_is_kept_without_secrets(
    lines: tuple[logging.Logger, list[str]], message: str, arguments: tuple[object, ...], told: str
) -> None:
    """The caller goes on, and the line has the message and its arguments side by side."""
    logger, found = lines
    logger.warning(message, *arguments)

    assert found == [told]


def test_an_argument_that_cannot_be_printed_harms_nobody(lines: tuple[logging.Logger, list[str]]) -> None:
    """It stands there as the object that it is."""
    logger, found = lines
    thing = Unprintable()
    logger.warning("cleaned %s", thing)

    assert found == [f"cleaned %s ({object.__repr__(thing)})"]
