"""The value of an expression."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

from jinja2 import TemplateError, nodes
from jinja2.environment import Template
from jinja2.visitor import NodeTransformer

from agentic_prefect.errors import PlanInvalid
from agentic_prefect.plans.expressions.reading import SANDBOX, Parsed, is_template, parse
from agentic_prefect.plans.expressions.sandbox import BOUNDED, CONCATENATED, DEFINED, STEPS, defined
from agentic_prefect.plans.expressions.scope import MISSING, Scope
from agentic_prefect.plans.expressions.values import MAX_TEXT_CHARS, as_text, bounded_size, bounded_text

RESULT = "result"
MAX_SHOWN_CHARS = 200

_FAULTS = (TemplateError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError, RecursionError)
"""Whatever the evaluation of data can raise."""


class ExpressionError(PlanInvalid):
    """An expression has no value: something is undefined, or of the wrong type.

    Args:
        expression: The text as the plan has it.
        problem: What is wrong, and what there is instead.
    """

    def __init__(self, expression: str, problem: str) -> None:
        super().__init__(expression, problem)
        self.expression, self.problem = expression, problem

    def __str__(self) -> str:
        return f"`{_shown(self.expression)}` has no value: {self.problem}"


def evaluate(value: Any, scope: Scope) -> Any:
    """The value with every expression in it replaced by what it stands for.

    Text that is one expression keeps the type of its value; in other text a value is written as text (lists, mappings,
    null and truths as JSON). Mappings and lists are walked. What an expression gives is data: it is not read again.

    Raises:
        ExpressionError: Something is undefined, of the wrong type, not allowed or too large.
    """
    if isinstance(value, str):
        return _evaluate_text(value, scope) if is_template(value) else value
    if isinstance(value, Mapping):
        return {key: evaluate(part, scope) for key, part in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, Sequence):
        return [evaluate(part, scope) for part in cast("Sequence[Any]", value)]
    return value


def evaluate_over(text: str, names: Mapping[str, Any]) -> Any:
    """The value of a text whose expressions look at these names and at nothing else; otherwise like `evaluate`."""
    return _valued(text, parse(text, tuple(names)), dict(names))


def _evaluate_text(text: str, scope: Scope) -> Any:
    return _valued(text, parse(text), _names_of(scope))


def _valued(text: str, parsed: Parsed, names: dict[str, Any]) -> Any:
    if parsed.problems:
        raise ExpressionError(parsed.problems[0].text, parsed.problems[0].message)
    try:
        if parsed.parts is not None:
            return _follow(parsed, parsed.parts, names)
        return _render(parsed, names)
    except _FAULTS as fault:
        raise ExpressionError(text, _reason(fault)) from fault


def _names_of(scope: Scope) -> dict[str, Any]:
    names: dict[str, Any] = {"inputs": scope.inputs, "tasks": scope.tasks, "previous": scope.previous}
    if scope.item is not MISSING:
        names["item"] = scope.item
    if scope.index is not None:
        names["index"] = scope.index
    return names


def _follow(parsed: Parsed, parts: tuple[str | tuple[Any, ...], ...], names: Mapping[str, Any]) -> Any:
    """The value of text with plain paths in it. Most texts are such, and looking up is far cheaper than compiling."""
    values = [part if isinstance(part, str) else _look_up(part, names) for part in parts]
    return values[0] if parsed.is_expression else bounded_text("".join(as_text(value) for value in values))


def _look_up(path: tuple[Any, ...], names: Mapping[str, Any]) -> Any:
    value = names[path[0]] if path[0] in names else SANDBOX.undefined(name=path[0])
    for key in path[1:]:
        value = SANDBOX.getitem(value, key)
    return defined(value)


def _render(parsed: Parsed, names: dict[str, Any]) -> Any:
    template = _compiled(parsed.source, parsed.is_expression)
    context = template.new_context({**names, STEPS: [0]})
    chunks: list[str] = []
    length = 0
    for chunk in template.root_render_func(context):
        length += len(chunk)
        bounded_size(length, MAX_TEXT_CHARS, "characters")
        chunks.append(chunk)
    return defined(context.vars[RESULT]) if parsed.is_expression else "".join(chunks)


@lru_cache(maxsize=4_000)
def _compiled(source: str, is_expression: bool) -> Template:
    """The source as a Jinja template; one that is a single expression assigns its value to `RESULT`."""
    tree = SANDBOX.parse(source)
    if is_expression:
        expression = cast("nodes.Output", tree.body[0]).nodes[0]
        tree.body = [nodes.Assign(nodes.Name(RESULT, "store", lineno=1), expression, lineno=1)]
    tree = cast("nodes.Template", _Guarding().visit(tree))
    tree.set_environment(SANDBOX)
    try:
        return SANDBOX.from_string(tree)
    except SyntaxError as error:
        raise ValueError("it is too long or too deeply nested") from error


class _Guarding(NodeTransformer):
    """Puts our own filters where plain Jinja would let something huge or undefined through."""

    def visit_For(self, node: nodes.For) -> nodes.Node:
        node = cast("nodes.For", self.generic_visit(node))
        node.iter = _filtered(node.iter, BOUNDED)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        node = cast("nodes.Concat", self.generic_visit(node))
        return _filtered(nodes.List(node.nodes, lineno=node.lineno), CONCATENATED)

    def visit_List(self, node: nodes.List) -> nodes.Node:
        node = cast("nodes.List", self.generic_visit(node))
        node.items = [_filtered(item, DEFINED) for item in node.items]
        return node

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:
        node = cast("nodes.Tuple", self.generic_visit(node))
        if node.ctx == "load":
            node.items = [_filtered(item, DEFINED) for item in node.items]
        return node

    def visit_Pair(self, node: nodes.Pair) -> nodes.Node:
        node = cast("nodes.Pair", self.generic_visit(node))
        node.value = _filtered(node.value, DEFINED)
        return node


def _filtered(node: nodes.Node, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


def _reason(fault: BaseException) -> str:
    if isinstance(fault, RecursionError):
        return "it is too deeply nested"
    return str(fault) or type(fault).__name__


def _shown(text: str) -> str:
    return text if len(text) <= MAX_SHOWN_CHARS else text[: MAX_SHOWN_CHARS - 1] + "…"
