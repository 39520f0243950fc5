"""OpenAI's error responses: the usual words of each status, and the headers that ask a client to wait."""

from dataclasses import dataclass
from email.utils import formatdate
from typing import Any

from agentic_prefect.testing.script import StatusFault


@dataclass(frozen=True, slots=True)
class _Usual:
    """What a status says when the script does not."""

    error_type: str
    code: str | None
    message: str


_USUAL = {
    400: _Usual("invalid_request_error", None, "Invalid request."),
    401: _Usual(
        "invalid_request_error",
        "invalid_api_key",
        "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys.",
    ),
    403: _Usual("invalid_request_error", "model_not_allowed", "You are not allowed to use this model."),
    404: _Usual("invalid_request_error", None, "Not found."),
    408: _Usual("invalid_request_error", "request_timeout", "Request timed out."),
    413: _Usual("invalid_request_error", "request_too_large", "The request is too large."),
    422: _Usual("invalid_request_error", None, "The request could not be processed."),
    429: _Usual(
        "requests",
        "rate_limit_exceeded",
        "Rate limit reached for requests per min (RPM): Limit 3, Used 3, Requested 1. Please try again later.",
    ),
    500: _Usual("server_error", None, "The server had an error while processing your request. Sorry about that!"),
    503: _Usual(
        "service_unavailable_error", "overloaded", "The engine is currently overloaded, please try again later."
    ),
    529: _Usual("overloaded_error", "overloaded", "Overloaded"),
}


def error_body(fault: StatusFault) -> dict[str, Any]:
    """OpenAI's error body, with the usual words where the fault has none of its own."""
    usual = _USUAL.get(fault.status) or _USUAL[400 if fault.status < 500 else 500]
    return {
        "error": {
            "message": usual.message if fault.message is None else fault.message,
            "type": usual.error_type if fault.error_type is None else fault.error_type,
            "param": None,
            "code": usual.code if fault.code is None else fault.code,
        }
    }


def wait_headers(fault: StatusFault, *, now_s: float) -> dict[str, str]:
    """The headers that ask a client to wait.

    Args:
        now_s: Seconds since 1970, for the date form.
    """
    wait_s = fault.retry_after_s
    if wait_s is None:
        return {}
    match fault.retry_after_form:
        case "seconds":
            return {"retry-after": f"{wait_s:g}"}
        case "date":
            return {"retry-after": formatdate(now_s + wait_s, usegmt=True)}
        case "milliseconds":
            return {"retry-after-ms": f"{wait_s * 1000:g}"}
