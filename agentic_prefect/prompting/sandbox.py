"""The Jinja environment of prompt templates: blocks, inheritance and macros over plain data, within bounds."""

from collections.abc import Callable, Collection
from contextvars import ContextVar, Token
from functools import wraps
from time import monotonic
from typing import Any, Final, cast

from jinja2 import BaseLoader, StrictUndefined, TemplateAssertionError, Undefined, nodes
from jinja2.runtime import BlockReference, Macro
from jinja2.visitor import NodeTransformer

from agentic_prefect.plans.expressions.sandbox import BOUNDED, CONCATENATED, Sandbox, defined, make_sandbox, names_in
from agentic_prefect.plans.expressions.values import MAX_ITEMS, as_text, bounded_size
from agentic_prefect.plans.names import did_you_mean, listing

MAX_PROMPT_CHARS: Final = 4_000_000
"""No prompt is longer: about a million tokens, the largest window there is."""
MAX_INDENT: Final = 40
MAX_SECONDS: Final = 10.0
"""No rendering takes longer; a prompt takes less than a millisecond."""


class Meter:
    """Counts what one rendering does."""

    __slots__ = ("chars", "ends_at", "passes")

    def __init__(self, ends_at: float) -> None:
        self.chars = self.passes = 0
        self.ends_at = ends_at

    def look_at_the_clock(self) -> None:
        """Raise `ValueError` if the time is up."""
        if monotonic() > self.ends_at:
            raise ValueError("it takes too long; loop over less, or sort and filter outside of loops")


_meter: ContextVar[Meter | None] = ContextVar("agentic_prefect_prompt_meter", default=None)


def start_meter(max_seconds: float = MAX_SECONDS) -> Token[Meter | None]:
    """Bound text, time and passes through loops of what is rendered in this context until `stop_meter`."""
    return _meter.set(Meter(monotonic() + max_seconds))


def stop_meter(token: Token[Meter | None]) -> None:
    """End what `start_meter` began."""
    _meter.reset(token)


class PromptSandbox(Sandbox):
    """Reads keys before attributes and attributes only of data; calls nothing but macros and `super()`."""

    max_seconds: float = MAX_SECONDS

    def getattr(self, obj: Any, attribute: str) -> Any:
        if type(obj) is dict:
            fields: dict[str, Any] = obj  # pyright: ignore[reportUnknownVariableType]
            if attribute in fields:
                return fields[attribute]
        if isinstance(obj, BlockReference) and attribute == "super":
            return cast("Any", obj).super
        return self.getitem(obj, attribute)

    def is_safe_callable(self, obj: Any) -> bool:
        # An undefined value says what is missing when it is called.
        return isinstance(obj, (Macro, BlockReference, Undefined))

    def check(self, tree: nodes.Template) -> None:
        """Refuse what is not allowed.

        Raises:
            TemplateAssertionError: With the line of the first such thing.
        """
        problems = problems_in(self, tree)
        if problems:
            line, message = problems[0]
            raise TemplateAssertionError(message, line)

    def _generate(
        self, source: nodes.Template, name: str | None, filename: str | None, defer_init: bool = False
    ) -> str:
        self.check(source)
        guarded = cast("nodes.Template", _Guarding().visit(source))
        guarded.set_environment(self)
        return super()._generate(guarded, name, filename, defer_init)


def make_prompt_sandbox(loader: BaseLoader | None = None, max_seconds: float = MAX_SECONDS) -> PromptSandbox:
    """The environment of one registry.

    Args:
        loader: Finds the templates that others extend and include; `None` finds none.
        max_seconds: How long one rendering may take.
    """
    plain = make_sandbox()
    sandbox = PromptSandbox(
        undefined=StrictUndefined,
        autoescape=False,
        optimized=False,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_written,
        loader=loader,
    )
    sandbox.max_seconds = max_seconds
    sandbox.globals = {}
    own = {**_dict(plain.filters), "indent": _indent}  # pyright: ignore[reportUnknownMemberType]
    sandbox.filters = {**{name: _timed(each) for name, each in own.items()}, BOUNDED: _bounded}
    sandbox.tests = _dict(plain.tests)  # pyright: ignore[reportUnknownMemberType]
    return sandbox


