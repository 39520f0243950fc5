"""Reads a request as a provider would: into a `ScriptedRequest`, or into the error that it deserves."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from agentic_prefect.testing import wire_chat, wire_responses
from agentic_prefect.testing.request import Api, ScriptedRequest, ToolOffer
from agentic_prefect.testing.script import Script, StatusFault
from agentic_prefect.testing.strict_schema import strict_problem

MASK = "***"


class _Wire(Protocol):
    """How the requests of one API are read."""

    def prompt_text(self, body: Mapping[str, Any], /) -> str: ...

    def output_schema(self, body: Mapping[str, Any], /) -> Mapping[str, Any] | None: ...

    def strict_schema(self, body: Mapping[str, Any], /) -> Mapping[str, Any] | None: ...

    def tools(self, body: Mapping[str, Any], /) -> tuple[tuple[ToolOffer, ...], str | None]: ...


_WIRES: dict[Api, _Wire] = {"chat": wire_chat, "responses": wire_responses}


@dataclass(frozen=True, slots=True)
class Delivery:
    """One HTTP request, as it came."""

    method: str
    path: str
    """Without the query."""
    query: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    received_at: float
    """Seconds on the monotonic clock."""


def api_of(delivery: Delivery) -> Api | None:
    """Which model endpoint is called, below any prefix of the path; `None` is none of them."""
    if delivery.method == "POST" and delivery.path.endswith("/chat/completions"):
        return "chat"
    if delivery.method == "POST" and delivery.path.endswith("/responses"):
        return "responses"
    return None


def key_of(headers: Mapping[str, str]) -> str | None:
    """The key that was sent, as a bearer token or in the header `api-key`; `None` when there is none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" and token else headers.get("api-key")


def masked(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers without the key."""
    hidden = {"authorization": f"Bearer {MASK}", "api-key": MASK}
    return {name: hidden.get(name, value) for name, value in headers.items()}


def key_problem(headers: Mapping[str, str], script: Script) -> StatusFault | None:
    """401 when the script wants a key and the request has not this one."""
    key = key_of(headers)
    if script.api_key is None or key == script.api_key:
        return None
    if key is None:
        message = "You didn't provide an API key. You need to provide your API key in an Authorization header using "
        return StatusFault(status=401, code="missing_api_key", message=message + "Bearer auth (Authorization: Bearer).")
    shown = f"{key[:4]}{MASK}{key[-4:]}" if len(key) > 12 else MASK
    message = f"Incorrect API key provided: {shown}. You can find your API key at "
    return StatusFault(status=401, message=message + "https://platform.openai.com/account/api-keys.")


def admit(delivery: Delivery, api: Api, *, number: int, script: Script) -> tuple[ScriptedRequest, StatusFault | None]:
    """The request, and the error with which a provider would refuse it before any model sees it.

    Args:
        number: Of the request, from 1.
    """
    body = _json_object(delivery.body)
    bare = ScriptedRequest(
        number=number,
        api=api,
        model=str((body or {}).get("model", "")),
        prompt_text="",
        body=body or {},
        path=delivery.path,
        headers=masked(delivery.headers),
        api_key=key_of(delivery.headers),
        received_at=delivery.received_at,
    )
    if (fault := key_problem(delivery.headers, script)) is not None:
        return bare, fault
    if body is None:
        return bare, _bad("We could not parse the JSON body of your request.")
    for name in ("model", "messages" if api == "chat" else "input"):
        if not body.get(name):
            return bare, _bad(f"Missing required parameter: '{name}'.", code="missing_required_parameter")
    try:
        request = _read(bare, body)
    except (KeyError, TypeError, AttributeError) as error:
        return bare, _bad(f"The request does not have the form of this API: {type(error).__name__}: {error}.")
    return request, _problem(request, script)


def _read(bare: ScriptedRequest, body: dict[str, Any]) -> ScriptedRequest:
    wire = _WIRES[bare.api]
    tools, obliged = wire.tools(body)
    return ScriptedRequest(
        number=bare.number,
        api=bare.api,
        model=bare.model,
        prompt_text=wire.prompt_text(body),
        output_schema=wire.output_schema(body),
        tools=tools,
        obliged_tool=obliged,
        stream=bool(body.get("stream")),
        body=body,
        path=bare.path,
        headers=bare.headers,
        api_key=bare.api_key,
        received_at=bare.received_at,
    )


def _problem(request: ScriptedRequest, script: Script) -> StatusFault | None:
    if script.models is not None and request.model not in script.models:
        message = f"The model `{request.model}` does not exist or you do not have access to it."
        return StatusFault(status=404, code="model_not_found", message=message)
    if request.body.get("stream_options") and not request.stream:
        return _bad("The 'stream_options' parameter is only allowed when 'stream' is enabled.")
    strict = _WIRES[request.api].strict_schema(request.body)
    if script.checks_strict_schemas and strict is not None and (problem := strict_problem(strict)) is not None:
        where = "response_format" if request.api == "chat" else "text.format"
        return _bad(f"Invalid schema for {where}: {problem}", code="invalid_json_schema")
    return None


def _json_object(body: bytes) -> dict[str, Any] | None:
    try:
        value: object = json.loads(body)
    except ValueError:
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _bad(message: str, *, code: str | None = None) -> StatusFault:
    return StatusFault(status=400, message=message, code=code)
