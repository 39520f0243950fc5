"""From a task's work to the prompt for its agent."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from agentic_prefect.models.chat import Image, Message, OutputSchema
from agentic_prefect.models.prompt import ContextRules, PromptChoice, PromptRecord, RenderedPrompt
from agentic_prefect.policies.budget import CHARS_PER_TOKEN
from agentic_prefect.ports import Work
from agentic_prefect.prompting.context import BETWEEN_CHARS, Shown, chosen, ordered, shown_items
from agentic_prefect.prompting.examples import chosen_examples
from agentic_prefect.prompting.images import image_label, without_images
from agentic_prefect.prompting.program import Program
from agentic_prefect.prompting.registry import PromptRegistry
from agentic_prefect.prompting.template import PromptTemplate
from agentic_prefect.prompting.thoughts import with_thoughts
from agentic_prefect.prompting.work_variables import data_of

DEFAULT_TEMPLATE: Final = "agent.default"


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
        return self.build_from(self.template_for(work, domain=domain), work, capabilities=capabilities, domain=domain)

    def build_from(
        self, template: PromptTemplate, work: Work, *, capabilities: Iterable[str] = (), domain: str = ""
    ) -> RenderedPrompt:
        """The prompt from a template, whichever the task names; otherwise like `build_for_task`."""
        program = self._registry.program(template)
        given, images = without_images(work.input)
        output = with_thoughts(work.output) if program.reasoning else work.output
        data = data_of(work, given=given, output=output, capabilities=capabilities, domain=domain or work.agent.domain)
        data |= {"reasoning": program.reasoning, "examples": _examples(program, data)}
        rules = work.task.context_rules or ContextRules()
        # To compare words takes longer than all the rest.
        compared = rules.relevance_ratio > 0 or rules.order == "relevance"
        found = shown_items(work.context, task=_task_of(data) if compared else "")
        near = [item for item in found if item.relevance_ratio >= rules.relevance_ratio]
        items = ordered(near, rules.order)
        most_tokens = rules.prompt_tokens or self._max_prompt_tokens
        messages, dropped = _fitted(program, data, items, images, most_tokens)
        text, before = _joined(messages), _refined(work, data)
        record = PromptRecord(
            id=template.id,
            version=template.version,
            hash=program.hash,
            arm=work.prompt.arm if work.prompt else "",
            text=text,
            images=tuple(map(image_label, images)),
            text_hash=_digest(text, *(image.url for image in images)),
            dropped=dropped,
            irrelevant=tuple(item.source for item in found if item not in near),
            shortened=tuple(item.source for item in items if item.is_shortened and item.source not in dropped),
            parent=before.text_hash if before else "",
            refinement=before.refinement + 1 if before else 0,
        )
        return RenderedPrompt(
            messages=messages, record=record, dropped=dropped, output=output, thinks=program.reasoning
        )

    def build(self, reference: str, data: Mapping[str, Any], *, output: OutputSchema | None = None) -> RenderedPrompt:
        """The prompt from a template that serves no task of a plan, such as a judge's.

        Args:
            reference: As for `PromptRegistry.get`.
            data: The template's variables.
            output: The form of the answer; `None` is text.

        Raises:
            PromptError: There is no such template, or it does not fit the data.
        """
        template = self._registry.get(reference)
        program = self._registry.program(template)
        messages = program.render(data)
        text = _joined(messages)
        record = PromptRecord(
            id=template.id, version=template.version, hash=program.hash, text=text, text_hash=_digest(text)
        )
        return RenderedPrompt(messages=messages, record=record, output=output)

    def hash_of(self, reference: str) -> str:
        """The hash of a template and of all that it is made from; `reference` as for `PromptRegistry.get`."""
        return self._registry.program(self._registry.get(reference)).hash

    def warm_up(self) -> None:
        """Compile the default template, which the first prompt would wait for."""
        self._registry.program(self._registry.get(self._default))

    def template_for(self, work: Work, *, domain: str = "") -> PromptTemplate:
        """The template of a task: the one that was chosen for it, else the one that it names, else the one for the
        domain, else the default.

        Raises:
            UnknownTemplate: There is no such template.
        """
        return self._registry.get(work.prompt.reference if work.prompt else self._reference_for(work, domain))

    def choose(self, work: Work, *, domain: str = "") -> PromptChoice:
        """The template for all attempts at a task, out of what the sources have now: while a version is tried beside
        the one in use, one of the two.

        Raises:
            UnknownTemplate: There is no such template.
        """
        self._registry.refresh()
        reference = self._reference_for(work, domain)
        return self._registry.choose(reference, plan=work.plan, run=work.lineage or work.run_id, task=work.task_id)

    def _reference_for(self, work: Work, domain: str) -> str:
        if work.task.prompt:
            return work.task.prompt
        domain = domain or work.agent.domain
        default = self._registry.get(self._default)
        if not domain or domain == default.domain:
            return self._default
        own = self._registry.search(task_type=default.task_type, domain=domain)
        return own[0].id if own else self._default

    def fingerprint(self, work: Work) -> str:
        """The hash of all templates that the prompt is made from."""
        return self._registry.program(self.template_for(work)).hash


def _fitted(
    program: Program,
    data: Mapping[str, Any],
    items: Sequence[Shown],
    images: Sequence[Image],
    most_tokens: int | None,
) -> tuple[tuple[Message, ...], tuple[str, ...]]:
    """The messages, no longer than so many tokens, and the sources of the context that was left out for that."""
    messages = program.render(_with_context(data, items), images=images)
    if most_tokens is None or not items:
        return messages, ()
    most = most_tokens * CHARS_PER_TOKEN
    if _size(messages) <= most:
        return messages, ()
    without = program.render(_with_context(data, ()))
    # With one item more than none comes the section's heading, too.
    overhead = _size(program.render(_with_context(data, items[:1]))) - _size(without) - len(items[0].text)
    # Nothing stands after the last item.
    kept, dropped = chosen(items, room_chars=most - _size(without) - overhead + BETWEEN_CHARS)
    return program.render(_with_context(data, kept), images=images), dropped


def _task_of(data: Mapping[str, Any]) -> str:
    """What the task is about, in its own words."""
    return f"{data['description']}\n{data['input_json']}"


def _examples(program: Program, data: Mapping[str, Any]) -> list[dict[str, str]]:
    if not program.examples:
        return []
    return [each.data() for each in chosen_examples(program.examples, program.few_shot, task=_task_of(data))]


def _with_context(data: Mapping[str, Any], items: Sequence[Shown]) -> dict[str, Any]:
    return {**data, "context": [item.data() for item in items]}


def _refined(work: Work, data: Mapping[str, Any]) -> PromptRecord | None:
    """The prompt that this one refines: the last one, if something was wrong with its answer."""
    if data["feedback"] is None:
        return None
    past = (error.context.prompt for error in reversed((*work.failed_before, *work.history)))
    return next((prompt for prompt in past if prompt is not None), None)


def _digest(text: str, *others: str) -> str:
    return hashlib.sha256("\0".join((text, *others)).encode()).hexdigest()


def _joined(messages: Sequence[Message]) -> str:
    return "\n\n".join(message.content for message in messages)


def _size(messages: Sequence[Message]) -> int:
    """Characters of the whole prompt."""
    return sum(len(message.content) + 2 for message in messages) - 2
