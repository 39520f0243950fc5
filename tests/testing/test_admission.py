"""Requests that no provider would take are answered as OpenAI answers them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import openai
import pytest

from agentic_prefect.testing import Match, Reply, Rule, Script, ScriptedServer
from agentic_prefect.testing.strict_schema import strict_problem

HTTP = httpx.Client(verify=False)
"""Plain HTTP only; reading no certificates makes it cheap."""

MESSAGES = [{"role": "user", "content": "Hello"}]
CHAT = {"model": "m", "messages": MESSAGES}


@pytest.fixture(scope="module")
def guarded() -> Iterator[ScriptedServer]:
    """A server that wants a key and knows two models."""
    rule = Rule(when=Match(text="Hello"), answers=(Reply.text("once"),), times=1)
    with ScriptedServer(Script(api_key="sk-right-0123456789", models=("small", "large"), rules=(rule,))) as server:
        yield server


def post(server: ScriptedServer, path: str, **fields: Any) -> httpx.Response:
    """One bare POST."""
    return HTTP.post(f"{server.url}{path}", **fields)


@dataclass(frozen=True)
class Case:
    """A request and the error that it gets."""

    id: str
    path: str
    sent: dict[str, Any]
    status: int
    code: str | None
    words: str


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    """A chat request with a strict schema."""
    form = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": schema}}
    return {"json": {**CHAT, "response_format": form}}


CASES = [
    Case("no JSON", "/v1/chat/completions", {"content": b"{"}, 400, None, "could not parse the JSON body"),
    Case("not an object", "/v1/chat/completions", {"json": [1]}, 400, None, "could not parse the JSON body"),
    Case(
        "no messages",
        "/v1/chat/completions",
        {"json": {"model": "m"}},
        400,
        "missing_required_parameter",
        "Missing required parameter: 'messages'.",
    ),
    Case(
        "no input",
        "/v1/responses",
        {"json": {"model": "m"}},
        400,
        "missing_required_parameter",
        "Missing required parameter: 'input'.",
    ),
    Case(
        "no model",
        "/v1/responses",
        {"json": {"input": "Hello"}},
        400,
        "missing_required_parameter",
        "Missing required parameter: 'model'.",
    ),
    Case(
        "messages of a wrong form",
        "/v1/chat/completions",
        {"json": {"model": "m", "messages": ["Hello"]}},
        400,
        None,
        "does not have the form of this API",
    ),
    Case(
        "stream options without a stream",
        "/v1/chat/completions",
        {"json": {**CHAT, "stream_options": {"include_usage": True}}},
        400,
        None,
        "only allowed when 'stream' is enabled",
    ),
    Case(
        "a strict schema that OpenAI refuses",
        "/v1/chat/completions",
        strict({"type": "object", "properties": {}}),
        400,
        "invalid_json_schema",
        "Invalid schema for response_format: In context=(), 'additionalProperties' is required",
    ),
    Case("an unknown path", "/v1/completions", {"json": CHAT}, 404, None, "Invalid URL (POST /v1/completions)"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_bad_request(case: Case, server: ScriptedServer) -> None:
    """A request that makes no sense gets OpenAI's error, never a scripted answer."""
    server.on(None, Reply.text("never"))

    answer = post(server, case.path, **case.sent)

    assert answer.status_code == case.status
    error = answer.json()["error"]
    assert (error["type"], error["code"]) == ("invalid_request_error", case.code)
    assert case.words in error["message"]


def test_a_missing_key(guarded: ScriptedServer) -> None:
    """Without a key the answer says how to send one."""
    answer = post(guarded, "/v1/chat/completions", json=CHAT)

    assert answer.status_code == 401
    assert "You didn't provide an API key" in answer.json()["error"]["message"]


def test_a_wrong_key_uses_no_rule_up(guarded: ScriptedServer) -> None:
    """A refused request is recorded with its status, and the rules do not hear of it."""
    guarded.reset()
    messages: Any = MESSAGES
    wrong = openai.OpenAI(api_key="sk-wrong-0123456789", base_url=guarded.base_url, max_retries=0)

    with pytest.raises(openai.AuthenticationError, match=r"sk-w\*\*\*6789") as caught:
        wrong.chat.completions.create(model="small", messages=messages)

    right = openai.OpenAI(api_key="sk-right-0123456789", base_url=guarded.base_url, max_retries=0)
    assert right.chat.completions.create(model="small", messages=messages).choices[0].message.content == "once"
    assert caught.value.code == "invalid_api_key"
    assert [request.status for request in guarded.requests] == [401, 200]


