"""A Prefect server that is away for a moment."""

import httpx
import pytest

from agentic_prefect.patience import patiently

URL = "http://127.0.0.1/api/health"


async def test_a_server_that_is_away_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    """Neither a broken connection nor a server that is overrun is the end; it is said once."""
    answers = iter([httpx.ConnectError("refused"), _refusal(503), None])
    asked: list[str] = []

    async def ask() -> str:
        asked.append("asked")
        if error := next(answers):
            raise error
        return "back"

    assert (await patiently(ask), len(asked)) == ("back", 3)
    assert [record.getMessage() for record in caplog.records if record.name.endswith("patience")] == [
        "The Prefect server does not answer (ConnectError); it is asked again."
    ]


async def test_a_refusal_is_an_answer() -> None:
    """What the server does not want is not asked again."""

    async def ask() -> None:
        raise _refusal(409)

    with pytest.raises(httpx.HTTPStatusError):
        await patiently(ask)


def _refusal(code: int) -> httpx.HTTPStatusError:
    request = httpx.Request("GET", URL)
    return httpx.HTTPStatusError("no", request=request, response=httpx.Response(code, request=request))
