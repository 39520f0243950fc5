"""A function's signature as an agent task, for people who write their flows themselves."""

import hashlib
import inspect
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, ParamSpec, TypeVar, cast, get_type_hints
from uuid import UUID

from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from agentic_prefect.errors import InvalidOutput, PlanInvalid
from agentic_prefect.models.agent import AgentSpec
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.result import TaskResult
from agentic_prefect.models.status import TaskStatus
from agentic_prefect.models.task import AgentTask
from agentic_prefect.observers.dispatch import Dispatcher
from agentic_prefect.plans.expressions import Scope, problems_in, references
from agentic_prefect.plans.lineage import Lineage
from agentic_prefect.plans.names import listing
from agentic_prefect.plans.progress import Blueprint, StartNode
from agentic_prefect.policies.effective import effective_plan
from agentic_prefect.ports import TaskKind, Work
from agentic_prefect.runtime.agent_task import execute, install_log_filter
from agentic_prefect.runtime.paid_calls import StoredCalls
from agentic_prefect.runtime.services import RunInfo, Services, services_or
from agentic_prefect.runtime.work import Place, job_for

P = ParamSpec("P")
OutputT = TypeVar("OutputT")

OpenServices = Callable[[], AbstractAsyncContextManager[Services]]

KEPT_RUNS = 10_000
"""How many task runs are remembered, to draw an edge from one to a task that is given its result."""

_known: OrderedDict[str, None] = OrderedDict()
_calls: OrderedDict[str, int] = OrderedDict()


class AgentFunction(Generic[P, OutputT]):
    """An agent task that is called like the function it was made from, and returns a `TaskResult` of its type.

    The docstring is the task's description and may hold `{{ parameter }}`; parameters that it does not mention become
    the task's input. A `TaskResult` may be given in place of any argument: its output is used, and if it has none this
    task is skipped.
    """

    def __init__(
        self,
        func: Callable[P, Awaitable[OutputT]],
        agent: AgentSpec,
        fields: Mapping[str, Any],
        services: OpenServices | None,
    ) -> None:
        self._func, self._agent, self._fields, self._services = func, agent, dict(fields), services
        self._signature = inspect.signature(func)
        hints = get_type_hints(func)
        self._returns: TypeAdapter[OutputT] = TypeAdapter(hints.get("return", str))
        self.task = self._task_of(inspect.cleandoc(func.__doc__ or ""), hints.get("return", str))
        self.__name__, self.__doc__ = func.__name__, func.__doc__

    def with_options(self, **fields: Any) -> "AgentFunction[P, OutputT]":
        """The same task with other fields, such as `model`, `retries` or `timeout_s`."""
        return AgentFunction(self._func, self._agent, {**self._fields, **fields}, self._services)

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> TaskResult[OutputT]:
        """The result; a failure is returned, not raised."""
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        upstream = [cast("TaskResult", value) for value in bound.arguments.values() if isinstance(value, TaskResult)]
        missing = next((result for result in upstream if not result.success), None)
        if missing is not None:
            return TaskResult(
                task_id=self.task.id,
                status=TaskStatus.SKIPPED,
                success=False,
                reason=f"it needs {missing.task_id!r}, which is {missing.status}",
            )
        given = {name: _output_of(value) for name, value in bound.arguments.items()}
        async with services_or(self._services) as services:
            result = await self._run(to_jsonable_python(given), upstream, services)
        _remember(result)
        if not result.success:
            return cast("TaskResult[OutputT]", result)
        return cast(
            "TaskResult[OutputT]", result.model_copy(update={"output": self._returns.validate_python(result.output)})
        )

    async def _run(self, given: Any, upstream: Sequence[TaskResult], services: Services) -> TaskResult:
        context = FlowRunContext.get()
        install_log_filter()
        flow_run = context.flow_run if context else None
        run_id = str(flow_run.id) if flow_run else ""
        plan = Plan(name="flow", agents={self._agent.name: self._agent}, tasks=(self.task,))
        blueprint = Blueprint.of(effective_plan(plan, run=services.options, settings=services.settings), given)
        results: dict[str, TaskResult] = {}
        lineage = Lineage(run_id)
        info = RunInfo(blueprint.plan, run_id, None, lineage, lambda: results, whole_plan=False)
        dispatcher = Dispatcher(services.observers(info), disclosure=services.disclosure)
        kinds = {name: _Typed(kind, self._returns) for name, kind in services.kinds(info).items()}
        start = StartNode(self.task.id, self.task.id, None, Scope(given, {}), ())
        job = job_for(start, blueprint, services, kinds, Place(run_id, lineage, None, dispatcher.notify))
        job.key = _key_of_call(flow_run, job.key)
        job.paid = StoredCalls(job.key, look=not job.is_new)
        after = [UUID(result.run_id) for result in upstream if result.run_id in _known]
        result, _ = await execute(job, label=self.task.id, after=after, tags=self.task.tags)
        results[self.task.id] = result
        await dispatcher.flush()
        return result

    def _task_of(self, text: str, returns: Any) -> AgentTask:
        mentioned = references(text).unknown_names & set(self._signature.parameters)
        problems = [problem.message for problem in problems_in(_bound(text, mentioned))]
        if not text:
            problems.append("it has no docstring, and the docstring is what the agent is asked to do")
        if problems:
            raise PlanInvalid(f"The agent task {self._func.__name__!r} cannot be made: {'; '.join(problems)}.")
        rest = [name for name in self._signature.parameters if name not in mentioned]
        fields: dict[str, Any] = {
            "id": self._func.__name__,
            "agent": self._agent.name,
            "description": _bound(text, mentioned),
            "input": {name: f"{{{{ inputs.{name} }}}}" for name in rest} or None,
            "output": None if returns is str else self._returns.json_schema(),
        }
        task = AgentTask.model_validate({**fields, **self._fields})
        acts = [f"failure_policy.{key}" for key, rule in (task.failure_policy or {}).items() if rule.then is not None]
        acts += ["on_failure"] if task.on_failure is not None else []
        if acts:
            raise PlanInvalid(
                f"The agent task {self._func.__name__!r} cannot be made: {listing(acts)} says what a plan does about a "
                f"failure, and here the flow does it. Look at the result instead: `if result.failed: ...`."
            )
        return task


