"""Keeps secrets out of what Prefect itself, and the functions of tasks, write to the logs of runs."""

import logging
import traceback

from agentic_prefect.runtime.services import current_disclosure


class Redacting(logging.Filter):
    """Masks secrets in a record's message and in its traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Every record is kept."""
        disclosure = current_disclosure()
        message = record.getMessage()
        clean = disclosure.text(message)
        if isinstance(record.exc_info, tuple) and record.exc_info[1] is not None:
            trace = "".join(traceback.format_exception(record.exc_info[1]))
            told = disclosure.text(trace)
            if told != trace:
                # A handler formats the error itself, so it gets the text in its place.
                clean, record.exc_info, record.exc_text = f"{clean}\n{told.rstrip()}", None, None
        if clean != message:
            record.msg, record.args = clean, ()
        return True


def redact_logs_of_runs() -> None:
    """From here on, in this process. Safe to call again."""
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logger = logging.getLogger(name)
        if not any(isinstance(each, Redacting) for each in logger.filters):
            logger.addFilter(Redacting())
