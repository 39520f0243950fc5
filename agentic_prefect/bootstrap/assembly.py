"""The services of a run, put together."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from prefect.exceptions import MissingContextError
from prefect.logging import get_run_logger

from agentic_prefect.agents.agent_kind import AgentKind
from agentic_prefect.agents.function_kind import FunctionKind
from agentic_prefect.agents.human_kind import HumanKind
from agentic_prefect.agents.importing import import_class
from agentic_prefect.bootstrap.functions import functions_elsewhere
from agentic_prefect.bootstrap.history import history_observer
from agentic_prefect.bootstrap.model_access import Ledgers, ModelAccess, PaidRunner
from agentic_prefect.bootstrap.options import RunOptions
from agentic_prefect.bootstrap.prompts import prompts_of_process
from agentic_prefect.bootstrap.telemetry import flush_spans, spans_of
from agentic_prefect.errors import AgenticError
from agentic_prefect.interventions.desk import Later, Nobody
from agentic_prefect.llm.openai_model import OpenAIModel
from agentic_prefect.models.chat import OutputSchema
from agentic_prefect.models.intervention import Decision, Intervention
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.task import AgentTask
from agentic_prefect.observers.artifacts import ArtifactObserver
from agentic_prefect.observers.log import LogObserver
from agentic_prefect.observers.otel import OtelObserver, TracedModels
from agentic_prefect.observers.prefect_events import PrefectEventObserver
from agentic_prefect.plans.schemas import SchemaRegistry, resolve_output
from agentic_prefect.plugins.kinds import installed_kinds
from agentic_prefect.plugins.verifiers import installed_verifiers
from agentic_prefect.policies.disclosure import Disclosure
from agentic_prefect.policies.effective import effective_plan
from agentic_prefect.policies.own_patterns import own_patterns
from agentic_prefect.policies.redaction import Redactor
from agentic_prefect.ports import HumanGate, ModelDirectory, Observer, Opening, TaskKind, Verifiers, Work
from agentic_prefect.prompting.builder import PromptBuilder
from agentic_prefect.prompting.registry import PromptRegistry
from agentic_prefect.runtime.deployment_kind import DeploymentKind, RehearsedDeployments
from agentic_prefect.runtime.links import run_url
from agentic_prefect.runtime.plan_kind import PlanKind
from agentic_prefect.runtime.services import RunInfo, Services
from agentic_prefect.runtime.shared_limits import PrefectLimits
from agentic_prefect.runtime.stop import StopSignal
from agentic_prefect.settings import AgenticSettings
from agentic_prefect.stored_plans import plan_folders, read_plan
from agentic_prefect.verification.checked_kind import CheckedKind
from agentic_prefect.verification.hub import CheckHub
from agentic_prefect.verification.judge import Judge


class Assembly:
    """Everything behind a run. One serves a plan and its sub-plans; it holds connections open until `aclose`."""

    def __init__(self, options: RunOptions | None = None, *, stop: StopSignal | None = None) -> None:
        self.options = options or RunOptions()
        self.settings = AgenticSettings()
        self.models = ModelAccess(self.options, self.settings, PrefectLimits() if self.settings.shared_limits else None)
        self.schemas = SchemaRegistry()
        self.disclosure = Disclosure(
            Redactor(own_patterns(self.settings.redact), lambda: self.models.secrets),
            self.options.error_detail or self.settings.error_detail,
        )
        self.functions = functions_elsewhere(self.settings)
        self._ledgers = Ledgers()
        self._spans = spans_of(self.settings)
        self._stop = stop or StopSignal()

    @cached_property
    def prompts(self) -> PromptRegistry:
        """The templates: those shipped, those of the settings, those beside the plan."""
        return self.options.prompts or prompts_of_process(self.options.base_dir)

    @cached_property
    def builder(self) -> PromptBuilder:
        """Makes the prompts."""
        return PromptBuilder(self.prompts)

    @cached_property
    def services(self) -> Services:
        """What the runtime needs."""
        return Services(
            kinds=self.kinds,
            observers=self.observers,
            output_of=self.output_of,
            find_plan=self.find_plan,
            options=self.options.policy,
            settings=self.settings.policy(),
            stop=self._stop,
            gate=self.gate,
            suspend_after_s=None if self.options.attended else self.settings.suspend_after_s,
            renew_key=self.renew_key,
            allow=self._ledgers.allow,
            spent_before=self._ledgers.spent_before,
            limits=self._ledgers.limits,
            disclosure=self.disclosure,
        )

    @cached_property
    def gate(self) -> HumanGate:
        """How people are asked: in the Prefect UI where there is one, else at this run's terminal, else not at all."""
        if self.options.ask_later:
            return Later(_now)
        if self.options.rehearse or not (self.options.attended or run_url("")):
            return Nobody(_now)
        return _GateOnDemand()

    async def renew_key(self, plan: Plan, task: AgentTask, secret_block: str) -> None:
        """Give the connection of a task the key of this name, for as long as this run lasts."""
        # Loaded when people are asked, as their gate is.
        from agentic_prefect.interventions.keys import key_named

        self.models.renew_key(plan, task.model, await key_named(secret_block))

    def kinds(self, info: RunInfo) -> Mapping[str, TaskKind]:
        """The kinds of tasks for one run, with what they put out checked."""
        if info.parent_task is not None and info.parent_run_id is not None:
            self._ledgers.share(info.parent_task, info.parent_run_id, info.run_id)
        runner = self._runner(info.plan, info.run_id, info.parent_run_id)
        hub = CheckHub(Judge(self.builder, runner), self.verifiers, self.settings.allowed_packages)
        kinds: dict[str, TaskKind] = {
            **installed_kinds(),
            "agent": AgentKind(self.builder, runner, self.options.runners),
            "function": FunctionKind(self.settings.allowed_packages, self.functions),
            "human": HumanKind(),
            "plan": PlanKind(self.find_plan, info.lineage),
            "deployment": self._deployment_kind(info),
        }
        return {name: CheckedKind(kind, hub, _now) for name, kind in kinds.items()}

    def _deployment_kind(self, info: RunInfo) -> TaskKind:
        if self.options.rehearse:
            return RehearsedDeployments()
        ledger = self._ledgers.of_plan(info.plan, info.run_id, info.parent_run_id)
        return DeploymentKind(
            info.lineage,
            lambda work: self._ledgers.of_task(work.task, info.run_id, ledger),
            allowed=self.settings.allowed_deployments,
        )

    @cached_property
    def verifiers(self) -> Verifiers:
        """The checks that plans may ask for by name, besides the built-in ones."""
        return {**installed_verifiers(), **self.options.verifiers}

    def agent_kind(self, plan: Plan, run_id: str = "", parent_run_id: str | None = None) -> AgentKind:
        """What executes the agent tasks of one run."""
        return AgentKind(self.builder, self._runner(plan, run_id, parent_run_id), self.options.runners)

    def _runner(self, plan: Plan, run_id: str, parent_run_id: str | None) -> PaidRunner:
        directory, price = self.models.directory(plan)
        ledger = self._ledgers.of_plan(plan, run_id, parent_run_id)
        return PaidRunner(
            directory,
            price,
            lambda work: self._ledgers.of_task(work.task, run_id, ledger),
            self.models.throttle_of(plan),
            self._traced,
        )

    def _traced(self, directory: ModelDirectory, work: Work) -> ModelDirectory:
        """The directory, its calls in spans where those are asked for."""
        if self._spans is None:
            return directory
        return TracedModels(
            directory, self._spans, work.run_id, self.disclosure if self.settings.otel_content else None
        )

    def observers(self, info: RunInfo) -> Sequence[Observer]:
        """The observers of one run."""
        standard: list[Observer] = [
            LogObserver(_run_log(), rehearsal=self.options.rehearse),
            PrefectEventObserver(flow_run_id=info.run_id or None, in_batches=info.whole_plan),
        ]
        if info.whole_plan:
            standard.append(
                ArtifactObserver(
                    info.plan,
                    snapshot=info.snapshot,
                    flow_run_id=info.run_id,
                    run_id=info.run_id,
                    url=run_url(info.run_id),
                    disclosure=self.disclosure,
                    is_new=info.is_new,
                )
            )
        if self._spans is not None:
            standard.append(OtelObserver(info.plan, self._spans))
        if self.settings.history:
            standard.append(history_observer(info, self.settings, rehearsal=self.options.rehearse))
        return [*standard, *self.options.observers]

    def output_of(self, task: AgentTask) -> OutputSchema | None:
        """The form of a task's answer."""
        return resolve_output(
            task.output, self.schemas, lambda reference: import_class(reference, self.settings.allowed_packages)
        )

    def find_plan(self, reference: str) -> Plan:
        """A stored plan by name, or by a path that is meant from the plan's own folder."""
        options = self.options
        return read_plan(reference, base_dir=options.base_dir, folders=self.plan_folders, within=options.plans_within)

    @cached_property
    def plan_folders(self) -> tuple[Path, ...]:
        """Where stored plans lie."""
        return plan_folders([self.options.base_dir] if self.options.base_dir else [])

    def warm_up(self, plan: Plan) -> None:
        """Load what the first request would wait for: templates, the SDK, the clients. Faults show in the tasks.

        Where every agent is somebody's own, no model is looked for: a local one would be started.
        """
        effective = effective_plan(plan, run=self.options.policy, settings=self.settings.policy())
        with suppress(AgenticError):
            self.builder.warm_up()
            directory, _ = self.models.directory(plan)
            asking = [
                task for task in effective.tasks if task.kind == "agent" and task.agent not in self.options.runners
            ]
            for name in {task.model for task in asking}:
                chat = directory.resolve(name).chat
                if isinstance(chat, OpenAIModel):
                    chat.warm_up()

    async def disconnect(self) -> None:
        """Close the connections; pending spans go their way."""
        if self.functions is not None:
            await self.functions.aclose()
        await self.models.aclose()

    async def aclose(self) -> None:
        """Close what is held open, and send what is pending."""
        await self.disconnect()
        if self._spans is not None:
            await asyncio.to_thread(flush_spans)


class _GateOnDemand:
    """Asks people through Prefect, whose forms take a fifth of a second to load: most runs ask nobody."""

    async def ask(self, intervention: Intervention, told: Callable[[Opening | Decision], None]) -> Decision:
        return await self._gate.ask(intervention, told)

    @cached_property
    def _gate(self) -> HumanGate:
        # Loaded with the first question, see above.
        from agentic_prefect.interventions.prefect_gate import PrefectGate

        return PrefectGate(_now, run_url)


def _now() -> datetime:
    return datetime.now(UTC)


def _run_log() -> logging.Logger | logging.LoggerAdapter[logging.Logger]:
    try:
        return get_run_logger()
    except MissingContextError:
        return logging.getLogger("agentic_prefect.run")
