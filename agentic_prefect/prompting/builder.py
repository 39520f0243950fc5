"""From a task's work to the prompt for its agent."""

import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, cast

from pydantic_core import to_jsonable_python

from agentic_prefect.errors import ErrorCode
from agentic_prefect.models.chat import Message
from agentic_prefect.models.error import TaskError
from agentic_prefect.models.prompt import PromptRecord, RenderedPrompt
from agentic_prefect.policies.budget import CHARS_PER_TOKEN
from agentic_prefect.ports import Work
from agentic_prefect.prompting.context import BETWEEN_CHARS, Shown, chosen, delimited, shown_items
from agentic_prefect.prompting.program import Program
from agentic_prefect.prompting.registry import PromptRegistry
from agentic_prefect.prompting.template import PromptTemplate

DEFAULT_TEMPLATE: Final = "agent.default"

_FEEDBACK: Final = {
    ErrorCode.VERIFICATION_FAILED: "A check did not accept your answer.",
    ErrorCode.INVALID_OUTPUT: "Your answer did not have the form that was asked for.",
    ErrorCode.HUMAN_REJECTED: "A person did not accept your answer.",
}
"""Errors that say something about the answer. A rate limit or a timeout does not."""


class PromptBuilder:
    """Builds prompts from the templates of a registry. The same work gives the same bytes.

    Args:
        registry: Where templates come from.
        default: The template of tasks that name none.
        max_prompt_tokens: Context is left out, lowest priority first, until the whole prompt is no longer than this
            many tokens, estimated at four characters each; `None` leaves nothing out.
    """

    def __init__(
        self, registry: PromptRegistry, *, default: str = DEFAULT_TEMPLATE, max_prompt_tokens: int | None = None
    ) -> None:
        self._registry, self._default, self._max_prompt_tokens = registry, default, max_prompt_tokens

    def build_for_task(self, work: Work, *, capabilities: Iterable[str] = (), domain: str = "") -> RenderedPrompt:
        """The prompt for one attempt.

        Args:
            work: What is to be done, with everything in it evaluated.
            capabilities: What the agent can do besides what `work.agent` lists, such as `json_mode`.
            domain: The field of work; if there is a template for it, it takes the default's place.

        Raises:
            UnknownTemplate: The task names a template that there is not.
            PromptError: The template is wrong, or does not fit the task.
        """
        template = self.template_for(work, domain=domain)
        program = self._registry.program(template)
        items = shown_items(work.context)
        data = data_of(work, capabilities=capabilities, domain=domain or template.domain)
        messages, dropped = self._fitted(program, data, items)
        record = PromptRecord(id=template.id, version=template.version, hash=program.hash, text=_joined(messages))
        return RenderedPrompt(messages=messages, record=record, dropped=dropped)

    def warm_up(self) -> None:
        """Compile the default template, which the first prompt would wait for."""
        self._registry.program(self._registry.get(self._default))

    def template_for(self, work: Work, *, domain: str = "") -> PromptTemplate:
        """The template of a task: the one that it names, else the one for the domain, else the default.

        Raises:
            UnknownTemplate: There is no such template.
        """
        if work.task.prompt:
            return self._registry.get(work.task.prompt)
        default = self._registry.get(self._default)
        if not domain or domain == default.domain:
            return default
        own = self._registry.search(task_type=default.task_type, domain=domain)
        return own[0] if own else default

    def fingerprint(self, work: Work) -> str:
        """The hash of all templates that the prompt is made from."""
        return self._registry.program(self.template_for(work)).hash

    def _fitted(
        self, program: Program, data: Mapping[str, Any], items: Sequence[Shown]
    ) -> tuple[tuple[Message, ...], tuple[str, ...]]:
        messages = program.render(_with_context(data, items))
        if self._max_prompt_tokens is None or not items:
            return messages, ()
        too_much = _size(messages) - self._max_prompt_tokens * CHARS_PER_TOKEN
        if too_much <= 0:
            return messages, ()
        without = program.render(_with_context(data, ()))
        # With one item more than none comes the section's heading, too.
        overhead = _size(program.render(_with_context(data, items[:1]))) - _size(without) - len(items[0].text)
        # Nothing stands after the last item.
        room = self._max_prompt_tokens * CHARS_PER_TOKEN - _size(without) - overhead + BETWEEN_CHARS
        kept, dropped = chosen(items, room_chars=room)
        return (program.render(_with_context(data, kept)) if kept else without), dropped


def data_of(work: Work, *, capabilities: Iterable[str] = (), domain: str = "") -> dict[str, Any]:
    """The variables that every template for tasks is given, except `context`. An absent part is empty or null."""
    agent, output = work.agent, work.output
    return {
        "agent": {
            "name": agent.name,
            "role": agent.role,
            "purpose": agent.purpose,
            "backstory": agent.backstory,
            "constraints": list(agent.constraints),
        },
        "capabilities": list(dict.fromkeys((*agent.capabilities, *capabilities))),
        "description": work.description.strip(),
        "domain": domain,
        "feedback": _feedback(work.history),
        "input": work.input,
        "input_json": "" if _is_absent(work.input) else pretty_json(work.input),
        "output_schema": "" if output is None else pretty_json(output.json_schema),
        "special_instructions": work.task.special_instructions.strip(),
        "task": {"id": work.task_id, "tags": list(work.task.tags)},
    }


def pretty_json(value: Any) -> str:
    """The value as indented JSON, with letters of every alphabet as they are; what is no number becomes null."""
    try:
        return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False, default=_plain)
    except ValueError:
        return json.dumps(_without_nan(value), indent=2, ensure_ascii=False, default=_plain)


def _feedback(history: Sequence[TaskError]) -> dict[str, str] | None:
    """What the last answer that was refused was refused for; `None` if none was."""
    for error in reversed(history):
        if reason := _FEEDBACK.get(error.code):
            is_human = error.code is ErrorCode.HUMAN_REJECTED
            # What a check says may quote the answer, and what a model wrote is data.
            return {"reason": reason, "text": error.message if is_human else delimited(error.message)}
    return None


def _is_absent(value: Any) -> bool:
    return value is None or (isinstance(value, Collection) and not value)


def _with_context(data: Mapping[str, Any], items: Sequence[Shown]) -> dict[str, Any]:
    return {**data, "context": [item.data() for item in items]}


def _joined(messages: Sequence[Message]) -> str:
    return "\n\n".join(message.content for message in messages)


def _size(messages: Sequence[Message]) -> int:
    """Characters of the whole prompt."""
    return sum(len(message.content) + 2 for message in messages) - 2


def _plain(value: Any) -> Any:
    if isinstance(value, set | frozenset):
        # A set has another order in every process.
        return sorted(cast("Iterable[Any]", value), key=str)
    return to_jsonable_python(value, fallback=str)


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _without_nan(item) for key, item in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in cast("Sequence[Any]", value)]
    return value
