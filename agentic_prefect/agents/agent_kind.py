"""The kind `agent`: a prompt is made, an agent answers it."""

import json
from dataclasses import replace
from typing import Any

from agentic_prefect.agents.summary import Summariser
from agentic_prefect.models.prompt import RenderedPrompt
from agentic_prefect.ports import AgentRunner, Runners, Work
from agentic_prefect.prompting.builder import PromptBuilder


class AgentKind:
    """Executes tasks by asking an agent.

    Args:
        builder: Makes the prompts.
        runner: Answers for agents without a runner of their own.
        runners: Agents by name that answer themselves.
    """

    def __init__(self, builder: PromptBuilder, runner: AgentRunner, runners: Runners | None = None) -> None:
        self._builder, self._runner, self._runners = builder, runner, runners or {}
        self._summariser = Summariser(builder, runner)

    async def execute(self, work: Work) -> Any:
        """The agent's answer. The exact prompt is on the record before it is sent."""
        prompt = self.prompt_for(await self._summariser.summarised(work))
        work.trail.prompted(prompt.record)
        return await self._runners.get(work.agent.name, self._runner).run(prompt, work)

    def prompt_for(self, work: Work) -> RenderedPrompt:
        """The prompt that `execute` would send for this attempt; nothing is sent, and what a model would sum up is cut.

        Raises:
            AgenticError: There is no such template, or it does not fit.
        """
        return self._builder.build_for_task(work)

    def prepared(self, work: Work) -> Work:
        """The work with the template that all attempts at it use, whatever is rolled out or edited meanwhile.

        Raises:
            AgenticError: There is no such template.
        """
        return replace(work, prompt=self._builder.choose(work))

    def fingerprint(self, work: Work) -> str:
        """What else the answer depends on: the templates, and an agent that answers itself."""
        own = self._runners.get(work.agent.name)
        return json.dumps([self._builder.fingerprint(work), type(own).__qualname__ if own else None])
