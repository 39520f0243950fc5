"""Short ways to work, as the builder gets it."""

from typing import Any

from agentic_prefect.models.agent import AgentSpec
from agentic_prefect.models.chat import OutputSchema
from agentic_prefect.models.prompt import ContextItem
from agentic_prefect.ports import Work
from agentic_prefect.prompting.builder import PromptBuilder
from agentic_prefect.prompting.registry import PromptRegistry, default_registry
from agentic_prefect.prompting.template import PromptTemplate
from agentic_prefect.testing.builders import make_task

HEADINGS = (
    "# System Instructions",
    "# Task Description",
    "# Context",
    "# Input Parameters",
    "# Output Requirements",
    "# Special Instructions",
)
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}


def make_work(description: str = "Do it.", *, agent: AgentSpec | None = None, **fields: Any) -> Work:
    """Work of a task `t`; `prompt` and `special_instructions` go to the task itself."""
    task = make_task("t", **{name: fields.pop(name) for name in ("prompt", "special_instructions") if name in fields})
    return Work(task=task, task_id="t", agent=agent or AgentSpec(name="a"), description=description, **fields)


def full_work(**fields: Any) -> Work:
    """Work with every part, each marked by a word of its own."""
    agent = AgentSpec(name="a", role="ROLEMARK", purpose="PURPOSEMARK", backstory="BACKMARK", constraints=("RULEMARK",))
    given: dict[str, Any] = {
        "agent": agent,
        "input": {"city": "INPUTMARK", "days": [1, 2]},
        "context": (ContextItem(text="CONTEXTMARK"),),
        "output": OutputSchema(name="answer", json_schema=SCHEMA),
        "special_instructions": "SPECIALMARK",
    }
    return make_work("TASKMARK", **{**given, **fields})


def sections(text: str) -> dict[str, str]:
    """The text under each of the six headings that is there."""
    found: dict[str, list[str]] = {}
    current = ""
    for line in text.split("\n"):
        if line in HEADINGS:
            assert line not in found, f"{line} is there twice"
            current = line
            found[current] = []
        else:
            found.setdefault(current, []).append(line)
    return {heading: "\n".join(lines).strip() for heading, lines in found.items() if heading}


def make_builder(*templates: PromptTemplate, **options: Any) -> PromptBuilder:
    """A builder over the shipped templates and these."""
    registry = default_registry()
    for template in templates:
        registry.register(template)
    return PromptBuilder(registry, **options)


def template(template_id: str = "t", source: str = "Hello {{ x }}", **fields: Any) -> PromptTemplate:
    """A template that is valid as it stands."""
    return PromptTemplate.model_validate({"id": template_id, "source": source, **fields})


def registry_of(*templates: PromptTemplate) -> PromptRegistry:
    """A registry of these alone."""
    return PromptRegistry(templates)
