"""What is looked at before an output counts, as data. `verification` carries it out."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, cast

from pydantic import BeforeValidator, Field, PlainSerializer, field_validator

from agentic_prefect.models.base import Frozen

SEEN: Final = ("output", "input")
"""What the expression of a check can look at."""

Ratio = Annotated[float, Field(ge=0, le=1)]

_MAIN = {
    "schema": "json_schema",
    "expression": "expression",
    "judge": "criterion",
    "critics": "criteria",
    "function": "call",
}
"""The word that a check is written with -> the field whose value stands after it."""
_SHARED = ("name", "required")


class CheckBase(Frozen):
    """What every check has."""

    name: str = ""
    """For messages; what it does, when it is left out."""
    required: bool = False
    """Whether its verdict is needed: an output that it cannot look at is refused, and a judge that is out of reach for
    the moment is asked again in another attempt. Otherwise the verdict is `unverified`, and the output counts."""


class SchemaCheck(CheckBase):
    """The output follows a JSON Schema."""

    kind: Literal["schema"] = "schema"
    json_schema: dict[str, Any] | None = None
    """`None` is the form that the task itself asks for."""


class ExpressionCheck(CheckBase):
    """An expression over `output` and `input` is true."""

    kind: Literal["expression"] = "expression"
    expression: str
    message: str = ""
    """What is wrong when it is not."""


class JudgeCheck(CheckBase):
    """A model finds that the output meets a criterion."""

    kind: Literal["judge"] = "judge"
    criterion: str = Field(min_length=1)
    model: str | None = None
    """`None` is the task's own."""
    at_least_ratio: Ratio = 0.0
    """The least score, besides the judge's own word."""


class CriticsCheck(CheckBase):
    """Of several critics, each a model with a criterion of its own, enough are content."""

    kind: Literal["critics"] = "critics"
    criteria: tuple[str, ...] = Field(min_length=1, max_length=20)
    model: str | None = None
    at_least_ratio: Ratio = 0.7
    """The least share of critics that are content."""


class FunctionCheck(CheckBase):
    """A Python function finds nothing wrong."""

    kind: Literal["function"] = "function"
    call: str
    """`"package.module:name"`."""


class NamedCheck(CheckBase):
    """A verifier of a plugin, or one that the run brings."""

    kind: Literal["named"] = "named"
    verifier: str = Field(min_length=1)
    options: Any = None

    @field_validator("verifier")
    @classmethod
    def _is_no_other_kind(cls, verifier: str) -> str:
        if verifier in (*_MAIN, *_SHARED, "check", "kind"):
            raise ValueError(f"{verifier!r} has a meaning of its own in a list of checks")
        return verifier


AnyCheck = SchemaCheck | ExpressionCheck | JudgeCheck | CriticsCheck | FunctionCheck | NamedCheck


def _expand(value: object) -> object:
    """The full form of what people write: a word, `{judge: criterion, …}`, `{check: name, …}`, `{name: options}`."""
    if isinstance(value, str):
        return {"kind": "schema"} if value == "schema" else {"kind": "named", "verifier": value}
    if not isinstance(value, Mapping) or "kind" in value:
        return cast("object", value)
    fields = dict(cast("Mapping[str, Any]", value))
    for word, main in _MAIN.items():
        if word in fields:
            given = fields.pop(word)
            return {"kind": word, main: [given] if word == "critics" and isinstance(given, str) else given, **fields}
    if "check" in fields:
        name, shared = fields.pop("check"), {each: fields.pop(each) for each in _SHARED if each in fields}
        return {"kind": "named", "verifier": name, "options": fields or None, **shared}
    if len(fields) == 1:
        ((name, options),) = fields.items()
        return {"kind": "named", "verifier": name, "options": options}
    return fields


def _shorten(check: AnyCheck) -> Any:
    said: dict[str, Any] = check.model_dump(mode="json", exclude_defaults=True, exclude={"kind"})
    if isinstance(check, NamedCheck):
        if check.name or check.required:
            return {"kind": check.kind, **said}
        return check.verifier if check.options is None else {check.verifier: said["options"]}
    main = said.pop(_MAIN[check.kind], None)
    return check.kind if main is None and not said else {check.kind: main, **said}


Check = Annotated[
    Annotated[AnyCheck, Field(discriminator="kind")],
    BeforeValidator(_expand),
    PlainSerializer(_shorten, return_type=Any),
]
"""One check, as a task's `checks` list it.

Written as `schema`, `{schema: {…}}`, `{expression: "{{ … }}"}`, `{judge: criterion}`, `{critics: [criterion, …]}`,
`{function: "package.module:name"}`, or by the name of a verifier: `name`, `{name: options}`, `{check: name, …}`.
"""


def title_of(check: AnyCheck) -> str:
    """What a check is called in messages."""
    if check.name:
        return check.name
    match check:
        case SchemaCheck():
            return "schema"
        case ExpressionCheck(expression=expression):
            return expression.strip("{} ")
        case JudgeCheck():
            return "judge"
        case CriticsCheck():
            return "critics"
        case FunctionCheck(call=call):
            return call
        case NamedCheck(verifier=verifier):
            return verifier
