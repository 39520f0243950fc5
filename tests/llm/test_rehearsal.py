"""The model that needs no key."""

import asyncio
import json
from decimal import Decimal
from typing import Any

import jsonschema
import pytest

from agentic_prefect.errors import AgenticError, ErrorCode, InvalidOutput, PlanInvalid, TimedOut
from agentic_prefect.llm.rehearsal import Fault, RehearsalModel, RehearsalModels, parse_fault
from agentic_prefect.llm.structured import complete_structured
from agentic_prefect.models.chat import OutputSchema
from agentic_prefect.models.usage import Usage
from tests.llm.conftest import ask

SEARCHES = {
    "type": "object",
    "properties": {
        "searches": {
            "type": "array",
            "items": {"type": "object", "properties": {"query": {"type": "string"}, "rank": {"type": "integer"}}},
        },
        "mood": {"enum": ["good", "bad"]},
    },
    "required": ["searches"],
}


def of(task_id: str, schema: dict[str, Any] | None = None, **fields: Any) -> Any:
    """A request of that task."""
    output = None if schema is None else OutputSchema(name="answer", json_schema=schema)
    return ask(task_id=task_id, output=output, **fields)


async def test_answer_follows_the_schema() -> None:
    """The answer is a readable instance of the schema, with some items in each list, and always the same."""
    model = RehearsalModel()
    first, second = [await model.complete(of("plan", SEARCHES)) for _ in range(2)]
    answer = json.loads(first.text)

    jsonschema.validate(answer, SEARCHES)
    assert [item["query"] for item in answer["searches"]] == ["query", "query 2", "query 3"]
    assert first == second


async def test_text_names_the_task() -> None:
    """A text says whose it is."""
    model = RehearsalModel()

    assert (await model.complete(of("search[2]"))).text == "Rehearsed answer of search[2]."
    assert (await model.complete(of(""))).text == "Rehearsed answer."


async def test_costs_nothing() -> None:
    """Tokens are estimated, and free rather than of unknown price."""
    response = await RehearsalModel().complete(of("a"))

    assert response.usage == Usage(input_tokens=3, output_tokens=6, calls=1, cost_usd=Decimal(0))


PARSED = [
    ("search:429x2", Fault("search", "429", 2)),
    ("search[3]:500", Fault("search[3]", "500")),
    (" write:invalid_output ", Fault("write", "invalid_output")),
    ("a:timeoutx10", Fault("a", "timeout", 10)),
]


@pytest.mark.parametrize(("text", "expected"), PARSED)
def test_parse_fault(text: str, expected: Fault) -> None:
    """A fault is a task, a code and how often."""
    assert parse_fault(text) == expected


@pytest.mark.parametrize(
    "text", ["", "search", "search:", ":429", "search:418", "search:boom", "search:429x0", "a b:429"]
)
def test_parse_fault_refuses(text: str) -> None:
    """What is no fault is refused with the form and all codes."""
    with pytest.raises(PlanInvalid) as caught:
        parse_fault(text)

    assert f"{text!r} is not a fault" in str(caught.value)
    assert "'search:429x2'" in str(caught.value)
    assert "429, 500" in str(caught.value)
    assert "invalid_output, hang" in str(caught.value)


CODES = [
    ("400", ErrorCode.INVALID_REQUEST),
    ("401", ErrorCode.AUTHENTICATION),
    ("403", ErrorCode.PERMISSION),
    ("429", ErrorCode.RATE_LIMIT),
    ("500", ErrorCode.SERVER),
    ("503", ErrorCode.OVERLOADED),
    ("529", ErrorCode.OVERLOADED),
    ("timeout", ErrorCode.TIMEOUT),
    ("connection", ErrorCode.CONNECTION),
    ("refusal", ErrorCode.REFUSAL),
    ("content_filter", ErrorCode.CONTENT_FILTER),
    ("context_length", ErrorCode.CONTEXT_LENGTH),
    ("invalid_output", ErrorCode.INVALID_OUTPUT),
]


@pytest.mark.parametrize(("code", "expected"), CODES)
async def test_fault_happens_as_often_as_it_says(code: str, expected: ErrorCode) -> None:
    """A fault is the error of its code, so many times, and then all is well."""
    model = RehearsalModel([Fault("a", code, 2)])
    codes: list[ErrorCode] = []
    for _ in range(2):
        with pytest.raises(AgenticError) as caught:
            await model.complete(of("a"))
        assert caught.value.usage == Usage(calls=1)
        codes.append(caught.value.code)
    response = await model.complete(of("a"))

    assert codes == [expected, expected]
    assert response.text == "Rehearsed answer of a."


async def test_fault_of_a_fan_out() -> None:
    """A fault of a task hits whichever items ask first; a fault of an item hits that one."""
    model = RehearsalModel([Fault("a", "500"), Fault("a[2]", "429")])
    outcomes: list[str] = []
    for index in (0, 1, 2, 2):
        try:
            await model.complete(of(f"a[{index}]"))
            outcomes.append("well")
        except AgenticError as error:
            outcomes.append(error.code)

    assert outcomes == ["server", "well", "rate_limit", "well"]


async def test_other_tasks_are_left_alone() -> None:
    """A fault hits nobody but its task."""
    model = RehearsalModel([Fault("a", "500")])

    assert (await model.complete(of("ab"))).text == "Rehearsed answer of ab."


async def test_invalid_output_can_be_repaired() -> None:
    """A wrong answer is an answer, so that the repair can be watched."""
    heard: list[Usage] = []
    model = RehearsalModel([Fault("a", "invalid_output")])
    value, _ = await complete_structured(model, of("a", SEARCHES), repairs=1, on_usage=heard.append)

    assert len(value["searches"]) == 3
    assert len(heard) == 2


async def test_invalid_output_fails_without_repair() -> None:
    """A wrong answer that may not be repaired is the failure."""
    model = RehearsalModel([Fault("a", "invalid_output")])
    with pytest.raises(InvalidOutput, match="'searches' is a required property"):
        await complete_structured(model, of("a", SEARCHES), repairs=0, on_usage=lambda _: None)


async def test_hang_ends_with_the_call_s_time() -> None:
    """A call that hangs runs out of its time."""
    with pytest.raises(TimedOut, match=r"did not end within 0\.01 s"):
        await RehearsalModel([Fault("a", "hang")]).complete(of("a", timeout_s=0.01))


async def test_hang_can_be_cancelled() -> None:
    """A call without a time of its own hangs until the caller has had enough."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await RehearsalModel([Fault("a", "hang")]).complete(of("a"))


def test_directory() -> None:
    """The rehearsal stands in for every model, under its name."""
    model = RehearsalModel()
    models = RehearsalModels(model)

    assert [models.resolve(name).model for name in (None, "gpt-5", "local/qwen")] == [
        "rehearsal",
        "gpt-5",
        "local/qwen",
    ]
    assert models.resolve("x").chat is model