class _Typed:
    """A kind whose output must also satisfy the function's return type, validators included."""

    def __init__(self, inner: TaskKind, returns: TypeAdapter[Any]) -> None:
        self._inner, self._returns = inner, returns

    async def execute(self, work: Work) -> Any:
        output = await self._inner.execute(work)
        try:
            self._returns.validate_python(output)
        except ValidationError as error:
            problems = tuple(f"{'.'.join(map(str, each['loc'])) or 'output'}: {each['msg']}" for each in error.errors())
            raise InvalidOutput(f"The output does not fit: {'; '.join(problems)}.", problems) from error
        return output

    def prepared(self, work: Work) -> Work:
        """The work as the kind inside prepares it."""
        inner: Callable[[Work], Work] | None = getattr(self._inner, "prepared", None)
        return inner(work) if inner else work

    def fingerprint(self, work: Work) -> str:
        """That of the kind inside."""
        inner: Callable[[Work], str] | None = getattr(self._inner, "fingerprint", None)
        return inner(work) if inner else ""


def agent_task(
    *, agent: AgentSpec | str = "assistant", services: OpenServices | None = None, **fields: Any
) -> Callable[[Callable[P, Awaitable[OutputT]]], AgentFunction[P, OutputT]]:
    """Make an agent task of an async function: its signature gives the types, its docstring is the prompt.

    Args:
        agent: Who does it; a name alone is an agent whose role is that name.
        services: Opens what a call needs from outside where the flow has not said `use(services)`; closed after it.
        fields: Any field of `AgentTask`, such as `model`, `retries`, `timeout_s`, `failure_policy`, `prompt`.
    """
    spec = agent if isinstance(agent, AgentSpec) else AgentSpec(name=agent, role=agent)
    spec = spec if spec.name else spec.model_copy(update={"name": spec.role or "assistant"})

    def decorate(func: Callable[P, Awaitable[OutputT]]) -> AgentFunction[P, OutputT]:
        return AgentFunction(func, spec, fields, services)

    return decorate


def _output_of(value: object) -> Any:
    return cast("TaskResult", value).output if isinstance(value, TaskResult) else value


def _bound(text: str, names: frozenset[str] | set[str]) -> str:
    """The text with the function's parameters in reach of its expressions."""
    return "".join(f"{{% set {name} = inputs.{name} %}}" for name in sorted(names)) + text


def _key_of_call(flow_run: FlowRun | None, key: str | None) -> str | None:
    """The key of this call: the second call of the same work in one run is a second answer, not the first one again.

    A retry of the flow counts its calls anew, so that it finds the answer of each. Outside of a flow run nothing is
    stored, since nothing would tell one run from another.
    """
    if flow_run is None or key is None:
        return None
    counted = f"{flow_run.id}/{flow_run.run_count}/{key}"
    count = _calls[counted] = _calls.get(counted, 0) + 1
    while len(_calls) > KEPT_RUNS:
        _calls.popitem(last=False)
    return key if count == 1 else hashlib.sha256(f"{key}/{count}".encode()).hexdigest()


def _remember(result: TaskResult) -> None:
    if result.run_id is None:
        return
    _known[result.run_id] = None
    while len(_known) > KEPT_RUNS:
        _known.popitem(last=False)
