"""What an HTTP failure of a provider means, as one of our errors. Pure: it knows no HTTP library."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from agentic_prefect.errors import (
    AgenticError,
    AuthenticationFailed,
    ConnectionLost,
    ContentFiltered,
    ContextTooLong,
    ErrorCode,
    InvalidRequest,
    Overloaded,
    PermissionRefused,
    RateLimited,
    RetryableError,
    ServerFault,
    TerminalError,
    TimedOut,
)
from agentic_prefect.llm.lenient import mapping, text
from agentic_prefect.llm.well_formed import well_formed
from agentic_prefect.policies.redaction import redacted

LONGEST_MESSAGE = 600
"""Characters of a provider's own words that an error keeps."""
LONGEST_WAIT_S = 3600.0
"""Seconds that a provider can hold a connection back: one answer must not stop a process for good."""
READABLE_WAIT_S = 86_400.0
"""A larger number is no wait: some gateways send the time since 1970."""


@dataclass(frozen=True, slots=True)
class Place:
    """Whom a request went to, for messages."""

    connection: str
    base_url: str
    key: str = "the key"
    """Where the key comes from, as a person would look for it; never the key itself."""

    def __str__(self) -> str:
        return f"Connection {self.connection!r} ({self.base_url})"


@dataclass(frozen=True, slots=True)
class HttpFailure:
    """A response that is not an answer."""

    status: int
    message: str = ""
    """The provider's own words."""
    code: str = ""
    type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Names in lower case."""

    @property
    def said(self) -> str:
        """Everything that it says, in lower case."""
        return f"{self.code} {self.type} {self.message}".lower()


class HttpRefusal(Exception):
    """A response that is not an answer, on its way to whoever may know how to ask differently. It never gets out."""

    def __init__(self, failure: HttpFailure) -> None:
        super().__init__(failure)
        self.failure = failure


_BY_STATUS = {
    401: ErrorCode.AUTHENTICATION,
    402: ErrorCode.PERMISSION,
    403: ErrorCode.PERMISSION,
    408: ErrorCode.TIMEOUT,
    # OpenAI's own clients repeat 409: it stands for a lock that was not got in time.
    409: ErrorCode.SERVER,
    413: ErrorCode.CONTEXT_LENGTH,
    425: ErrorCode.SERVER,
    429: ErrorCode.RATE_LIMIT,
    501: ErrorCode.INVALID_REQUEST,
    503: ErrorCode.OVERLOADED,
    529: ErrorCode.OVERLOADED,
}
"""Every other 5xx is `server`, everything else is `invalid_request`."""

_CONTEXT = re.compile(
    r"context_length|exceed_context|context (length|window|size)|prompt is too long|too many (input )?tokens"
)
_FILTER = re.compile(
    r"content_filter|content_policy|responsibleaipolicy|content management policy|usage policy|safety system"
)
_KEY = re.compile(
    r"api[_ ]key.{0,20}(not valid|invalid|incorrect|missing|expired)|(invalid|incorrect|missing) api[_ ]key"
)
_QUOTA = re.compile(r"insufficient_quota|exceeded your current quota|billing|insufficient (credit|balance|fund)")

_TERMINAL: Mapping[ErrorCode, type[TerminalError]] = {
    ErrorCode.AUTHENTICATION: AuthenticationFailed,
    ErrorCode.PERMISSION: PermissionRefused,
    ErrorCode.INVALID_REQUEST: InvalidRequest,
    ErrorCode.CONTEXT_LENGTH: ContextTooLong,
    ErrorCode.CONTENT_FILTER: ContentFiltered,
}
_RETRYABLE: Mapping[ErrorCode, type[RetryableError]] = {
    ErrorCode.RATE_LIMIT: RateLimited,
    ErrorCode.TIMEOUT: TimedOut,
    ErrorCode.CONNECTION: ConnectionLost,
    ErrorCode.SERVER: ServerFault,
    ErrorCode.OVERLOADED: Overloaded,
}


def failure_of(body: object, *, status: int | None, headers: Mapping[str, str]) -> HttpFailure:
    """What an error's body says: some providers wrap it in `error`, some do not, and some send plain text or HTML.

    Args:
        status: `None` when the HTTP status says nothing (an error in a stream or in a 200): then a numeric `code` in
            the body is taken for it, else 500.
        headers: Names in lower case.
    """
    fields = mapping(body)
    fields = mapping(fields.get("error")) or fields
    words = next((given for key in ("message", "detail", "error") if (given := fields.get(key))), body)
    code = str(fields.get("code") or "")
    if status is None:
        status = int(code) if code.isdecimal() and 400 <= int(code) <= 599 else 500
    return HttpFailure(
        status=status,
        message=words if isinstance(words, str) else json.dumps(words, default=str) if words else "",
        code="" if code.isdecimal() else code,
        type=text(fields.get("type")),
        headers=headers,
    )


def classify(failure: HttpFailure) -> ErrorCode:
    """Which of our codes a failure is.

    No credit left is answered with 429 as if it were a rate limit; it is `permission`, which is not tried again. So is
    429 for a single request that is larger than the limit of a whole minute: it is `context_length`.
    """
    status, said = failure.status, failure.said
    if status == 429:
        if _QUOTA.search(said):
            return ErrorCode.PERMISSION
        return ErrorCode.CONTEXT_LENGTH if "request too large" in said else ErrorCode.RATE_LIMIT
    if status in (400, 413, 422, 500) and _CONTEXT.search(said):
        return ErrorCode.CONTEXT_LENGTH
    if status in (400, 403, 422) and _FILTER.search(said):
        return ErrorCode.CONTENT_FILTER
    if status == 400 and _KEY.search(said):
        return ErrorCode.AUTHENTICATION
    usual = ErrorCode.SERVER if status >= 500 else ErrorCode.INVALID_REQUEST
    return _BY_STATUS.get(status, usual)


def error_of(failure: HttpFailure, *, place: Place, now: datetime) -> AgenticError:
    """The error to raise for `failure`; plain text only, without keys, and it survives pickling.

    Args:
        now: The time of the response, for a `Retry-After` that is a date.
    """
    code = classify(failure)
    name = failure.code or failure.type
    words = shorten(redacted(failure.message)) or "no explanation"
    message = f"{place} answered HTTP {failure.status}{f' ({name})' if name else ''}: {words}"
    hint = _way_out(code, failure, place)
    message = well_formed(f"{message.rstrip('.!')}. {hint}".rstrip())
    if code in _RETRYABLE:
        return _RETRYABLE[code](message, retry_after_s(failure.headers, now=now))
    return _TERMINAL[code](message)


def retry_after_s(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Seconds that the provider asks to wait; `None` when it says nothing that can be understood.

    Reads `retry-after-ms`, and `retry-after` as seconds or as an HTTP date; a date that has passed is 0. A number of
    more than `READABLE_WAIT_S` seconds is not understood; any other wait is at most `LONGEST_WAIT_S`.

    Args:
        headers: Names in lower case.
        now: An aware time.
    """
    given = headers.get("retry-after")
    wait_s = _seconds(headers.get("retry-after-ms"), per_second=1000)
    if wait_s is None:
        wait_s = _seconds(given)
    if wait_s is None and given is not None:
        wait_s = _seconds_until(given, now)
    return None if wait_s is None else min(wait_s, LONGEST_WAIT_S)


