"""Keeps secrets out of what Prefect itself, and the functions of tasks, write to the logs of runs."""

import logging
import traceback

from agentic_prefect.runtime.services import current_disclosure


class Redacting(logging.Filter):
    """Masks secrets in a record's message and in its traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Every record is kept; one whose arguments do not fit its message has both side by side."""
        disclosure = current_disclosure()
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001  # an argument's text is somebody's own code, and who logs is not to be harmed
            message = _unformatted(record)
            record.msg, record.args = message, ()
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


def _unformatted(record: logging.LogRecord) -> str:
    arguments = record.args if isinstance(record.args, tuple) else (record.args,)
    return f"{_said(record.msg)} ({', '.join(map(_said, arguments))})"


def _said(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001  # as above
        return object.__repr__(value)


def redact_logs_of_runs() -> None:
    """From here on, in this process. Safe to call again."""
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logger = logging.getLogger(name)
        if not any(isinstance(each, Redacting) for each in logger.filters):
            logger.addFilter(Redacting())
