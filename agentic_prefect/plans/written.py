"""How a plan is written down: the short forms, in an order that reads well, and nothing that was not set."""

import json
import re
from collections.abc import Mapping
from typing import Any, cast

import yaml
from pydantic_core import PydanticSerializationError

from agentic_prefect.errors import PlanInvalid
from agentic_prefect.models.plan import Plan
from agentic_prefect.plans.document import FLOAT

TASK_ORDER = (
    *("id", "kind", "agent", "use", "call", "plan", "description", "when", "for_each", "max_concurrency", "depends_on"),
    *(
        "after",
        "ask",
        "input",
        "input_schema",
        "context",
        "context_rules",
        "special_instructions",
        "prompt",
        "model",
        "output",
        "checks",
        "timeout_s",
        "retries",
        "max_turns",
    ),
    *("retry", "on_failure", "failure_policy", "budget", "priority", "critical", "tags"),
)
"""The fields of a task in the order of a sentence: who does what, when, with what, and what if it fails."""


def plain_plan(plan: Plan) -> dict[str, Any]:
    """The plan as plain data, in the short forms that people write.

    Raises:
        PlanInvalid: It holds Python objects that cannot be written down.
    """
    try:
        data = plan.model_dump(mode="json", exclude_unset=True)
    except PydanticSerializationError as error:
        message = (
            f"Plan {plan.name!r} cannot be written down: {error}. Use plain data (text, numbers, lists, mappings)."
        )
        raise PlanInvalid(message) from error
    data["schema_version"] = plan.schema_version
    data["tasks"] = [_task(task) for task in data["tasks"]]
    if "defaults" in data:
        data["defaults"] = _task(data["defaults"])
    if "agents" in data:
        data["agents"] = {name: _agent(name, agent) for name, agent in data["agents"].items()}
    return {name: data[name] for name in Plan.model_fields if name in data}


def as_json(data: Mapping[str, Any]) -> str:
    """Plain data as JSON text."""
    return json.dumps(data, ensure_ascii=False, indent=2) + "\n"


def as_yaml(data: Mapping[str, Any]) -> str:
    """Plain data as YAML text; text of several lines stands as a block."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120, default_flow_style=False)


def _agent(name: str, agent: dict[str, Any]) -> dict[str, Any]:
    return _policies({key: value for key, value in agent.items() if key != "name" or value != name})


def _task(task: dict[str, Any]) -> dict[str, Any]:
    return _policies({name: task[name] for name in TASK_ORDER if name in task})


def _policies(fields: dict[str, Any]) -> dict[str, Any]:
    if fields.get("failure_policy"):
        rules = cast("dict[str, dict[str, Any]]", fields["failure_policy"])
        return {**fields, "failure_policy": {code: _rule(rule) for code, rule in rules.items()}}
    return fields


def _rule(rule: dict[str, Any]) -> Any:
    """`{then: continue}` is written `continue`, and a fallback stands beside the rule's other fields."""
    then = rule.get("then")
    if set(rule) == {"then"} and then is not None:
        return then
    if isinstance(then, dict):
        return {**{key: value for key, value in rule.items() if key != "then"}, **cast("dict[str, Any]", then)}
    return rule


_ODD_BREAKS = re.compile("[\\r\\x85\\u2028\\u2029\\ufeff]")
"""Characters that are line breaks or byte order marks in YAML, and come back as something else unless escaped."""


class _Dumper(yaml.SafeDumper):
    """Writes blocks, repeats instead of anchors, and quotes what either version of YAML would read as no text."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = '"' if _ODD_BREAKS.search(text) else "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)  # pyright: ignore[reportUnknownMemberType]


# YAML 1.1, which the library writes, takes `1e3` for text; we read it as a number, so text like it needs quotes.
_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", FLOAT, list("-+.0123456789"))  # pyright: ignore[reportUnknownMemberType]
_Dumper.add_representer(str, _represent_text)
