"""Everything that can be wrong before a run: one message each, the right exit code, and no request to a model."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agentic_prefect.testing import ScriptedServer
from tests.cli.conftest import PLAN, Command

MODEL = ("--model", "openai/scripted")


@dataclass(frozen=True)
class Case:
    """One thing that is wrong, and what is said about it."""

    id: str
    words: tuple[str, ...]
    """What the message holds."""
    arguments: Callable[[Path], tuple[object, ...]]
    """What is typed, given a folder to put files in."""
    code: int = 2
    stdin: str = ""
    variables: dict[str, str | None] = field(default_factory=dict[str, str | None])
    """What is different in the environment; it takes a process of its own, which takes a second."""


def plan_with(text: str) -> Callable[[Path], tuple[object, ...]]:
    """`run` of a plan with this text."""

    def arguments(folder: Path) -> tuple[object, ...]:
        path = folder / "plan.yaml"
        path.write_text(text)
        return ("run", path, *MODEL)

    return arguments


def small_plan(*more: object) -> Callable[[Path], tuple[object, ...]]:
    """`run` of a plan that is right, with further words."""
    return lambda folder: (*plan_with(PLAN)(folder), *more)


ASK = "name: bad\ntasks:\n  - {id: ask, description: Ask}\n"
CIRCLE = (
    "name: bad\ntasks:\n  - {id: a, description: x, depends_on: [c]}\n"
    "  - {id: b, description: x, depends_on: [a]}\n  - {id: c, description: x, depends_on: [b]}\n"
)

CASES = [
    Case("broken YAML", ("plan.yaml", "line 3", "column"), plan_with("name: bad\ntasks:\n  - id: [a\n")),
    Case(
        "a deployment and no server",
        ("The deployment 'city-report' is one of a Prefect server that stays", "Set PREFECT_API_URL"),
        plan_with("name: far\ntasks: [{id: work, kind: deployment, call: city-report}]\n"),
        variables={"PREFECT_API_URL": None},
    ),
    Case("a circle", ("a -> c -> b -> a",), plan_with(CIRCLE)),
    Case(
        "an unknown field",
        ("'descripton'", "description", "line 3"),
        plan_with(ASK.replace("description", "descripton")),
    ),
    Case("a missing file", ("'nothing.yaml'", "Stored plans: ", "research"), lambda _: ("run", "nothing.yaml")),
    Case("a folder", ("plans.yaml", "directory"), lambda folder: _folder(folder)),
    Case("a binary file", ("byte 0 is not UTF-8",), lambda folder: _file(folder, b"\xff\xfe\x00")),
    Case("a plan of 10 MB", ("larger than 4,000,000 bytes",), plan_with(PLAN + "# " + "x" * 10_000_000)),
    Case(
        "dunder attributes",
        ("task ask", "__class__"),
        plan_with(ASK.replace("Ask", '"{{ inputs.__class__.__mro__ }}"')),
    ),
    Case("a wrong input type", ("input count", "'many'", "integer"), small_plan("--input", "count=many")),
    Case("an unknown input", ("input topci", "Did you mean 'topic'?"), small_plan("--input", "topci=tea")),
    Case("an input without a value", ("'topic'", "NAME=VALUE"), small_plan("--input", "topic")),
    Case("a missing inputs file", ("'no.yaml'", "no such file"), small_plan("--inputs-file", "no.yaml")),
    Case("an unwritable output", ("result.json", "no such file"), small_plan("-o", "missing/result.json")),
    Case("an output of unknown form", ("'result.doc'", ".json", "--format"), small_plan("-o", "result.doc")),
    Case(
        "an unwritable stream", ("events.jsonl", "cannot be written"), small_plan("--stream", "jsonl:no/events.jsonl")
    ),
    Case("a stream of unknown form", ("'events.csv'", "jsonl:FILE"), small_plan("--stream", "events.csv")),
    Case("two things on one output", ("standard output",), small_plan("-o", "-", "--stream", "jsonl:-")),
    Case("an unknown limit", ("'tokes=5'", "Did you mean 'tokens'?"), small_plan("--budget", "tokes=5")),
    Case("a limit of nothing", ("usd=0", "above 0"), small_plan("--budget", "usd=0")),
    Case("no places", ("--max-concurrency", ">= 1"), small_plan("--max-concurrency", "0")),
    Case(
        "a fault that is none",
        ("'first:bad'", "TASK:CODE"),
        lambda folder: ("rehearse", *small_plan()(folder)[1:2], "--fail", "first:bad"),
    ),
    Case("an empty standard input", ("standard input", "empty"), lambda _: ("run", "-", *MODEL)),
    Case(
        "a missing key",
        ("OPENAI_API_KEY", "agentic-prefect rehearse"),
        lambda folder: ("run", plan_with(PLAN)(folder)[1]),
        code=5,
        variables={"OPENAI_API_KEY": "", "OPENAI_BASE_URL": ""},
    ),
    Case(
        "an unreachable server",
        ("The Prefect server at", "cannot be reached", "PREFECT_API_URL"),
        small_plan(),
        code=5,
        variables={"PREFECT_API_URL": "http://127.0.0.1:9/api"},  # the port of a service that nobody runs any more
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_bad_input_gets_one_clear_message(
    case: Case,
    cli: Command,
    program: Command,
    tmp_path: Path,
    openai_env: ScriptedServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is wrong is said in one message with a way out; nothing is started and nothing is sent."""  # CT-03, L-60
    monkeypatch.chdir(tmp_path)
    call = program if case.variables else cli
    done = call(*case.arguments(tmp_path), stdin=case.stdin, **case.variables)

    assert done.code == case.code, done.err
    assert done.err.count("Error: ") == 1
    assert all(word in done.err for word in case.words), done.err
    assert "Traceback" not in done.err
    assert done.out == ""
    assert openai_env.count == 0


@pytest.mark.prefect  # an agent that the plan lacks may be a block
def test_every_problem_of_a_plan_is_told_at_once(cli: Command) -> None:  # U-01
    """Five mistakes in one plan are five lines, not one after the other."""
    plan = (
        "name: bad\ntasks:\n  - {id: a, description: x, agent: nobody}\n  - {id: a, description: x}\n"
        "  - {id: b, kind: wizard}\n  - {id: c, description: '{{ tasks.zzz.output }}'}\n  - {id: d, depends_on: [d]}\n"
    )

    done = cli("validate", "-", "--format", "json", stdin=plan)
    problems = " ".join(problem["path"] + problem["message"] for problem in json.loads(done.out)[0]["problems"])

    assert done.code == 2
    assert all(word in problems for word in ("'nobody'", "'a'", "'wizard'", "'zzz'", "'d'")), problems


def _folder(folder: Path) -> tuple[object, ...]:
    (folder / "plans.yaml").mkdir()
    return ("run", folder / "plans.yaml")


def _file(folder: Path, content: bytes) -> tuple[object, ...]:
    path = folder / "plan.yaml"
    path.write_bytes(content)
    return ("run", path)
