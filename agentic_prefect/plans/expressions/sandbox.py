"""The Jinja environment of expressions: it reads data and calls nothing but a few filters."""

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import wraps
from typing import Any, Final, cast

from jinja2 import StrictUndefined, Undefined, filters, pass_context, tests
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from agentic_prefect.plans.expressions.values import (
    MAX_ITEMS,
    MAX_PRECISION,
    NoSuchField,
    as_json,
    as_plain,
    as_text,
    bounded_size,
    check_growth,
    joined,
    read_field,
    replaced,
)
from agentic_prefect.plans.names import did_you_mean, listing

NAMES: Final = ("inputs", "tasks", "previous", "item", "index")
"""Everything an expression can begin with."""
FILTERS = cast("Mapping[str, Callable[..., Any]]", filters.FILTERS)  # pyright: ignore[reportUnknownMemberType]
TESTS = cast("Mapping[str, Callable[..., Any]]", tests.TESTS)  # pyright: ignore[reportUnknownMemberType]
LOOP_FIELDS: Final = ("index", "index0", "first", "last", "length", "revindex", "revindex0")

BOUNDED: Final = " bounded"
"""Filter put around what a loop runs over. No template can write a name with a space, here and below."""
CONCATENATED: Final = " concatenated"
"""Filter that does the work of `~`."""
DEFINED: Final = " defined"
"""Filter put around the parts of a written list or mapping, so that nothing undefined hides in it."""
STEPS: Final = " steps"
"""Variable that counts the passes of all loops of one evaluation."""


class Unknown(StrictUndefined):
    """Something that is not there. Any use of it but `default` and `is defined` is an error that says what is."""

    @property
    def _undefined_message(self) -> str:
        name = self._undefined_name
        if self._undefined_hint or name is None:
            return self._undefined_hint or "something is undefined"
        if name in ("item", "index"):
            return f"{name!r} is only there in a task with `for_each`"
        return f"there is no {name!r} here; there is: {listing(NAMES)}. {did_you_mean(name, NAMES)}".strip()


class Sandbox(ImmutableSandboxedEnvironment):
    """Reads keys before attributes, and attributes only of data; bounds what arithmetic makes."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Undefined):
            return defined(obj)
        if isinstance(obj, LoopContext):
            return getattr(obj, argument) if argument in LOOP_FIELDS else self.undefined(f"a loop has no {argument!r}")
        try:
            return read_field(obj, argument)
        except NoSuchField as missing:
            return self.undefined(str(missing), obj=obj, name=str(argument))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        check_growth(operator, left, right)
        return super().call_binop(context, operator, left, right)


def defined(value: Any) -> Any:
    """The value as plain data.

    Raises:
        UndefinedError: It is undefined.
    """
    if isinstance(value, Undefined):
        value._fail_with_undefined_error()  # pyright: ignore[reportPrivateUsage]  # Jinja has no public way to say it
    return as_plain(value)


def make_sandbox() -> Sandbox:
    """The environment, with the filters and tests that are safe on data of any origin."""
    sandbox = Sandbox(
        undefined=Unknown,
        autoescape=False,
        optimized=False,
        keep_trailing_newline=True,
        # `{#` is plain text: no author means a comment in a prompt, and outputs hold anything.
        comment_start_string="\0{#",
        comment_end_string="#}\0",
        finalize=_text,
    )
    sandbox.globals = {}
    sandbox.filters = {**{name: FILTERS[name] for name in _PLAIN}, **{name: _listed(name) for name in _LISTED}, **_OWN}
    sandbox.tests = {name: test for name, test in TESTS.items() if name not in _REFUSED_TESTS}
    return sandbox


def names_in(sandbox: Sandbox) -> tuple[frozenset[str], frozenset[str]]:
    """The names of its filters and of its tests."""
    return frozenset(cast("Iterable[str]", sandbox.filters)), frozenset(cast("Iterable[str]", sandbox.tests))  # pyright: ignore[reportUnknownMemberType]


def _bounded(context: Context, value: Any) -> Any:
    """What a loop runs over, counted: all loops of one evaluation together may take `MAX_ITEMS` passes."""
    steps = cast("list[int]", context.parent[STEPS])
    source = defined(value)
    items = cast("Collection[Any]", source if isinstance(source, Collection) else list(source))
    steps[0] += len(items)
    bounded_size(steps[0], MAX_ITEMS, "passes through loops")
    return items


def _round(value: float, precision: int = 0, method: str = "common") -> Any:
    bounded_size(abs(precision), MAX_PRECISION, "decimal places")
    return FILTERS["round"](value, precision, method)


def _join(value: Iterable[Any], d: str = "", attribute: str | int | None = None) -> str:
    return joined([defined(part) for part in value], d, attribute)


def _tojson(value: Any, indent: int | None = None) -> str:
    return as_json(defined(value), indent)


def _text(value: Any) -> str:
    return as_text(defined(value))


def _listed(name: str) -> Callable[..., Any]:
    """Jinja's filter `name`, giving a list in place of a generator, with nothing undefined in it."""
    inner = FILTERS[name]

    @wraps(inner)
    def listed(*args: Any, **kwargs: Any) -> Any:
        found = inner(*args, **kwargs)
        return found if isinstance(found, str) else [defined(value) for value in found]

    return listed


_PLAIN = (
    *("abs", "capitalize", "count", "d", "default", "first", "float", "int", "last", "length", "lower", "max", "min"),
    *("sum", "title", "trim", "truncate", "upper", "wordcount"),
)
_LISTED = (
    "dictsort",
    "items",
    "list",
    "map",
    "reject",
    "rejectattr",
    "reverse",
    "select",
    "selectattr",
    "sort",
    "unique",
)
_OWN: Mapping[str, Callable[..., Any]] = {
    "join": _join,
    "replace": replaced,
    "round": _round,
    "string": _text,
    "tojson": _tojson,
    BOUNDED: pass_context(_bounded),
    CONCATENATED: _join,
    DEFINED: defined,
}
_REFUSED_TESTS = frozenset({"callable", "escaped", "filter", "sameas", "test"})
