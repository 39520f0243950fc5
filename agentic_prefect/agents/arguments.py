"""From a task's input to the arguments of a function."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from inspect import Parameter
from typing import Any, cast

from pydantic import PydanticUserError, TypeAdapter, ValidationError

from agentic_prefect.errors import InvalidRequest
from agentic_prefect.plans.names import did_you_mean, listing

_BY_NAME = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function can be given."""

    parameters: Mapping[str, Parameter]
    """Those that have a name of their own."""
    types: Mapping[str, TypeAdapter[Any]]
    """What is converted and checked; a parameter that is not annotated takes anything."""
    takes_any_name: bool


def arguments_for(function: Callable[..., Any], given: Any) -> tuple[list[Any], dict[str, Any]]:
    """The arguments for a call, converted to what the parameters are annotated with.

    Args:
        function: What will be called.
        given: The task's input: a mapping by parameter name, one value for the first parameter, or `None`.

    Returns:
        Positional arguments, and those by name.

    Raises:
        InvalidRequest: Some are unknown, missing or of the wrong type; all problems at once.
    """
    is_hashable = type(function).__hash__ is not None  # pyright: ignore[reportUnnecessaryComparison]
    signature = _signature_of(function) if is_hashable else _read_signature(function)
    values = _by_name(given, signature)
    problems = _misfits(values, signature)
    converted = dict(values)
    for name, adapter in signature.types.items():
        if name in values:
            try:
                converted[name] = adapter.validate_python(values[name])
            except ValidationError as error:
                problems += [f"{_place(name, each['loc'])}: {each['msg']}" for each in error.errors()]
    if problems:
        called = getattr(function, "__qualname__", repr(function))
        known = listing(signature.parameters, most=50)
        raise InvalidRequest(
            f"The input does not fit the function {called!r}: {'; '.join(problems)}. Its parameters: {known}."
        )
    positional = [
        converted.pop(name)
        for name, parameter in signature.parameters.items()
        if parameter.kind is Parameter.POSITIONAL_ONLY and name in converted
    ]
    return positional, converted


def _misfits(values: Mapping[str, Any], signature: Signature) -> list[str]:
    """Names that are unknown or missing."""
    known = signature.parameters
    unknown = [name for name in values if name not in known and not signature.takes_any_name]
    return [f"there is no parameter {name!r}. {did_you_mean(name, known)}".strip() for name in unknown] + [
        f"{name!r} is missing"
        for name, parameter in known.items()
        if name not in values and parameter.default is Parameter.empty
    ]


def _read_signature(function: Callable[..., Any]) -> Signature:
    try:
        found = inspect.signature(function, eval_str=True)
    except NameError:
        # An annotation that exists for type checkers only cannot be checked at run time.
        found = inspect.signature(function)
    parameters = {name: each for name, each in found.parameters.items() if each.kind in _BY_NAME}
    return Signature(
        parameters=parameters,
        types={name: adapter for name, each in parameters.items() if (adapter := _adapter(each.annotation))},
        takes_any_name=any(each.kind is Parameter.VAR_KEYWORD for each in found.parameters.values()),
    )


_signature_of = lru_cache(maxsize=1_000)(_read_signature)


def _adapter(annotation: Any) -> TypeAdapter[Any] | None:
    if annotation is Parameter.empty or isinstance(annotation, str):
        return None
    try:
        return TypeAdapter(annotation)
    except (PydanticUserError, NameError):
        return None  # a type that pydantic does not know is handed over as it comes


def _by_name(given: Any, signature: Signature) -> Mapping[str, Any]:
    if given is None:
        return {}
    if isinstance(given, Mapping):
        return cast("Mapping[str, Any]", given)
    return {next(iter(signature.parameters), "input"): given}


def _place(name: str, location: Sequence[int | str]) -> str:
    return name + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
