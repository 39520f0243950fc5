"""The plans, and the provider that answers them: every answer follows from a seed, the task and its requests so far."""

import random
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from agentic_prefect import Plan
from agentic_prefect.testing import Fault, Reply, ScriptedRequest, make_plan

RETRIES: Final = 2
REPAIRS: Final = 1
FAULTS: Final = ("rate_limit", "server", "overloaded", "connection", "wrong_form", "refusal")

Answer = Literal["good", "rate_limit", "server", "overloaded", "connection", "wrong_form", "refusal"]

_ANSWERS: Final[Mapping[str, Any]] = {
    "good": Reply(),
    "rate_limit": Fault.rate_limited(retry_after_s=0.02),
    "server": Fault.server_error(),
    "overloaded": Fault.overloaded(),
    "connection": Fault.drop(),
    "wrong_form": Reply.text("no number at all"),
    "refusal": Fault.refusal(),
}
_MARK: Final = re.compile(r"Answer as (p\d+\.\w+)\.")


@dataclass(frozen=True, slots=True)
class Size:
    """How large a plan is: layers of tasks, a first and a last one around them, and one fallback in five."""

    layers: int = 4
    width: int = 10

    @property
    def tasks(self) -> int:
        """How many tasks a plan has."""
        return self.layers * (self.width + len(range(1, self.width, 5))) + 2

    def names(self) -> list[list[str]]:
        """The tasks of each layer."""
        return [[f"t{layer}_{place}" for place in range(self.width)] for layer in range(self.layers)]


def plan_of(name: str, size: Size) -> Plan:
    """A plan: each task needs two of the layer before; a fifth may fail, a fifth has a fallback."""
    tasks = [_task(name, "first", [])]
    before = ["first"]
    for names in size.names():
        for place, task_id in enumerate(names):
            needs = [before[place % len(before)], before[(place + 1) % len(before)]]
            task = _task(name, task_id, list(dict.fromkeys(needs)))
            if place % 5 == 0:
                task["on_failure"] = "continue"
            if place % 5 == 1:
                task["on_failure"] = {"fallback": [fallback_of(task_id)]}
                tasks.append(_task(name, fallback_of(task_id), []))
            tasks.append(task)
        before = names
    tasks.append({**_task(name, "last", []), "after": before})
    return make_plan(
        *tasks,
        name=name,
        max_concurrency=10,
        defaults={
            "model": "openai/soak",
            "retries": RETRIES,
            "retry": {"base_s": 0.02, "max_s": 0.1, "jitter_ratio": 0},
            "failure_policy": {"invalid_output": {"repair": REPAIRS}},
        },
    )


def fallback_of(task_id: str) -> str:
    """The task that is tried in place of another."""
    return f"{task_id}_instead"


def _task(plan: str, task_id: str, needs: list[str]) -> dict[str, Any]:
    return {
        "id": task_id,
        "description": f"Answer as {plan}.{task_id}.",
        "depends_on": needs,
        "output": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
    }


@dataclass(slots=True)
class Provider:
    """Answers the requests of the plans.

    Args:
        seed: What the faults follow from.
        share: Of the answers that are faults, 0 to 1.
    """

    seed: int
    share: float
    answered: Counter[str] = field(default_factory=Counter[str])
    """How many requests of each task were answered."""
    is_closed: bool = False
    """While it is, requests are taken and not answered: whoever asks can be killed without anything being lost."""

    def answer_to(self, mark: str, number: int) -> Answer:
        """The answer to request number `number` (from 0) of a task."""
        chance = random.Random(f"{self.seed}/{mark}/{number}")
        if chance.random() >= self.share:
            return "good"
        return chance.choice(FAULTS)

    def __call__(self, request: ScriptedRequest) -> Any:
        """What the scripted server answers."""
        found = _MARK.search(request.prompt_text)
        assert found is not None, request.prompt_text
        if self.is_closed:
            return Reply.hold()
        mark = found[1]
        answer = self.answer_to(mark, self.answered[mark])
        self.answered[mark] += 1
        return _ANSWERS[answer]
