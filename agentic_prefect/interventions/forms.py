"""The form that the Prefect UI shows for a question, and the answer that comes out of it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

from prefect.input import RunInput
from pydantic import BaseModel, ConfigDict, Field, create_model

from agentic_prefect.errors import ErrorCode
from agentic_prefect.models.asking import DecisionAction
from agentic_prefect.models.intervention import Decision, Intervention
from agentic_prefect.plans.answers import BLOCK_NAME, Answer
from agentic_prefect.reports.wording import duration

TYPED: Mapping[str, tuple[type, Any]] = {
    "string": (str, ""),
    "boolean": (bool, False),
    "integer": (int, 0),
    "number": (float, 0.0),
}
"""JSON type -> the field's type and what stands in it at first. The UI shows no choice of types well."""

MEANING: Mapping[DecisionAction, str] = {
    "approve": "approve: go on",
    "reject": "reject: it fails",
    "retry": "retry: once more",
    "edit_input": "edit input: once more with another input",
    "supply_output": "supply output: what you write is the output",
    "fallback": "fallback: try what stands in for it",
    "skip": "skip: it counts as skipped",
    "continue": "continue: what needs it runs without",
    "fail": "fail: it stays failed",
    "abort": "abort: stop the plan",
}
"""What each decision does, in a few words."""

LATER = "later"
"""Stands in a form for several questions where none is answered yet."""

KEYED = frozenset({ErrorCode.AUTHENTICATION, ErrorCode.PERMISSION})
"""Errors that a new key may mend."""


def form_for(
    intervention: Intervention,
    *,
    remark: str = "",
    votes: Sequence[Decision] = (),
) -> type[RunInput]:
    """The form of a question.

    Args:
        intervention: What is asked.
        remark: What was wrong with the answer before; empty the first time.
        votes: What others decided before.
    """
    form = create_model(f"Answer_{len(votes)}", __base__=RunInput, **_fields(intervention))
    return form.with_initial_data(description=description(intervention, remark=remark, votes=votes))


def form_for_all(questions: Sequence[Intervention]) -> type[RunInput]:
    """One form for all questions that a run waits for: that of the only one, or a part for each, which may be left."""
    if len(questions) == 1:
        return form_for(questions[0], remark=questions[0].remark, votes=questions[0].votes)
    parts: dict[str, Any] = {}
    for name, each in zip(parts_of(questions), questions, strict=True):
        about: dict[str, Any] = {**_decision(each.actions), "default": LATER}
        fields: dict[str, Any] = {**_fields(each), "decision": (_choice((LATER, *each.actions)), Field(**about))}
        part = create_model(f"Part_{name}", __config__=ConfigDict(extra="forbid"), **fields)
        parts[name] = (part, Field(default_factory=part, title=each.question))
    told = "\n\n---\n\n".join(description(each, remark=each.remark, votes=each.votes) for each in questions)
    return create_model("Answers", __base__=RunInput, **parts).with_initial_data(
        description=f"{len(questions)} questions wait. Those that you leave at {LATER!r} are asked again.\n\n{told}"
    )


def parts_of(questions: Sequence[Intervention]) -> tuple[str, ...]:
    """What the parts of a form for several questions are called."""
    names: list[str] = []
    for each in questions:
        name = re.sub(r"\W+", "_", f"answer_{each.task_id}").strip("_")
        names.append(f"{name}_{len(names)}" if name in names else name)
    return tuple(names)


def answers_in(questions: Sequence[Intervention], filled: Mapping[str, Any]) -> dict[str, Answer]:
    """What was filled into a form for all questions, by the question's id; what was left is not there."""
    given = {"": filled} if len(questions) == 1 else filled
    names = ("",) if len(questions) == 1 else parts_of(questions)
    said: dict[str, Answer] = {}
    for name, each in zip(names, questions, strict=True):
        values: Mapping[str, Any] = given.get(name) or {}
        if values.get("decision", LATER) != LATER:
            said[each.id] = _answer(values)
    return said


def _fields(intervention: Intervention) -> dict[str, Any]:
    """The fields of a question's form."""
    fields: dict[str, Any] = {"decision": (_choice(intervention.actions), Field(**_decision(intervention.actions)))}
    if "supply_output" in intervention.actions:
        typed = typed_fields(intervention.output_schema)
        if typed is not None:
            answer = create_model("Output", __config__=ConfigDict(extra="forbid"), **typed)
            fields["output"] = (answer, Field(default_factory=answer, title="Output", description="For supply output."))
        else:
            words = {"json": "as JSON", "text": "as text", "any": "as JSON or text"}[intervention.output_form]
            fields["output"] = _text("Output", f"For supply output: what the task is to put out, {words}.")
    if "edit_input" in intervention.actions:
        fields["input"] = _text("Input", "For edit input: the task's new input, as JSON.")
    if may_need_key(intervention):
        # The server checks the pattern before it keeps an answer, so that a key that is pasted here is not kept.
        fields["secret_block"] = _text(
            "Secret block",
            "For retry: the name of the Prefect Secret block that holds a new key. Never the key itself.",
            pattern=BLOCK_NAME,
        )
    if may_need_budget(intervention):
        fields["more"] = _text(
            "More", "For retry: how much more may be spent, such as usd=0.50, tokens=20000 or calls=10."
        )
    fields["comment"] = _text("Comment", "Why; it is kept with the decision.")
    fields["by"] = _text("Your name", "It is kept with the decision.")
    return fields