def test_models_are_listed_with_the_key_only(guarded: ScriptedServer) -> None:
    """The list of models is behind the same key, and is no request to a model."""
    guarded.reset()
    client = openai.OpenAI(api_key="sk-right-0123456789", base_url=guarded.base_url, max_retries=0)

    assert [model.id for model in client.models.list()] == ["small", "large"]
    assert HTTP.get(f"{guarded.base_url}/models").status_code == 401
    assert guarded.count == 0


def test_an_unknown_model(guarded: ScriptedServer) -> None:
    """A model that the script does not know is not found."""
    answer = post(
        guarded,
        "/v1/chat/completions",
        json={**CHAT, "model": "huge"},
        headers={"authorization": "Bearer sk-right-0123456789"},
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")


def test_the_key_is_masked_in_the_record(server: ScriptedServer) -> None:
    """The key is in a field of its own, and nowhere in the headers or in what is printed of the record."""
    for headers in ({"Authorization": "Bearer sk-secret"}, {"api-key": "sk-secret"}):
        post(server, "/v1/chat/completions", json=CHAT, headers=headers)

    assert [request.api_key for request in server.requests] == ["sk-secret", "sk-secret"]
    assert server.requests[0].headers["authorization"] == "Bearer ***"
    assert "sk-secret" not in repr(server.requests)


def test_any_prefix_of_the_path_serves(server: ScriptedServer) -> None:
    """Servers that have their endpoints below another prefix can be played."""
    answer = post(server, "/openai/deployments/x/chat/completions?api-version=1", json=CHAT)

    assert answer.status_code == 200
    assert server.requests[0].path == "/openai/deployments/x/chat/completions"


CLOSED: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}
STRICT = [
    (CLOSED, None),
    ({"type": "array", "items": CLOSED}, "schema must be a JSON Schema of 'type: \"object\"'"),
    ({"anyOf": [CLOSED]}, "schema must be a JSON Schema of 'type: \"object\"'"),
    ({**CLOSED, "properties": {"a": {"type": "string"}}}, "Missing 'a'."),
    (
        {**CLOSED, "properties": {"a": {"type": "array", "items": {"type": "object"}}}, "required": ["a"]},
        "In context=('properties', 'a', 'items'), 'additionalProperties'",
    ),
    ({**CLOSED, "properties": {"a": {"oneOf": []}}, "required": ["a"]}, "'oneOf' is not permitted."),
    ({**CLOSED, "$defs": {"B": {"type": "object"}}}, "In context=('$defs', 'B')"),
    ({**CLOSED, "properties": {"a": {"anyOf": [{"not": {}}]}}, "required": ["a"]}, "'not' is not permitted."),
]


@pytest.mark.parametrize(("schema", "words"), STRICT, ids=lambda value: str(value)[-40:])
def test_strict_schemas(schema: dict[str, Any], words: str | None) -> None:
    """What OpenAI refuses in a strict schema is named with its place."""
    problem = strict_problem(schema)

    assert problem is None if words is None else words in (problem or "")


def test_the_strict_check_can_be_turned_off() -> None:
    """A compatible server that is less strict can be played."""
    with ScriptedServer(Script(checks_strict_schemas=False)) as server:
        answer = post(server, "/v1/chat/completions", **strict({"type": "object", "properties": {}}))

    assert answer.status_code == 200


def test_a_schema_without_an_instance_is_a_client_error(server: ScriptedServer) -> None:
    """When nothing can be made up, the test's author reads why, and no client tries again."""
    schema = {**CLOSED, "properties": {"a": {"type": "string", "pattern": "^[a-f]{9}-$"}}, "required": ["a"]}

    answer = post(server, "/v1/chat/completions", **strict(schema))

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "echo_impossible")
    assert "give the schema an entry in `examples`" in answer.json()["error"]["message"]