def shorten(text: str, limit: int = LONGEST_MESSAGE) -> str:
    """`text` on one line, cut after `limit` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[:limit]}…"


def _seconds(text: str | None, *, per_second: int = 1) -> float | None:
    try:
        value = float(text or "") / per_second
    except ValueError:
        return None
    return value if 0 <= value <= READABLE_WAIT_S else None


def _seconds_until(date: str, now: datetime) -> float | None:
    try:
        until = parsedate_to_datetime(date)
    except ValueError:
        return None
    # A date without a zone is UTC: HTTP knows no other.
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds())


def _way_out(code: ErrorCode, failure: HttpFailure, place: Place) -> str:
    match code:
        case ErrorCode.AUTHENTICATION:
            return f"Check {place.key}."
        case ErrorCode.PERMISSION if failure.status in (402, 429):
            return "There is no credit left: top it up, or use another connection."
        case ErrorCode.PERMISSION:
            return "Ask for access, or use another model or another connection."
        case ErrorCode.CONTEXT_LENGTH:
            return "Shorten the input or the context, lower `max_output_tokens`, or use a model with a larger window."
        case ErrorCode.CONTENT_FILTER:
            return "Rephrase the task, or give it a fallback."
        case ErrorCode.INVALID_REQUEST if failure.status == 404:
            return "Check the model's name, and that the address ends where the provider says (usually `/v1`)."
        case _:
            return ""
