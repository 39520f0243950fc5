"""What a task waits for, read from its fields."""

from collections.abc import Mapping
from dataclasses import dataclass

from agentic_prefect.models.agent import PolicyFields
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.policy import AskHuman, FailureAction, Fallback
from agentic_prefect.models.task import AgentTask
from agentic_prefect.plans.expressions import references

NEEDING_FIELDS = ("input", "description", "context", "for_each", "special_instructions")
"""Fields in which a reference needs the other task's output, unless it only looks at how that one ended."""
LOOKS = frozenset({"status", "error", "succeeded", "failed", "skipped"})
"""What can be looked at whether or not there is an output."""


@dataclass(frozen=True, slots=True)
class Edges:
    """The tasks that one task waits for, by the reason why; a task may be there for several."""

    needs: frozenset[str] = frozenset()
    """It must have an output, its own or a fallback's."""
    observes: frozenset[str] = frozenset()
    """It must be settled, since something about it is looked at."""
    after: frozenset[str] = frozenset()
    """It must be settled; only the order matters."""

    @property
    def all(self) -> frozenset[str]:
        """Every task that is waited for."""
        return self.needs | self.observes | self.after


def edges_of(task: AgentTask, owners: frozenset[str] = frozenset()) -> Edges:
    """The edges into a task.

    Args:
        task: The task, with its effective fields.
        owners: The tasks it stands in for. It is called upon because one of them failed, so looking at that one
            (at its error, say) needs no output.
    """
    paths_by_task = references([getattr(task, field) for field in NEEDING_FIELDS]).tasks
    needed = frozenset(name for name, paths in paths_by_task.items() if not all(map(_only_looks, paths)))
    return Edges(
        needs=(needed - owners) | frozenset(task.depends_on),
        observes=frozenset(references(task.when).tasks) | (frozenset(paths_by_task) - needed) | (needed & owners),
        after=frozenset(task.after),
    )


def _only_looks(path: tuple[str, ...]) -> bool:
    """Whether a reference looks at how a task ended, which needs no output of it."""
    return bool(path) and path[0] in LOOKS


def fallbacks_of(task: PolicyFields) -> tuple[str, ...]:
    """Every task that may stand in for this one, whatever goes wrong, in the order of the chains."""
    actions = [task.on_failure, *(rule.then for rule in (task.failure_policy or {}).values())]
    return tuple(dict.fromkeys(name for action in actions for name in _tried_by(action)))


def _tried_by(action: FailureAction | None) -> tuple[str, ...]:
    """The tasks that an action may have tried, in order."""
    match action:
        case Fallback(chain=chain, then=last):
            return (*chain, *_tried_by(last))
        case AskHuman(fallback=offered):
            return offered
        case _:
            return ()


def owners_by_fallback(plan: Plan) -> Mapping[str, tuple[str, ...]]:
    """Fallback id -> the tasks whose chains name it, in the plan's order."""
    owners: dict[str, list[str]] = {}
    for task in plan.tasks:
        for fallback in fallbacks_of(task):
            owners.setdefault(fallback, []).append(task.id)
    return {fallback: tuple(names) for fallback, names in owners.items()}


def all_edges(plan: Plan) -> tuple[Mapping[str, Edges], Mapping[str, tuple[str, ...]]]:
    """The edges of every task of an effective plan, and `owners_by_fallback`."""
    owners = owners_by_fallback(plan)
    return {task.id: edges_of(task, frozenset(owners.get(task.id, ()))) for task in plan.tasks}, owners
