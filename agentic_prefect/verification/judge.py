"""Checks that a model makes: one judge, or several critics."""

from collections.abc import Awaitable
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from agentic_prefect.errors import AgenticError, ErrorCode, RetryableError
from agentic_prefect.models.agent import AgentSpec
from agentic_prefect.models.chat import OutputSchema
from agentic_prefect.models.check import CriticsCheck, JudgeCheck, title_of
from agentic_prefect.models.verdict import CheckVerdict
from agentic_prefect.ports import AgentRunner, Trail, Work
from agentic_prefect.prompting.builder import PromptBuilder
from agentic_prefect.prompting.context import delimited
from agentic_prefect.prompting.text import pretty_json
from agentic_prefect.verification.together import together

TEMPLATE: Final = "check.judge"
REPAIRS: Final = 1
"""How often a judgement of the wrong form is sent back."""

SCHEMA: Final = OutputSchema(
    name="judgement",
    json_schema={
        "type": "object",
        "properties": {
            "reason": {"type": "string", "description": "What speaks for and against it, in a few sentences."},
            "score_ratio": {
                "type": "number",
                "minimum": 0,
                "maximum": 1,
                "description": "How well the criterion is met: 0 not at all, 1 without any fault.",
                "examples": [1.0],
            },
            "verdict": {"type": "string", "enum": ["accept", "reject"]},
        },
        "required": ["reason", "score_ratio", "verdict"],
        "additionalProperties": False,
    },
)
"""Reasons come first, so that the verdict follows from them."""

_OURS: Final = frozenset(
    {ErrorCode.BUDGET_EXCEEDED, ErrorCode.CRITICAL, ErrorCode.PLAN_INVALID, ErrorCode.AUTHENTICATION}
)
"""Errors that are the plan's own business and no judge's: they end the attempt."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a judge said; `None` for what it did not come to say."""

    accepted: bool | None
    score_ratio: float | None
    reason: str


class Judge:
    """Asks models about outputs. What that costs is the task's.

    Args:
        builder: Makes the prompts.
        runner: Answers them.
    """

    def __init__(self, builder: PromptBuilder, runner: AgentRunner) -> None:
        self._builder, self._runner = builder, runner

    async def judge(self, check: JudgeCheck, output: Any, work: Work) -> CheckVerdict:
        """Whether the output meets the criterion; unverified when the judge cannot be asked."""
        said = await self._ask(check, check.criterion, output, work)
        outcome = "unverified"
        if said.accepted is not None:
            is_enough = (said.score_ratio or 0.0) >= check.at_least_ratio
            outcome = "verified" if said.accepted and is_enough else "rejected"
        return CheckVerdict(
            check=title_of(check), outcome=outcome, confidence_ratio=said.score_ratio, messages=(said.reason,)
        )

    async def critics(self, check: CriticsCheck, output: Any, work: Work) -> CheckVerdict:
        """Whether enough critics are content; all are asked at once, and what each said is kept.

        Those who could not be asked do not count. The verdict is open while they could still change it.
        """
        every = await together(self._ask(check, criterion, output, work) for criterion in check.criteria)
        told = tuple(f"{criterion}: {said.reason}" for criterion, said in zip(check.criteria, every, strict=True))
        content = sum(said.accepted is True for said in every)
        silent = sum(said.accepted is None for said in every)
        heard = len(every) - silent
        least, most = content / len(every), (content + silent) / len(every)
        outcome = (
            "verified" if least >= check.at_least_ratio else "rejected" if most < check.at_least_ratio else "unverified"
        )
        return CheckVerdict(
            check=title_of(check),
            outcome=outcome,
            confidence_ratio=content / heard if heard else None,
            messages=told,
        )

    def fingerprint(self) -> str:
        """The hash of the judge's template."""
        return self._builder.hash_of(TEMPLATE)

    async def _ask(self, check: JudgeCheck | CriticsCheck, criterion: str, output: Any, work: Work) -> Judgement:
        trail = Trail()
        asked = replace(
            work,
            task=work.task.model_copy(update={"model": check.model or work.task.model}),
            # The agent's own settings, such as a limit on the answer's length, are not meant for its judge.
            agent=AgentSpec(name="judge"),
            output=SCHEMA,
            repairs=REPAIRS,
            trail=trail,
        )
        prompt = self._builder.build(TEMPLATE, _variables(criterion, output, work), output=SCHEMA)
        try:
            answer = await _answer(self._runner.run(prompt, asked))
        except AgenticError as error:
            if error.code in _OURS or (check.required and isinstance(error, RetryableError)):
                raise
            return Judgement(None, None, f"the judge could not be asked ({error.code}): {error}")
        finally:
            work.trail.spent(trail.usage)
        return Judgement(answer["verdict"] == "accept", float(answer["score_ratio"]), str(answer["reason"]))


async def _answer(asking: Awaitable[Any]) -> dict[str, Any]:
    return cast("dict[str, Any]", await asking)


def _variables(criterion: str, output: Any, work: Work) -> dict[str, Any]:
    return {
        "criterion": criterion,
        "description": work.description,
        "input": delimited(pretty_json(work.input), source="the task's input") if work.input is not None else "",
        "output": delimited(output if isinstance(output, str) else pretty_json(output), source="the answer"),
        "output_schema": pretty_json(SCHEMA.json_schema),
    }
