"""What a Prefect server means that answers, and does not do what it was asked."""

import json
from typing import Final, cast

import httpx

from agentic_prefect.errors import AgenticError, AuthenticationFailed, ConnectionLost, InvalidRequest
from agentic_prefect.reports.wording import one_line

_LOGIN: Final = frozenset({401, 403})
_MOST_CHARS: Final = 300


def refusal(error: httpx.HTTPStatusError) -> AgenticError:
    """The error to raise in place of one that Prefect's client raised.

    Returns:
        `AuthenticationFailed` for HTTP 401 and 403, `ConnectionLost` for 5xx, `InvalidRequest` for all others.
    """
    request, status = error.request, error.response.status_code
    server = f"The Prefect server at {f'{request.url.scheme}://{request.url.netloc.decode()}'!r}"
    if status in _LOGIN:
        return AuthenticationFailed(
            f"{server} wants a login, or another one (HTTP {status}): set PREFECT_API_KEY or PREFECT_API_AUTH_STRING."
        )
    what = f"{server} answered HTTP {status} to {request.method} {request.url.path}: {_reason(error.response)}"
    return ConnectionLost(what) if status >= 500 else InvalidRequest(what)


def _reason(response: httpx.Response) -> str:
    """What the server says about it, as a sentence."""
    try:
        said: object = json.loads(response.text)
    except ValueError:
        said = response.text
    if isinstance(said, dict):
        fields = cast("dict[str, object]", said)
        said = next((fields[key] for key in ("exception_message", "detail") if fields.get(key)), fields)
    text = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
    return f"{(one_line(text, _MOST_CHARS) or 'it does not say why').rstrip('.')}."
