"""Context that is too long for a prompt, summed up by a model."""

from dataclasses import replace
from typing import Final

from agentic_prefect.errors import AgenticError, ErrorCode
from agentic_prefect.models.agent import AgentSpec
from agentic_prefect.models.prompt import ContextItem
from agentic_prefect.policies.budget import estimate_tokens
from agentic_prefect.ports import AgentRunner, Trail, Work
from agentic_prefect.prompting.builder import PromptBuilder
from agentic_prefect.prompting.context import delimited

TEMPLATE: Final = "context.summary"
WORDS_PER_TOKEN: Final = 0.6
"""A little less than the three quarters that are usual for English, so that a summary seldom has to be cut."""

_OURS: Final = frozenset(
    {ErrorCode.BUDGET_EXCEEDED, ErrorCode.CRITICAL, ErrorCode.PLAN_INVALID, ErrorCode.AUTHENTICATION}
)
"""Errors that are the plan's own business: they end the attempt."""


class Summariser:
    """Has models sum up what is too long. What that costs is the task's.

    Args:
        builder: Makes the prompts.
        runner: Answers them.
    """

    def __init__(self, builder: PromptBuilder, runner: AgentRunner) -> None:
        self._builder, self._runner = builder, runner

    async def summarised(self, work: Work) -> Work:
        """The work with summaries in the place of the texts that a model is to shorten.

        A text that no model could be asked about stays, and is cut.

        Raises:
            AgenticError: The task may not spend any more, or the like.
        """
        if not any(map(_is_too_long, work.context)):
            return work
        # One after the other: the second of two alike is not paid for again, and a plan has few of them.
        context = [await self._summary(item, work) if _is_too_long(item) else item for item in work.context]
        return replace(work, context=tuple(context))

    async def _summary(self, item: ContextItem, work: Work) -> ContextItem:
        trail = Trail()
        asked = replace(work, agent=AgentSpec(name="summariser"), output=None, repairs=0, trail=trail)
        data = {
            "text": delimited(item.text, source=item.source),
            "purpose": work.description,
            "words": max(10, int((item.max_tokens or 0) * WORDS_PER_TOKEN)),
        }
        try:
            text = str(await self._runner.run(self._builder.build(TEMPLATE, data), asked)).strip()
        except AgenticError as error:
            if error.code in _OURS:
                raise
            return item
        finally:
            work.trail.spent(trail.usage)
        # A model wrote it, whoever wrote the text: it is data.
        return item.model_copy(update={"text": text, "is_summary": True, "trusted": False}) if text else item


def _is_too_long(item: ContextItem) -> bool:
    is_long = item.max_tokens is not None and estimate_tokens(item.text.strip()) > item.max_tokens
    return is_long and item.shorten == "model" and not item.is_summary
