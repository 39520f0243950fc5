"""Which models a run can reach, and who pays."""

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from agentic_prefect.agents.runner import ModelRunner
from agentic_prefect.bootstrap.options import RunOptions
from agentic_prefect.errors import PlanInvalid
from agentic_prefect.llm.checkpoints import CheckpointedModels
from agentic_prefect.llm.connections import Connections
from agentic_prefect.llm.ledger import Ledger
from agentic_prefect.llm.local import service
from agentic_prefect.llm.local.weights import default_cache_dir
from agentic_prefect.llm.metered import MeteredModels
from agentic_prefect.llm.openai_model import OpenAIModel
from agentic_prefect.llm.rehearsal import RehearsalModel, RehearsalModels, parse_fault
from agentic_prefect.llm.throttle import Throttle, ThrottledModels
from agentic_prefect.llm.turns import CountedModels, Turns
from agentic_prefect.models.address import OPENAI_KEY_ENV, base_url_of, is_openai
from agentic_prefect.models.budget import Budget
from agentic_prefect.models.connection import Connection
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.prompt import RenderedPrompt
from agentic_prefect.models.task import AgentTask
from agentic_prefect.models.usage import Usage
from agentic_prefect.plans.key_variable import forbidden_key, forbidden_way, usual_key
from agentic_prefect.ports import ChatModel, ModelDirectory, SharedLimits, Work
from agentic_prefect.settings import AgenticSettings, environment, secret, secrets

OPENAI = "openai"
LOCAL = "local"
BASE_URL_ENV = "OPENAI_BASE_URL"
UNSTARTED = "http://127.0.0.1:0/v1"
"""Stands for the address of the local model until it is started by the first call."""

Price = Callable[[str, str, Usage], Decimal | None]


