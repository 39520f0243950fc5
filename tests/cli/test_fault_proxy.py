"""The proxy that lets chosen calls of the demo fail."""

from __future__ import annotations

import httpx
import pytest

from agentic_prefect.cli.fault_proxy import ProxyFault, faulty
from agentic_prefect.testing import Reply, ScriptedServer
from tests.prefect_server import free_port

LIMIT = ProxyFault(text="slow down", status=429, body={"error": {"message": "too many"}}, retry_after_s=2, times=1)
REFUSAL = ProxyFault(text='never "this"', status=400, body={"error": {"message": "no"}})


def test_a_call_that_is_not_meant_is_passed_on(scripted_server: ScriptedServer) -> None:
    """The model behind gets the call as it was sent, and its answer comes back."""
    scripted_server.answer_by_default(Reply.text("hello"))

    with faulty(scripted_server.base_url, [LIMIT]) as base_url:
        answer = _ask(base_url, "anything")

    assert answer.status_code == 200
    assert answer.json()["choices"][0]["message"]["content"] == "hello"
    assert scripted_server.requests[0].prompt_text.endswith("anything")
    assert scripted_server.requests[0].headers["authorization"].startswith("Bearer ")


def test_a_fault_has_its_turns(scripted_server: ScriptedServer) -> None:
    """The first call that is meant is answered with Retry-After and never reaches the model; the second one does."""
    with faulty(scripted_server.base_url, [LIMIT]) as base_url:
        first, second = _ask(base_url, "please slow down"), _ask(base_url, "please slow down")

    assert (first.status_code, first.headers["retry-after"]) == (429, "2")
    assert second.status_code == 200
    assert scripted_server.count == 1


def test_a_fault_without_a_number_never_ends(scripted_server: ScriptedServer) -> None:
    """Quotes in a prompt are matched as they were written, before they became JSON."""
    with faulty(scripted_server.base_url, [REFUSAL]) as base_url:
        answers = [_ask(base_url, 'say never "this" again') for _ in range(3)]

    assert [answer.status_code for answer in answers] == [400, 400, 400]
    assert scripted_server.count == 0


def test_a_model_that_is_gone_is_a_bad_gateway() -> None:
    """The caller hears that nobody answers."""
    with faulty(f"http://127.0.0.1:{free_port()}/v1", []) as base_url:
        answer = _ask(base_url, "anybody?")

    assert answer.status_code == 502
    assert "does not answer" in answer.text


@pytest.mark.parametrize("body", [b"", b"not json"])
def test_what_is_no_call_is_passed_on(body: bytes, scripted_server: ScriptedServer) -> None:
    """The proxy has no opinion about what it cannot read."""
    with faulty(scripted_server.base_url, [LIMIT]) as base_url:
        answer = httpx.post(f"{base_url}/chat/completions", content=body)

    assert answer.status_code == 400


def _ask(base_url: str, text: str) -> httpx.Response:
    call = {"model": "m", "messages": [{"role": "user", "content": text}]}
    return httpx.post(f"{base_url}/chat/completions", json=call, headers={"Authorization": "Bearer sk-test"})
