"""The built-in agent: asks a model and sees to it that the answer has the right form."""

from typing import Any

from agentic_prefect.llm.structured import complete_structured
from agentic_prefect.models.chat import ChatRequest
from agentic_prefect.models.prompt import RenderedPrompt
from agentic_prefect.ports import ModelDirectory, Work
from agentic_prefect.prompting.thoughts import answer_alone


class ModelRunner:
    """An `AgentRunner` that asks the model which the task names.

    Args:
        models: Finds it.
    """

    def __init__(self, models: ModelDirectory) -> None:
        self._models = models

    async def run(self, prompt: RenderedPrompt, work: Work) -> Any:
        """The model's answer; one of the wrong form is sent back up to `work.repairs` times.

        Raises:
            AgenticError: What the model or its provider answered instead.
        """
        found = self._models.resolve(work.task.model)
        work.trail.model = found.model
        request = ChatRequest(
            model=found.model,
            messages=prompt.messages,
            output=prompt.output or work.output,
            settings=work.agent.settings.on_top_of(found.settings),
            timeout_s=work.timeout_s,
            task_id=work.task_id,
        )
        value, response = await complete_structured(
            found.chat, request, repairs=work.repairs, on_usage=work.trail.spent
        )
        work.trail.model = response.model
        return answer_alone(value) if prompt.thinks else value
