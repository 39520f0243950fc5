"""What an expression refers to and what is wrong with it, read from its syntax tree; nothing is evaluated."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, cast

from jinja2 import TemplateSyntaxError, nodes

from agentic_prefect.plans.expressions.sandbox import NAMES, make_sandbox, names_in
from agentic_prefect.plans.expressions.walk import TOO_DEEP, Path, Walk, constant_chain

SANDBOX = make_sandbox()
FILTERS, TESTS = names_in(SANDBOX)
MAX_CHARS = 200_000
"""No text with expressions is longer."""
MAX_EXCERPT_CHARS = 200

_TEMPLATE = re.compile(r"\{\{|\{%")
_PLAIN_BLOCK = re.compile(r"(?<!\{)\{\{\s*([A-Za-z_]\w*(?:\.[A-Za-z_]\w*|\[[0-9]{1,9}\])*)\s*\}\}", re.ASCII)
_KEY = re.compile(r"\w+|\[\w+\]", re.ASCII)
_BLOCK = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class References:
    """What some expressions look at. A path that ends in `| default` or `is defined` counts without its last part."""

    tasks: Mapping[str, frozenset[Path]] = field(default_factory=dict[str, frozenset[Path]])
    """Task id -> the paths after it, such as `("output", "searches")`."""
    inputs: frozenset[Path] = frozenset()
    """Paths after `inputs`; the empty path is all of them."""
    item_paths: frozenset[Path] = frozenset()
    """Paths after `item`; the empty path is all of it."""
    index: bool = False
    unknown_names: frozenset[str] = frozenset()
    """Names that nothing gives a meaning to."""

    previous: frozenset[Path] = frozenset()
    """Paths after `previous`; the empty path is all of it."""

    @property
    def item(self) -> bool:
        """Whether the item of a fan-out is looked at."""
        return bool(self.item_paths)


@dataclass(frozen=True, slots=True)
class ExpressionProblem:
    """One fault in one text."""

    where: str
    """The place within the value, such as `query[0]`; empty when the value is the text itself."""
    text: str
    """The expression, or the whole text if the fault cannot be narrowed down."""
    message: str
    line: int
    """Line within the text, from 1."""
    column: int
    """Column within the line, from 1."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A text with expressions, read."""

    source: str
    """What is compiled: the text, without the space around it if it is one expression."""
    is_expression: bool
    """Whether it is one expression and not mixed text."""
    parts: tuple[str | tuple[Any, ...], ...] | None
    """Literal text and the keys of plain paths, root first; `None` when that is not all there is."""
    references: References
    problems: tuple[ExpressionProblem, ...]


def is_template(text: str) -> bool:
    """Whether there is anything to evaluate in the text."""
    return _TEMPLATE.search(text) is not None


def is_expression(value: object) -> bool:
    """Whether the value is one expression, which keeps its type, and not text."""
    return isinstance(value, str) and is_template(value) and parse(value).is_expression


def plain_path(value: object) -> Path | None:
    """The parts of a value that is one plain path, such as `("tasks", "a", "output")`; `None` for anything else."""
    if not is_expression(value):
        return None
    match parse(str(value)).parts:
        case (tuple() as path,):
            return tuple(str(key) for key in path)
        case _:
            return None


def references(value: Any) -> References:
    """Everything that the expressions in `value`, nested ones included, look at."""
    tasks: dict[str, set[Path]] = {}
    inputs, items, unknown, index = set[Path](), set[Path](), set[str](), False
    previous = set[Path]()
    for _, text in texts_in(value):
        found = parse(text).references
        for task_id, paths in found.tasks.items():
            tasks.setdefault(task_id, set()).update(paths)
        inputs |= found.inputs
        items |= found.item_paths
        unknown |= found.unknown_names
        previous |= found.previous
        index = index or found.index
    every = {task_id: frozenset(paths) for task_id, paths in tasks.items()}
    return References(every, frozenset(inputs), frozenset(items), index, frozenset(unknown), frozenset(previous))


def problems_in(value: Any) -> tuple[ExpressionProblem, ...]:
    """Everything that is wrong with the expressions in `value` whatever the plan is: syntax, filters, names, calls."""
    return tuple(
        ExpressionProblem(where, problem.text, problem.message, problem.line, problem.column)
        for where, text in texts_in(value)
        for problem in parse(text).problems
    )