class ModelAccess:
    """The models of a run and of the sub-plans in it, with one client per connection."""

    def __init__(self, options: RunOptions, settings: AgenticSettings, shared: SharedLimits | None = None) -> None:
        self._shared = shared
        self._cache_dir = local_cache(settings)
        self._allowed_keys = settings.allowed_keys
        self._rehearsal = RehearsalModel(map(parse_fault, options.faults)) if options.rehearse else None
        self._policies = (options.policy, settings.policy())
        self._blocks: dict[str, Connection | None] = {}
        self._made: dict[str, Connections] = {}
        self.secrets = set(secrets())
        """The keys in use, and those that may come into use, so that none of them is written anywhere."""

    def directory(self, plan: Plan) -> tuple[ModelDirectory, Price]:
        """What finds the models of a plan, and what their calls cost."""
        if self._rehearsal is not None:
            return RehearsalModels(self._rehearsal), _free
        connections = self.connections(plan)
        return connections, connections.price

    def throttle_of(self, plan: Plan) -> Callable[[str], Throttle | None]:
        """What holds back the requests of a plan's connections."""
        return _unthrottled if self._rehearsal is not None else self.connections(plan).throttle

    def connections(self, plan: Plan) -> Connections:
        """The connections that a plan can use: its own, those of the environment, the local model, and those that it
        names and the Prefect server holds.
        """
        everywhere, default = self._everywhere()
        stored = self._stored(plan, {*everywhere, *plan.models})
        named = {**stored, **plan.models}
        own = "|".join(f"{name}={connection.model_dump_json()}" for name, connection in sorted(named.items()))
        if own not in self._made:
            if default is None and len(named) == 1:
                default = next(iter(named))
            for connection in named.values():
                self._remember(connection.api_key)
            self._made[own] = Connections(
                {**everywhere, **named},
                keys=self._key_of,
                default=default,
                make=self._client,
                shared=self._shared,
            )
        return self._made[own]

    def names(self, plan: Plan) -> frozenset[str]:
        """The connections that a plan can name."""
        known = {*self._everywhere()[0], *plan.models}
        return frozenset({*known, *self._stored(plan, known)})

    async def aclose(self) -> None:
        """Close what the clients hold open."""
        for connections in self._made.values():
            await connections.aclose()

    def renew_key(self, plan: Plan, name: str | None, key: SecretStr) -> None:
        """Use another key for the connection of a plan's model from the next call on."""
        self._remember(key)
        self.connections(plan).renew_key(name, key)

    def _stored(self, plan: Plan, known: Collection[str]) -> dict[str, Connection]:
        """The connections that the Prefect server holds, of those that are named and not known otherwise."""
        policies = (*self._policies, plan.defaults, *plan.agents.values(), *plan.tasks)
        wanted = {each.model.partition("/")[0] for each in policies if each.model} - {*known}
        if unread := wanted - {*self._blocks}:
            # Blocks are Prefect's and take their time to load; hardly any plan names one.
            from agentic_prefect.blocks.named import named_connections

            found = named_connections(unread)
            self._blocks |= {name: found.get(name) for name in unread}
        return {name: block for name in sorted(wanted) if (block := self._blocks[name]) is not None}

    def _key_of(self, name: str, connection: Connection) -> SecretStr | None:
        return self._remember(_key_of(name, connection, self._allowed_keys))

    def _remember(self, key: SecretStr | None) -> SecretStr | None:
        if key is not None:
            self.secrets.add(key.get_secret_value())
        return key

    def _everywhere(self) -> tuple[dict[str, Connection], str | None]:
        """The connections that need no plan, and the one that serves when nobody names any."""
        found, default = dict[str, Connection](), None
        base_url = _own_base_url()
        if base_url or secret(OPENAI_KEY_ENV):
            found[OPENAI], default = Connection(base_url=base_url, api_key_env=OPENAI_KEY_ENV), OPENAI
        local = service.status(self._cache_dir)
        if local.running or (local.engine_installed and local.weights_path is not None):
            found[LOCAL] = Connection(
                base_url=local.base_url or UNSTARTED, model=local.model or "SmolLM2-135M-Instruct"
            )
            default = default or LOCAL
        if default is None:
            return {}, None
        found.setdefault(OPENAI, Connection(api_key_env=OPENAI_KEY_ENV))
        return found, default

    def _client(self, name: str, connection: Connection) -> ChatModel:
        if connection.base_url == UNSTARTED:
            started = service.start(self._cache_dir)
            connection = connection.model_copy(update={"base_url": started.base_url, "model": started.model})
        return OpenAIModel(connection, name=name)


class Ledgers:
    """The ledgers of a run, of the sub-plans in it, and of tasks with a budget of their own."""

    def __init__(self) -> None:
        self._by_run: dict[str, Ledger] = {}
        self._by_task: dict[tuple[str, str], Ledger] = {}

    def of_plan(self, plan: Plan, run_id: str, parent_run_id: str | None) -> Ledger:
        """The ledger of a plan's run; what a sub-plan spends comes out of its parent's budget, too."""
        if run_id not in self._by_run:
            parent = self._by_run.get(parent_run_id or "")
            self._by_run[run_id] = Ledger(plan.budget, scope=f"plan {plan.name!r}", parent=parent)
        return self._by_run[run_id]

    def of_task(self, task: AgentTask, run_id: str, plan_ledger: Ledger) -> Ledger:
        """The ledger of a task, all its items and attempts together; the plan's where it has no budget of its own."""
        if task.budget is None:
            return plan_ledger
        key = (run_id, task.id)
        if key not in self._by_task:
            self._by_task[key] = Ledger(task.budget, scope=f"task {task.id!r}", parent=plan_ledger)
        return self._by_task[key]

    def spent_before(self, plan: Plan, run_id: str, usage: Mapping[str, Usage]) -> None:
        """Book what the tasks of a run, by id, consumed before it was suspended."""
        ledger = self.of_plan(plan, run_id, None)
        for task in plan.tasks:
            if task.id in usage:
                self.of_task(task, run_id, ledger).book(usage[task.id])

    def share(self, task: AgentTask, parent_run_id: str, run_id: str) -> None:
        """Have the run that is a task of another one spend out of the task's budget, if it has one, not its plan's."""
        parent = self._by_run.get(parent_run_id)
        if task.budget is not None and parent is not None:
            self._by_run.setdefault(run_id, self.of_task(task, parent_run_id, parent))

    def allow(self, task: AgentTask, run_id: str, more: Budget) -> None:
        """Let so much more be spent for a task that its budget, or one around it, has stopped."""
        ledger = self._by_task.get((run_id, task.id)) or self._by_run.get(run_id)
        if ledger is not None:
            ledger.allow(more)

    def limits(self, run_id: str) -> Budget | None:
        """The limits of a run at this moment; `None` when nothing was spent from them."""
        ledger = self._by_run.get(run_id)
        return ledger and ledger.budget


