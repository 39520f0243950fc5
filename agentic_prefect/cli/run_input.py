"""From the options of a run to values: inputs, budget, where the events go."""

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

from pydantic import ValidationError

from agentic_prefect.cli.usage import InputsUnreadable, UsageError
from agentic_prefect.models.agent import PolicyFields
from agentic_prefect.models.budget import Budget
from agentic_prefect.models.plan import Plan
from agentic_prefect.plans.document import read_document
from agentic_prefect.plans.given_policy import given_policy, policy_value
from agentic_prefect.plans.inputs import parse_inputs, validate_inputs
from agentic_prefect.plans.names import did_you_mean, listing

STREAM_KIND: Final = "jsonl:"
_LIMITS: Final = tuple(Budget.model_fields)


def inputs_of(
    plan: Plan, pairs: Sequence[str], file: Path | None, otherwise: Mapping[str, Any] | None = None
) -> Mapping[str, Any]:
    """The values for a plan's inputs, checked, with defaults where none were given.

    Args:
        pairs: `NAME=VALUE`; they go before the file.
        file: A YAML or JSON file with a mapping.
        otherwise: Values of those that neither gives.

    Raises:
        InputsUnreadable: The file cannot be read.
        PlanInvalid: A pair is malformed, an input is not declared, or a value does not fit.
    """
    from_file = dict(mapping_in(file)) if file is not None else dict[str, Any]()
    return validate_inputs(plan, dict(otherwise or {}) | from_file | parse_inputs(plan, texts(pairs)))


def given_inputs(plan: Plan, pairs: Sequence[str]) -> Mapping[str, Any]:
    """The values of the inputs that are given, and of no others, checked.

    Args:
        plan: The plan that declares them.
        pairs: `NAME=VALUE`.

    Raises:
        UsageError: A pair is malformed.
        PlanInvalid: An input is not declared, or a value does not fit.
    """
    given = parse_inputs(plan, texts(pairs))
    declared = {name: schema for name, schema in plan.inputs.items() if name in given}
    validate_inputs(plan.model_copy(update={"inputs": declared}) if set(given) <= set(plan.inputs) else plan, given)
    return given


def require_complete(plan: Plan, given: Collection[str], *, option: str) -> None:
    """Make sure that a run which starts by itself has a value for each input.

    Args:
        plan: The plan that declares them.
        given: The inputs that the run is given.
        option: The option that gives one.

    Raises:
        UsageError: An input has no default, and is not given.
    """
    lacking = [name for name, schema in plan.inputs.items() if "default" not in schema and name not in given]
    if lacking:
        raise UsageError(
            f"Nobody fills in the form of a run that starts by itself, and {listing(lacking)} has no default in plan "
            f"{plan.name!r}. Give it with `{option} {lacking[0]}=VALUE`."
        )


def budget_of(limits: Sequence[str]) -> Budget | None:
    """The budget that `usd=0.50`, `tokens=20000` and `calls=60` make; `None` when there are none.

    Raises:
        UsageError: One is malformed, unknown or not above 0.
    """
    if not limits:
        return None
    given: dict[str, str] = {}
    for limit in (part.strip() for text in limits for part in text.split(",")):
        name, equals, value = limit.partition("=")
        if not equals or name not in _LIMITS:
            hint = did_you_mean(name, _LIMITS)
            raise UsageError(
                f"The limit {limit!r} is not understood. {f'{hint} ' if hint else ''}Write NAME=NUMBER with one of: "
                f"{listing(_LIMITS)}, such as `--budget usd=0.50`."
            )
        given[name] = value
    try:
        return Budget.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise UsageError(
            f"The limit {f'{name}={given[name]}'!r} will not do: {first['msg'].lower()}. "
            f"Write a number above 0, such as `--budget {name}={'0.50' if name == 'usd' else '1000'}`."
        ) from error


def job_variables_of(pairs: Sequence[str], working_dir: str) -> dict[str, Any]:
    """The job variables that `image=agents:2` and `env={"A": "1"}` make; a value that is JSON is read as that.

    Args:
        pairs: `KEY=VALUE`.
        working_dir: The one of that name, which has an option of its own; empty is none.

    Raises:
        UsageError: A pair has no value.
    """
    found: dict[str, Any] = {"working_dir": working_dir} if working_dir else {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise UsageError(
                f"The job variable {pair!r} has no value. Write KEY=VALUE, such as `--job-variable image=agents:2`."
            )
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found


def policy_of(given: Sequence[str], model: str | None = None) -> PolicyFields:
    """The policy fields that `retries=1`, `failure_policy.rate_limit.retry=6` and files of such fields make.

    Args:
        given: `FIELD=VALUE`, which go before files, or the names of YAML or JSON files.
        model: The model that was given by an option of its own.

    Raises:
        UsageError: A file holds no fields, or a field is set twice in ways that do not go together.
        InputsUnreadable: A file cannot be read.
        PlanProblems: There is no such field, or a value does not fit.
    """
    fields: dict[str, Any] = {}
    for file in (text for text in given if "=" not in text):
        fields |= mapping_in(Path(file))
    for text in (text for text in given if "=" in text):
        path, _, value = text.partition("=")
        _put(fields, path.strip().split("."), policy_value(value, source=f"the option `--policy {path}`"), text)
    return given_policy(fields | ({"model": model} if model else {}), source="The option `--policy`")


def _put(fields: dict[str, Any], path: Sequence[str], value: Any, text: str) -> None:
    *outer, last = path
    for name in outer:
        inner: object = fields.setdefault(name, {})
        if not isinstance(inner, dict):
            raise UsageError(
                f"`--policy {text}` sets a part of {name!r}, which is set as a whole besides. Take one out."
            )
        fields[name] = fields = dict(cast("dict[str, Any]", inner))
    fields[last] = value


def stream_target(stream: str | None) -> str | None:
    """The file, or `-`, that the events are written to; `None` when they are not wanted.

    Raises:
        UsageError: It does not say in which form.
    """
    if stream is None:
        return None
    if not stream.startswith(STREAM_KIND) or stream == STREAM_KIND:
        raise UsageError(
            f"The stream {stream!r} is not understood. Write `jsonl:FILE`, or `jsonl:-` for standard output."
        )
    return stream.removeprefix(STREAM_KIND)


def texts(pairs: Sequence[str]) -> dict[str, str]:
    """The values of `NAME=VALUE` pairs by name.

    Raises:
        UsageError: One has no name or no value.
    """
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"The input {pair!r} has no value. Write NAME=VALUE, such as `--input query=trains`.")
        found[name] = text
    return found


def mapping_in(file: Path) -> Mapping[str, Any]:
    """The mapping in a YAML or JSON file.

    Raises:
        InputsUnreadable: It cannot be read, or it holds something else.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputsUnreadable(str(file), (error.strerror or str(error)).lower()) from error
    except UnicodeDecodeError as error:
        raise InputsUnreadable(str(file), f"byte {error.start} is not UTF-8") from error
    document = read_document(text, source=str(file))
    if document.problems:
        raise InputsUnreadable(str(file), "; ".join(str(problem) for problem in document.problems))
    value: object = document.value
    if not isinstance(value, Mapping):
        raise InputsUnreadable(str(file), f"it holds a {type(value).__name__} and not a value per input")
    return cast("Mapping[str, Any]", value)
