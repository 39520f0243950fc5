"""The kind `function`: what may be called, with what, and what comes back."""

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agentic_prefect.agents.function_kind import FunctionKind
from agentic_prefect.errors import AgenticError, ErrorCode, InvalidOutput, InvalidRequest, PlanInvalid
from agentic_prefect.models.chat import OutputSchema
from agentic_prefect.ports import TaskKind
from tests.agents import functions
from tests.agents.conftest import make_work

HERE = "tests.agents.functions"


async def called(name: str, given: Any = None, *, allowed: tuple[str, ...] = ("tests.agents",), **fields: Any) -> Any:
    """The output of a task that calls a function of this folder, or any other by its whole name."""
    call = name if ":" in name else f"{HERE}:{name}"
    return await FunctionKind(allowed).execute(make_work(call=call, input=given, **fields))


@dataclass(frozen=True)
class Case:
    id: str
    name: str
    given: Any
    output: Any


CASES = [
    Case("by name", "add", {"a": 1, "b": 5}, 6),
    Case("with a default", "add", {"a": 1}, 3),
    Case("one value is the first argument", "add", 1, 3),
    Case("text from a plan is converted", "add", {"a": "1", "b": "2"}, 3),
    Case("an async function, a model in and out", "later", {"point": {"x": 1}}, {"x": 2, "y": 0}),
    Case("a model as the only argument", "later", {"point": {"x": "4", "y": 1}}, {"x": 5, "y": 1}),
    Case(
        "without annotations", "loose", {"first": 1, "key": 2, "more": 3}, {"first": 1, "key": 2, "others": {"more": 3}}
    ),
    Case("a list is one value", "loose", [1, 2], {"first": [1, 2], "key": None, "others": {}}),
    Case(
        "dates, dataclasses, lists of them",
        "strict",
        {"day": "2026-01-31", "size": {"width": 1}, "sizes": [{"width": 2}]},
        ["date", "Size", "Size"],
    ),
    Case("a type that is there for checkers only", "checked_elsewhere", {"amount": "1.5"}, "1.5"),
    Case("what JSON lacks becomes null", "numbers", None, [1.5, None, None]),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
async def test_function_is_called(case: Case) -> None:
    """The input becomes arguments of the annotated types, and the output plain data."""
    assert await called(case.name, case.given) == case.output


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("import nothing_of_the_kind", "No module named 'nothing_of_the_kind'. Install its package"),
        (
            "import os\nos.environ['NOBODY_SETS_THIS']",
            "its module raised KeyError: 'NOBODY_SETS_THIS'. Mend the module",
        ),
        ("raise SystemExit(3)", "its module raised SystemExit: 3. Mend the module"),
    ],
)
async def test_a_module_that_cannot_be_loaded_is_told(
    body: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a module does when it is loaded, the message names the function and the way out."""
    name = f"broken_{uuid.uuid4().hex}"
    (tmp_path / f"{name}.py").write_text(body)
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(PlanInvalid) as caught:
        await called(f"{name}:clean", allowed=(name,))

    assert f"'{name}:clean' cannot be imported: {told}" in str(caught.value)


async def test_sync_function_runs_in_a_thread_with_the_context() -> None:
    """The event loop is not blocked, and context variables are those of the caller."""
    functions.place.set("here")

    assert await called("where") == ["here", False]
    assert isinstance(FunctionKind(()), TaskKind)


async def test_every_misfit_is_told_at_once() -> None:
    """Unknown, missing and wrong arguments, with a near name and what there is."""
    given = {"dya": "2026-01-31", "size": {"width": "wide"}, "sizes": [{"width": 1}, {}]}

    with pytest.raises(InvalidRequest) as raised:
        await called("strict", given)

    assert str(raised.value) == (
        "The input does not fit the function 'strict': there is no parameter 'dya'. Did you mean 'day'?; "
        "'day' is missing; size.width: Input should be a valid number, unable to parse string as a number; "
        "sizes[1].width: Field required. Its parameters: day, size, sizes."
    )


async def test_error_of_the_function_passes_through() -> None:
    """It is the function's own, unchanged."""
    with pytest.raises(functions.Broken, match="it broke") as raised:
        await called("fails")

    assert raised.value.__cause__ is None


@pytest.mark.parametrize("name", ["odd", "circle"])
async def test_output_without_a_json_form_is_refused(name: str) -> None:
    """The message names the function, the type and the way out."""
    with pytest.raises(InvalidOutput) as raised:
        await called(name)

    assert f"The function '{HERE}:{name}' returned" in str(raised.value)
    assert "which has no JSON form" in str(raised.value)
    assert "Return plain data, a pydantic model or a dataclass." in str(raised.value)


async def test_output_is_checked_against_the_schema() -> None:
    """A function is held to the task's output schema like a model."""
    schema = OutputSchema(name="s", json_schema={"type": "object", "properties": {"x": {"maximum": 3}}})

    assert await called("later", {"point": {"x": 1}}, output=schema) == {"x": 2, "y": 0}
    with pytest.raises(InvalidOutput, match=r"\$\.x: 10 is greater than the maximum of 3"):
        await called("later", {"point": {"x": 9}}, output=schema)


@dataclass(frozen=True)
class Denied:
    call: str | None
    said: str
    allowed: tuple[str, ...] = ("tests.agents", "other")


DENIED = [
    Denied("os:getcwd", "allowed packages are tests.agents, other"),
    Denied("os:getcwd", "PREFECT_INTEGRATIONS_AGENTIC_ALLOWED_PACKAGES"),
    Denied("os:getcwd", "allowed packages are none", ()),
    Denied("tests.agentsx:a", "allowed packages are"),
    Denied(f"{HERE}:getcwd", "it comes from 'posix', and allowed packages are tests.agents, other"),
    Denied(f"{HERE}:BaseModel", "it comes from 'pydantic.main'"),
    Denied(f"{HERE}:ad", "no public 'ad'. Did you mean 'add'?"),
    Denied(f"{HERE}:_hidden", "no public '_hidden'"),
    Denied(f"{HERE}:CONSTANT", "is 'int' and cannot be called"),
    Denied("tests.agents.nowhere:add", "No module named 'tests.agents.nowhere'"),
    Denied("add", "Write 'package.module:name'"),
    Denied(f"{HERE}:add.__globals__", "Write 'package.module:name'"),
    Denied("../etc:passwd", "Write 'package.module:name'"),
    Denied(None, "Set `call: package.module:name`"),
]


@pytest.mark.parametrize("case", DENIED, ids=lambda case: f"{case.call}: {case.said[:30]}")
async def test_what_may_not_be_called(case: Denied) -> None:
    """Only public functions that were written in an allowed package; the message names the way out."""
    with pytest.raises(PlanInvalid) as raised:
        await FunctionKind(case.allowed).execute(make_work(call=case.call))

    assert case.said in str(raised.value)


async def test_misfit_is_not_tried_again() -> None:
    """The same input fits no better the next time."""
    with pytest.raises(AgenticError) as raised:
        await called("add", {"a": "x"})

    assert (raised.value.code, raised.value.retryable) == (ErrorCode.INVALID_REQUEST, False)