def texts_in(value: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """Every text with expressions in a nested value, with its place."""
    if isinstance(value, str):
        if is_template(value):
            yield where, value
    elif isinstance(value, Mapping):
        for key, part in cast("Mapping[Any, Any]", value).items():
            yield from texts_in(part, f"{where}.{key}" if where else str(key))
    elif isinstance(value, Sequence):
        for place, part in enumerate(cast("Sequence[Any]", value)):
            yield from texts_in(part, f"{where}[{place}]")


@lru_cache(maxsize=20_000)
def parse(text: str, names: tuple[str, ...] = NAMES) -> Parsed:
    """The text's tree, references and problems. Kept, since every text of a plan is read several times.

    Args:
        text: The text.
        names: What it can begin with.
    """
    if len(text) > MAX_CHARS:
        message = f"the text has {len(text):,} characters, the limit is {MAX_CHARS:,}"
        return _unreadable(text, ExpressionProblem("", _excerpt(text), message, 1, 1))
    return (_read_plainly(text) if names is NAMES else None) or _read_fully(text, names)


def _read_fully(text: str, names: tuple[str, ...] = NAMES) -> Parsed:
    """The text, read by Jinja."""
    stripped = text.strip()
    whole = stripped if stripped.startswith("{{") and stripped.endswith("}}") else text
    try:
        tree = SANDBOX.parse(whole)
        is_one = _is_one_expression(tree)
        if not is_one and whole != text:
            tree, whole = SANDBOX.parse(text), text
    except TemplateSyntaxError as error:
        return _unreadable(text, _syntax_problem(text, error.message or "syntax error"))
    except RecursionError:
        return _unreadable(text, ExpressionProblem("", _excerpt(text), TOO_DEEP, 1, 1))
    walk = Walk(FILTERS, TESTS, names)
    walk.block(tree.body, frozenset(names) - frozenset(NAMES))
    return Parsed(whole, is_one, _plain_parts(tree), _found_by(walk), _problems_of(walk, text))


def _read_plainly(text: str) -> Parsed | None:
    """Text with nothing but plain paths in it, read without Jinja; `None` for any other.

    Most texts of a plan are such, and Jinja takes half a millisecond for each.
    """
    parts: list[str | tuple[Any, ...]] = []
    walk = Walk(FILTERS, TESTS)
    end = 0
    for block in _PLAIN_BLOCK.finditer(text):
        keys = tuple(int(key[1:-1]) if key[0] == "[" else key for key in _KEY.findall(block[1]))
        if keys[0] not in NAMES:
            return None
        walk.note(keys)
        parts += [text[end : block.start()], keys]
        end = block.end()
    parts.append(text[end:])
    if "\r" in text or any(isinstance(part, str) and is_template(part) for part in parts):
        return None
    parts = [part for part in parts if part]
    is_one = sum(1 for part in parts if not isinstance(part, str) or part.strip()) == 1
    if is_one:
        parts = [part for part in parts if not isinstance(part, str)]
    return Parsed(text, is_one, tuple(parts), _found_by(walk), _problems_of(walk, text))


def _problems_of(walk: Walk, text: str) -> tuple[ExpressionProblem, ...]:
    return tuple(ExpressionProblem("", _excerpt(text), message, 1, 1) for message in dict.fromkeys(walk.problems))


def _unreadable(text: str, problem: ExpressionProblem) -> Parsed:
    return Parsed(text, False, None, References(), (problem,))


def _found_by(walk: Walk) -> References:
    return References(
        {task_id: frozenset(paths) for task_id, paths in walk.tasks.items()},
        frozenset(walk.inputs),
        frozenset(walk.items),
        walk.index,
        frozenset(walk.unknown),
        frozenset(walk.previous),
    )


def _is_one_expression(tree: nodes.Template) -> bool:
    match tree.body:
        case [nodes.Output(nodes=[expression])]:
            return not isinstance(expression, nodes.TemplateData)
        case _:
            return False


def _plain_parts(tree: nodes.Template) -> tuple[str | tuple[Any, ...], ...] | None:
    match tree.body:
        case [nodes.Output(nodes=parts)]:
            plain = [part.data if isinstance(part, nodes.TemplateData) else constant_chain(part) for part in parts]
            return tuple(part for part in plain if part is not None) if None not in plain else None
        case _:
            return None


def _syntax_problem(text: str, message: str) -> ExpressionProblem:
    """The fault, narrowed down to the first block that cannot be parsed on its own."""
    for block in _BLOCK.finditer(text):
        if block[0].startswith("{{"):
            try:
                SANDBOX.parse(block[0])
            except TemplateSyntaxError as error:
                line, column = _position(text, block.start())
                return ExpressionProblem("", _excerpt(block[0]), error.message or message, line, column)
    line, column = _position(text, match.start() if (match := _TEMPLATE.search(text)) else 0)
    return ExpressionProblem("", _excerpt(text), message, line, column)


def _position(text: str, offset: int) -> tuple[int, int]:
    """Line and column of an offset, both from 1."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _excerpt(text: str) -> str:
    return text if len(text) <= MAX_EXCERPT_CHARS else text[: MAX_EXCERPT_CHARS - 1] + "…"
