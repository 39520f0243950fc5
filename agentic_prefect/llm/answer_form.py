"""How a model is held to a form: by its provider, strictly or loosely, or by asking. Steps down when it is refused."""

import json
import re
from enum import IntEnum
from typing import Literal

from agentic_prefect.errors import ErrorCode
from agentic_prefect.llm.error_map import HttpFailure, classify
from agentic_prefect.llm.wire_schema import wire_schema
from agentic_prefect.models.chat import ChatRequest, Message, OutputSchema


class Form(IntEnum):
    """The ways, best first."""

    STRICT = 0
    """The provider enforces the schema."""
    SCHEMA = 1
    """The provider gets the schema and does what it can."""
    OBJECT = 2
    """The provider enforces JSON, the prompt shows the schema."""
    PROMPT = 3
    """Only the prompt asks for JSON."""


Wish = Literal["auto", "json_schema", "json_object", "prompt"]

_FIRST = {"auto": Form.STRICT, "json_schema": Form.STRICT, "json_object": Form.OBJECT, "prompt": Form.PROMPT}

_ABOUT_FORM = re.compile(
    r"response_format|text\.format|json_schema|json_object|json schema|structured output|guided|grammar|invalid schema"
)
_ABOUT_THIS_SCHEMA = re.compile(r"invalid schema|is not permitted|'additionalproperties'|'required' is required")
_REFUSALS = frozenset({ErrorCode.INVALID_REQUEST, ErrorCode.SERVER})
"""Some servers answer 500 to a schema that their grammar cannot express."""


def first_form(wish: Wish, output: OutputSchema) -> Form:
    """Where a connection begins with a schema."""
    form = _FIRST[wish]
    return Form.SCHEMA if form is Form.STRICT and not wire_schema(output).is_strict else form


def form_after(form: Form, failure: HttpFailure, *, wish: Wish) -> Form | None:
    """The form to try after `failure`; `None` when it is not about the form, or there is no other.

    Only `auto` leaves `json_schema` for something else.
    """
    if classify(failure) not in _REFUSALS or not _ABOUT_FORM.search(failure.said):
        return None
    if form is Form.STRICT and (is_about_schema(failure) or wish == "json_schema"):
        return Form.SCHEMA
    if wish != "auto" or form is Form.PROMPT:
        return None
    return Form.OBJECT if form < Form.OBJECT else Form.PROMPT


def is_about_schema(failure: HttpFailure) -> bool:
    """Whether it is this one schema that is refused, and not schemas altogether."""
    return bool(_ABOUT_THIS_SCHEMA.search(failure.said))


def messages_for(request: ChatRequest, form: Form | None) -> tuple[Message, ...]:
    """The request's messages; where the provider does not see the schema, the last one shows it."""
    if request.output is None or form is None or form < Form.OBJECT:
        return request.messages
    # JSON mode allows objects only, so that its schema has to be the one with an object as its root.
    schema = wire_schema(request.output).schema if form is Form.OBJECT else request.output.json_schema
    ask = (
        "Answer with one JSON value that follows this JSON Schema, and with nothing else:\n"
        f"{json.dumps(schema, ensure_ascii=False)}"
    )
    last = request.messages[-1]
    if last.role != "user":
        return (*request.messages, Message(role="user", content=ask))
    return (*request.messages[:-1], last.model_copy(update={"content": f"{last.content}\n\n{ask}"}))
