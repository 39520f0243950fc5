"""Answers of a given form: the JSON found in what a model says, checked, and sent back when it is wrong."""

import asyncio
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import (
    UnknownType,
    ValidationError,
    best_match,  # pyright: ignore[reportUnknownVariableType]
)
from jsonschema.validators import validator_for  # pyright: ignore[reportUnknownVariableType]
from referencing import Registry
from referencing.exceptions import Unresolvable

from agentic_prefect.errors import AgenticError, InvalidOutput, InvalidRequest, Runaway
from agentic_prefect.llm.waits import usage_of_cancelled
from agentic_prefect.models.chat import ChatRequest, ChatResponse, Message
from agentic_prefect.models.usage import Usage
from agentic_prefect.ports import ChatModel

MOST_PROBLEMS = 20
"""How many problems of one answer are told."""
_LONGEST_PROBLEM = 300
_MOST_STARTS = 200
"""How many brackets in a text are tried as the beginning of a JSON value, so that odd text costs no time."""

_NOTHING_ELSE: Registry[Any] = Registry()
"""No schemas but the one at hand: the default registry would fetch a remote reference over the network."""
_THOUGHTS = re.compile(r"\A\s*<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL)
_FENCE = re.compile(r"```[A-Za-z0-9_-]*[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL)


def find_json(text: str) -> Any:
    """The one JSON value in `text`: the whole of it, the only fenced block, or one object or list with words around it.

    Raises:
        InvalidOutput: There is none, or there are several different ones.
    """
    if not text.strip():
        raise InvalidOutput("The answer is empty; JSON was asked for.", ("$: the answer is empty",), text)
    said = _THOUGHTS.sub("", text)
    try:
        return _loads(said)
    except ValueError as error:
        trouble = str(error)
    blocks = list(_values(match.group(1) for match in _FENCE.finditer(said)))
    found = _distinct(blocks or list(_embedded(said)))
    if len(found) == 1:
        return found[0]
    problem = f"$: {len(found)} different JSON values, one was asked for" if found else f"$: not JSON: {trouble}"
    raise InvalidOutput(f"The answer is not one JSON value ({problem.removeprefix('$: ')}).", (problem,), text)


def parse_answer(text: str, schema: Mapping[str, Any]) -> Any:
    """The value that `text` gives, when it follows `schema`.

    Raises:
        InvalidOutput: It is not one JSON value, or it breaks the schema; `problems` has one line per violation.
        InvalidRequest: The schema itself is of no use.
    """
    value = find_json(text)
    problems = schema_problems(value, schema)
    if problems:
        first, more = next(iter(problems)), len(problems) - 1
        also = f" (and {more} more)" if more else ""
        raise InvalidOutput(f"The answer does not follow the schema: {first}{also}.", problems, text)
    return value


def schema_problems(value: Any, schema: Mapping[str, Any]) -> tuple[str, ...]:
    """What is wrong with `value`, one line per violation with its path; empty when nothing is.

    Raises:
        InvalidRequest: The schema itself is of no use.
    """
    kind: Any = validator_for(schema, default=Draft202012Validator)
    validator = kind(schema, registry=_NOTHING_ELSE, format_checker=kind.FORMAT_CHECKER)
    try:
        errors: list[ValidationError] = list(validator.iter_errors(value))
    except (Unresolvable, UnknownType) as error:
        raise InvalidRequest(
            f"The output schema cannot be used: {str(error).splitlines()[0]}. References must lead to a place in the "
            f"schema itself, such as '#/$defs/Name', and types must be those of JSON Schema."
        ) from error
    errors.sort(key=lambda error: [str(part) for part in error.absolute_path])
    lines = [_line(error) for error in errors[:MOST_PROBLEMS]]
    if len(errors) > MOST_PROBLEMS:
        lines.append(f"and {len(errors) - MOST_PROBLEMS} more")
    return tuple(lines)


async def complete_structured(
    model: ChatModel, request: ChatRequest, *, repairs: int, on_usage: Callable[[Usage], None]
) -> tuple[Any, ChatResponse]:
    """The checked value of an answer and the answer itself; without an output schema the value is the text.

    An answer of the wrong form is sent back with what is wrong with it.

    Args:
        repairs: How often at most; 0 asks once.
        on_usage: Hears what each call consumed, a failed or cancelled one included.

    Raises:
        InvalidOutput: The last answer allowed had the wrong form, too.
        Runaway: The model was asked too often; its cause is what was wrong with the last answer.
        AgenticError: What the model raises.
    """
    last: InvalidOutput | None = None
    for left in range(repairs, -1, -1):
        try:
            response = await _counted(model, request, on_usage)
            value = response.text if request.output is None else parse_answer(response.text, request.output.json_schema)
        except InvalidOutput as error:
            if left == 0:
                raise
            request, last = repair_request(request, error), error
        except Runaway as error:
            raise error from last
        else:
            return value, response
    raise ValueError(f"repairs={repairs!r} must be 0 or more: 0 asks once.")


def repair_request(request: ChatRequest, error: InvalidOutput) -> ChatRequest:
    """`request` with the refused answer and what is wrong with it, asking again."""
    problems = "\n".join(f"- {line}" for line in error.problems or (error.message,))
    wish = "the whole corrected JSON value" if request.output is not None else "the whole corrected answer"
    ask = f"Your answer cannot be used:\n{problems}\nAnswer again with {wish} and nothing else."
    # Some providers refuse an empty message.
    answer = (Message(role="assistant", content=error.answer),) if error.answer.strip() else ()
    return request.model_copy(update={"messages": (*request.messages, *answer, Message(role="user", content=ask))})


async def _counted(model: ChatModel, request: ChatRequest, on_usage: Callable[[Usage], None]) -> ChatResponse:
    try:
        response = await model.complete(request)
    except AgenticError as error:
        on_usage(Usage(calls=1) if error.usage is None else error.usage)
        raise
    except asyncio.CancelledError as error:
        on_usage(usage_of_cancelled(error))
        raise
    on_usage(response.usage)
    return response


def _loads(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON value")


def _values(texts: Iterator[str]) -> Iterator[Any]:
    for text in texts:
        try:
            yield _loads(text)
        except ValueError:
            continue


def _embedded(text: str) -> Iterator[Any]:
    """The objects and lists in `text`, from left to right; those within another are not looked at."""
    decoder, place = json.JSONDecoder(parse_constant=_refuse), 0
    for _ in range(_MOST_STARTS):
        start = re.compile(r"[{\[]").search(text, place)
        if start is None:
            return
        try:
            value, place = decoder.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            place = start.end()
        else:
            yield value


def _distinct(values: list[Any]) -> list[Any]:
    """`values` without repetitions, and without empty brackets where there is anything else."""
    seen = {json.dumps(value, sort_keys=True): value for value in values}
    return [value for value in seen.values() if value] or list(seen.values())


def _line(error: ValidationError) -> str:
    # Of several branches that all fail, the one that comes closest says more than "is not valid under any of them".
    close = cast("ValidationError", best_match([error]))
    message = error.message if close is error else f"{error.message} (closest: {close.message})"
    if len(message) > _LONGEST_PROBLEM:
        message = f"{message[:150]} … {message[-120:]}"
    return f"{error.json_path}: {message}"