def answer_of(filled: RunInput) -> Answer:
    """What somebody filled in."""
    return _answer(filled.model_dump(exclude={"description", "title"}))


def _answer(values: Mapping[str, Any]) -> Answer:
    return Answer(**{name: value for name, value in values.items() if name in Answer.__dataclass_fields__})


def filled_in(intervention: Intervention, answer: Answer, decision: Decision) -> dict[str, Any]:
    """The form's fields with an answer, for somebody who answers elsewhere.

    Args:
        intervention: What was asked.
        answer: What was said.
        decision: What that stands for.
    """
    form = form_for(intervention)
    typed = typed_fields(intervention.output_schema) is not None
    values: dict[str, Any] = {"decision": decision.action, "comment": answer.comment, "by": answer.by}
    for name in ("output", "input", "secret_block", "more"):
        given = getattr(answer, name)
        if name in form.model_fields and given != "":
            values[name] = decision.output if name == "output" and typed else given
    return values


def typed_fields(schema: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The form's fields for a schema of plain properties; `None` when it holds more than a form can show."""
    properties: object = (schema or {}).get("properties")
    if schema is None or schema.get("type") != "object" or not isinstance(properties, Mapping) or not properties:
        return None
    fields: dict[str, Any] = {}
    for name, given in cast("Mapping[str, Any]", properties).items():
        field = _typed_field(name, given) if name.isidentifier() and not name.startswith("_") else None
        if field is None or name in RunInput.model_fields or hasattr(BaseModel, name):
            return None
        fields[name] = field
    return fields


def description(intervention: Intervention, *, remark: str = "", votes: Sequence[Decision] = ()) -> str:
    """What stands above the form, as Markdown: the question first, what belongs to it after."""
    asking, error = intervention.asking, intervention.error
    parts = [f"## {intervention.question}"]
    if remark:
        parts.append(f"> **Please answer again.** {remark}")
    if error is not None:
        last = error.cause or error
        parts.append(f"**{error.code.value}** — {last.message}")
        parts.append(
            f"Likely to help: {', '.join(_named(each) for each in intervention.suggested) or 'nothing known'}."
        )
    if intervention.details:
        parts.append(intervention.details)
    if intervention.fallback:
        parts.append(f"Fallback: {', '.join(f'`{name}`' for name in intervention.fallback)}.")
    if votes:
        said = "; ".join(f"{vote.by or 'somebody'}: {_named(vote.action)}" for vote in votes)
        parts.append(f"Decided so far: {said}. {asking.approvals} must agree.")
    elif asking.approvals > 1:
        parts.append(f"{asking.approvals} of {asking.reviewers or asking.approvals} people must agree.")
    until = f"within {duration(asking.deadline_s)}" if asking.deadline_s else "without a deadline"
    where = f"Plan {intervention.plan}, task {intervention.task_id}, priority {intervention.priority}"
    parts.append(f"*{where}; {until}, otherwise: {_named(asking.default)}.*")
    if intervention.diagram:
        # Folded up: the dialog is small, and the form should be seen.
        drawing = f"```mermaid\n{intervention.diagram.strip()}\n```"
        parts.append(f"<details><summary>The plan</summary>\n\n{drawing}\n\n</details>")
    return "\n\n".join(parts)


def may_need_key(intervention: Intervention) -> bool:
    """Whether a new key may help."""
    error = intervention.error
    return error is not None and bool(KEYED & {error.code, *([error.cause.code] if error.cause else [])})


def may_need_budget(intervention: Intervention) -> bool:
    """Whether a larger budget would help."""
    return intervention.error is not None and intervention.error.is_over_budget


def _decision(actions: Sequence[DecisionAction]) -> dict[str, Any]:
    about = {"title": "Decision", "description": " · ".join(MEANING[action] for action in actions)}
    # What asks for an answer says so at once; nobody should approve with a single click.
    return {**about, "default": actions[0]} if actions[0] == "supply_output" and "reject" in actions else about


def _choice(values: Sequence[str]) -> Any:
    return cast(Any, Literal)[tuple(values)]


def _text(title: str, description: str, **schema: Any) -> Any:
    return (str, Field(default="", title=title, description=description, json_schema_extra=schema))


def _typed_field(name: str, given: object) -> Any:
    if not isinstance(given, Mapping):
        return None
    schema = cast("Mapping[str, Any]", given)
    about: dict[str, Any] = {
        "title": str(schema.get("title") or name.replace("_", " ").capitalize()),
        "description": schema.get("description"),
    }
    choices = schema.get("enum")
    if isinstance(choices, list):
        options = cast("list[Any]", choices)
        if not all(isinstance(option, str) for option in options):
            return None
        return (_choice(["", *options]), Field(default=schema.get("default", ""), **about))
    kind = schema.get("type")
    if kind == "array" and cast("Mapping[str, Any]", schema.get("items") or {}).get("type") == "string":
        return (list[str], Field(default_factory=list, **about))
    if not isinstance(kind, str) or kind not in TYPED:
        return None
    python, empty = TYPED[kind]
    return (python, Field(default=schema.get("default", empty), **about))


def _named(action: str) -> str:
    return action.replace("_", " ")