def problems_in(sandbox: PromptSandbox, tree: nodes.Template) -> tuple[tuple[int, str], ...]:
    """What is not allowed in a template: line and message."""
    filters, tests = names_in(sandbox)
    found: list[tuple[int, str]] = []
    for node in tree.find_all((nodes.Getattr, nodes.Getitem, nodes.Name, nodes.Filter, nodes.Test, *_REFERRING)):
        match node:
            case (
                nodes.Getattr(attr=str(name)) | nodes.Getitem(arg=nodes.Const(value=str(name))) | nodes.Name(name=name)
            ):
                if name.startswith("__"):
                    message = f"{name!r} cannot be read: names that begin with two underscores are off limits"
                    found.append((node.lineno, message))
            case nodes.Filter(name=name) if name not in filters:
                found.append((node.lineno, _unknown("filter", name, filters)))
            case nodes.Test(name=name) if name not in tests:
                found.append((node.lineno, _unknown("test", name, tests)))
            case nodes.Extends(template=target) | nodes.Include(template=target) | nodes.Import(template=target):
                if not isinstance(target, nodes.Const):
                    found.append((node.lineno, "another template is named by a plain text, not by an expression"))
            case nodes.FromImport(template=target) if not isinstance(target, nodes.Const):
                found.append((node.lineno, "another template is named by a plain text, not by an expression"))
            case _:
                pass
    return tuple(sorted(found))


class _Guarding(NodeTransformer):
    """Puts our own filters where plain Jinja would let something huge through."""

    def visit_For(self, node: nodes.For) -> nodes.Node:
        node = cast("nodes.For", self.generic_visit(node))
        node.iter = nodes.Filter(node.iter, BOUNDED, [], [], None, None, lineno=node.lineno)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        node = cast("nodes.Concat", self.generic_visit(node))
        parts = nodes.List(node.nodes, lineno=node.lineno)
        return nodes.Filter(parts, CONCATENATED, [], [], None, None, lineno=node.lineno)


def _written(value: Any) -> Any:
    """What `{{ value }}` writes: text as it is, nothing for null, everything else as JSON."""
    if value is None:
        return ""
    text = value if type(value) is str else as_text(defined(value))
    meter = _meter.get()
    if meter is not None:
        meter.chars += len(text)
        if meter.chars > MAX_PROMPT_CHARS:
            bounded_size(meter.chars, MAX_PROMPT_CHARS, "characters")
    return text


def _bounded(value: Any) -> Any:
    """What a loop runs over, counted: all loops of one rendering together may take `MAX_ITEMS` passes."""
    # A list is what it nearly always is, and needs no further look.
    items: Collection[Any] = value
    if type(value) is not list:
        items = _collected(defined(value))
    meter = _meter.get()
    if meter is not None:
        meter.passes += len(items)
        bounded_size(meter.passes, MAX_ITEMS, "passes through loops")
        meter.look_at_the_clock()
    return items


def _timed(inner: Callable[..., Any]) -> Callable[..., Any]:
    """The filter, which a template may call once per pass of a loop, with a look at the clock before it."""

    @wraps(inner)
    def timed(*args: Any, **kwargs: Any) -> Any:
        meter = _meter.get()
        if meter is not None:
            meter.look_at_the_clock()
        return inner(*args, **kwargs)

    return timed


def _collected(source: Any) -> Collection[Any]:
    return cast("Collection[Any]", source if isinstance(source, Collection) else list(source))


def _indent(value: Any, width: int = 4, first: bool = False) -> str:
    """The text with its lines moved to the right, the first one only if `first`; blank lines stay empty."""
    bounded_size(width, MAX_INDENT, "columns of indentation")
    space = " " * width
    moved = "\n".join(space + line if line else line for line in as_text(defined(value)).split("\n"))
    return moved if first else moved[width:] if moved.startswith(space) else moved


def _unknown(what: str, name: str, known: frozenset[str]) -> str:
    shown = sorted(each for each in known if not each.startswith(" "))
    return f"there is no {what} {name!r}; there is: {listing(shown, most=60)}. {did_you_mean(name, shown)}".strip()


def _dict(value: Any) -> dict[str, Any]:
    return dict(value)


_REFERRING: Final = (nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport)