class PaidRunner:
    """The built-in agent, whose calls are counted, kept once they are answered, paid out of the task's and the plan's
    budget, and wait for their turn.
    """

    def __init__(
        self,
        directory: ModelDirectory,
        price: Price,
        ledger_of: Callable[[Work], Ledger],
        throttle_of: Callable[[str], Throttle | None],
        traced: Callable[[ModelDirectory, Work], ModelDirectory] = lambda directory, _: directory,
    ) -> None:
        self._traced = traced
        self._directory, self._price, self._ledger_of = directory, price, ledger_of
        self._throttle_of = throttle_of

    async def run(self, prompt: RenderedPrompt, work: Work) -> Any:
        """The model's answer."""
        paid = MeteredModels(
            self._traced(self._directory, work),
            ledger=self._ledger_of(work),
            price=self._price,
            waiting=work.waiting,
        )
        throttled = ThrottledModels(paid, self._throttle_of, work.waiting)
        models = throttled if work.paid is None else CheckpointedModels(throttled, work.paid)
        turns = Turns(work.task_id, work.task.max_turns)
        return await ModelRunner(CountedModels(models, turns)).run(prompt, work)


def local_cache(settings: AgenticSettings) -> Path:
    """Where the local model lies."""
    return settings.cache or default_cache_dir(environment())


def _key_of(name: str, connection: Connection, allowed: Collection[str] | None) -> SecretStr | None:
    """The key of a connection, from the environment.

    A plan says where its requests go and which variable holds the key. So that a plan from elsewhere cannot carry
    secrets away, only variables that hold API keys are read, none of Prefect's, and OpenAI's key goes to OpenAI or to
    the address that the environment itself names.

    Args:
        name: The connection's name.
        connection: The connection.
        allowed: What else may go where, as `VARIABLE@HOST` with `*` for any text; `None` allows all.

    Raises:
        PlanInvalid: The plan asks for a variable that it may not have.
    """
    variable = connection.api_key_env or (OPENAI_KEY_ENV if connection.base_url is None else None)
    if variable is None:
        return None
    if why := forbidden_key(variable):
        raise PlanInvalid(f"Connection {name!r}: {why}. Keep the key in one such as {usual_key(name)}.")
    elsewhere = connection.base_url not in (None, _own_base_url()) and not is_openai(base_url_of(connection))
    if variable == OPENAI_KEY_ENV and elsewhere:
        raise PlanInvalid(
            f"Connection {name!r} may not send {OPENAI_KEY_ENV} to {connection.base_url!r}. Keep that server's key in "
            f"a variable of its own, or set {BASE_URL_ENV} to the address."
        )
    if connection.api_key_env and allowed is not None and (why := forbidden_way(connection, allowed)):
        raise PlanInvalid(f"Connection {name!r}: {why}.")
    return secret(variable)


def _own_base_url() -> str | None:
    return environment().get(BASE_URL_ENV, "").strip() or None


def _unthrottled(connection: str) -> None:
    return None


def _free(connection: str, model: str, usage: Usage) -> Decimal | None:
    return Decimal(0)
