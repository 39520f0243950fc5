"""What an HTTP failure means."""

import pickle
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from agentic_prefect.errors import ErrorCode, RetryableError
from agentic_prefect.llm.error_map import HttpFailure, Place, classify, error_of, failure_of, retry_after_s

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
PLACE = Place("main", "https://llm.example/v1", key="the key in the environment variable 'MAIN_KEY'")


@dataclass(frozen=True)
class Case:
    """A failure and its code."""

    id: str
    failure: HttpFailure
    expected: ErrorCode


def _case(expected: ErrorCode, status: int, message: str = "", code: str = "", type: str = "") -> Case:
    label = f"{status} {code or message[:40]}".strip()
    return Case(label, HttpFailure(status, message, code=code, type=type), expected)


CASES = [
    _case(ErrorCode.INVALID_REQUEST, 302),
    _case(ErrorCode.INVALID_REQUEST, 400, "Unknown parameter: 'foo'."),
    _case(
        ErrorCode.CONTEXT_LENGTH, 400, "This model's maximum context length is 8192 tokens.", "context_length_exceeded"
    ),
    _case(ErrorCode.CONTEXT_LENGTH, 400, "the model's context length is only 1024 tokens"),
    _case(
        ErrorCode.CONTEXT_LENGTH, 400, "the request exceeds the available context size", "", "exceed_context_size_error"
    ),
    _case(
        ErrorCode.CONTEXT_LENGTH, 500, "the request exceeds the available context size", "", "exceed_context_size_error"
    ),
    _case(ErrorCode.CONTENT_FILTER, 400, "The prompt triggered the content management policy.", "content_filter"),
    _case(ErrorCode.CONTENT_FILTER, 400, "Your request was rejected by our safety system.", "content_policy_violation"),
    _case(ErrorCode.AUTHENTICATION, 400, "API key not valid. Please pass a valid API key."),
    _case(ErrorCode.AUTHENTICATION, 401, "Incorrect API key provided.", "invalid_api_key"),
    _case(ErrorCode.PERMISSION, 402, "Insufficient Balance"),
    _case(ErrorCode.PERMISSION, 403, "Country, region, or territory not supported"),
    _case(ErrorCode.INVALID_REQUEST, 404, "The model does not exist", "model_not_found"),
    _case(ErrorCode.INVALID_REQUEST, 405),
    _case(ErrorCode.TIMEOUT, 408),
    _case(ErrorCode.SERVER, 409),
    _case(ErrorCode.CONTEXT_LENGTH, 413, "Payload Too Large"),
    _case(ErrorCode.INVALID_REQUEST, 422),
    _case(ErrorCode.SERVER, 425),
    _case(ErrorCode.RATE_LIMIT, 429, "Rate limit reached for requests", "rate_limit_exceeded"),
    _case(ErrorCode.PERMISSION, 429, "You exceeded your current quota", "insufficient_quota"),
    _case(ErrorCode.PERMISSION, 429, "insufficient credits"),
    _case(ErrorCode.CONTEXT_LENGTH, 429, "Request too large for gpt-4o on tokens per min (TPM): Limit 30000"),
    _case(ErrorCode.SERVER, 500),
    _case(ErrorCode.INVALID_REQUEST, 501),
    _case(ErrorCode.SERVER, 502),
    _case(ErrorCode.OVERLOADED, 503),
    _case(ErrorCode.SERVER, 504),
    _case(ErrorCode.SERVER, 520),
    _case(ErrorCode.OVERLOADED, 529, "Overloaded", "", "overloaded_error"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_classify(case: Case) -> None:  # L-32
    """Status and words alone decide the code."""
    assert classify(case.failure) is case.expected


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_error_says_whether_to_try_again(case: Case) -> None:  # L-32, U-09
    """Each error has the code, and a verdict that follows from it."""
    error = error_of(case.failure, place=PLACE, now=NOW)
    again = case.expected in {"rate_limit", "timeout", "server", "overloaded"}

    assert (error.code, error.retryable) == (case.expected, again)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_error_survives_pickling(case: Case) -> None:
    """An error is plain data, so that it reaches another process whole."""
    error = error_of(case.failure, place=PLACE, now=NOW)
    copy = pickle.loads(pickle.dumps(error))

    assert (type(copy), str(copy)) == (type(error), str(error))


@dataclass(frozen=True)
class Wait:
    """Headers, and the seconds that they ask for."""

    id: str
    headers: dict[str, str]
    expected: float | None


WAITS = [
    Wait("none", {}, None),
    Wait("seconds", {"retry-after": "7"}, 7.0),
    Wait("parts of a second", {"retry-after": "0.25"}, 0.25),
    Wait("milliseconds come first", {"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
    Wait("a date", {"retry-after": "Sun, 01 Mar 2026 12:00:30 GMT"}, 30.0),
    Wait("a date with an offset", {"retry-after": "Sun, 01 Mar 2026 13:00:30 +0100"}, 30.0),
    Wait("a date without a zone is UTC", {"retry-after": "Sun, 01 Mar 2026 12:00:30 -0000"}, 30.0),
    Wait("a date that has passed", {"retry-after": "Sun, 01 Mar 2026 11:00:00 GMT"}, 0.0),
    Wait("below zero", {"retry-after": "-3"}, None),
    Wait("not a number", {"retry-after": "nan"}, None),
    Wait("words", {"retry-after": "soon"}, None),
    Wait("an hour", {"retry-after": "3600"}, 3600.0),
    Wait("more than an hour counts as one", {"retry-after": "7200"}, 3600.0),
    Wait("so do milliseconds", {"retry-after-ms": "7200000"}, 3600.0),
    Wait("and a date", {"retry-after": "Tue, 03 Mar 2026 12:00:00 GMT"}, 3600.0),
    Wait("a day", {"retry-after": "86400"}, 3600.0),
    Wait("a time since 1970 is no number of seconds", {"retry-after": "1760000000"}, None),
    Wait("nor of milliseconds", {"retry-after-ms": "1760000000000"}, None),
    Wait("what can be read is taken", {"retry-after-ms": "1760000000000", "retry-after": "2"}, 2.0),
]


@pytest.mark.parametrize("case", WAITS, ids=lambda case: case.id)
def test_retry_after(case: Wait) -> None:
    """The wait is read in every form that HTTP and OpenAI know."""
    assert retry_after_s(case.headers, now=NOW) == case.expected


def test_the_wait_is_on_the_error() -> None:
    """A retryable error carries the wait that the provider asked for."""
    failure = HttpFailure(429, "slow down", headers={"retry-after": "9"})
    error = error_of(failure, place=PLACE, now=NOW)

    assert isinstance(error, RetryableError)
    assert error.retry_after_s == 9.0


def test_message_says_who_what_and_the_way_out() -> None:
    """A message names the connection, the status, the provider's words and what to do."""
    failure = HttpFailure(401, "Incorrect API key provided.", code="invalid_api_key")

    assert str(error_of(failure, place=PLACE, now=NOW)) == (
        "Connection 'main' (https://llm.example/v1) answered HTTP 401 (invalid_api_key): Incorrect API key provided. "
        "Check the key in the environment variable 'MAIN_KEY'."
    )


def test_message_is_cut_and_holds_no_key() -> None:
    """A provider that repeats the key, or sends a whole page, fills no log with it."""
    error = error_of(HttpFailure(401, f"Incorrect key sk-proj-abcdef123456. {'x' * 5000}"), place=PLACE, now=NOW)

    assert "abcdef" not in str(error)
    assert len(str(error)) < 1000


@dataclass(frozen=True)
class Body:
    """An error's body, and what is read from it."""

    id: str
    body: object
    expected: HttpFailure
    status: int | None = 400


BODIES = [
    Body(
        "OpenAI",
        {"error": {"message": "bad", "type": "invalid_request_error", "code": "x", "param": None}},
        HttpFailure(400, "bad", code="x", type="invalid_request_error"),
    ),
    Body("unwrapped", {"object": "error", "message": "bad", "code": 400}, HttpFailure(400, "bad")),
    Body("a string as the error", {"error": "bad"}, HttpFailure(400, "bad")),
    Body("FastAPI", {"detail": [{"loc": ["body"]}]}, HttpFailure(400, '[{"loc": ["body"]}]')),
    Body("a page", "<h1>Bad gateway</h1>", HttpFailure(400, "<h1>Bad gateway</h1>")),
    Body("nothing", None, HttpFailure(400, "")),
    Body("a status in a 200", {"error": {"message": "slow", "code": 429}}, HttpFailure(429, "slow"), status=None),
    Body(
        "no status at all", {"error": {"message": "oops", "code": "oops"}}, HttpFailure(500, "oops", code="oops"), None
    ),
]


@pytest.mark.parametrize("case", BODIES, ids=lambda case: case.id)
def test_failure_of(case: Body) -> None:
    """Every form of error body in use is understood."""
    assert failure_of(case.body, status=case.status, headers={}) == case.expected
