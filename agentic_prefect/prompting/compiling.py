"""From a template as it is written to a program: parents put together, rules checked, variables found."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, cast

from jinja2 import TemplateSyntaxError, meta, nodes
from jinja2.environment import Template
from pydantic_core import to_jsonable_python

from agentic_prefect.prompting.errors import PromptError
from agentic_prefect.prompting.examples import Example, FewShot
from agentic_prefect.prompting.program import Block, Program, Role
from agentic_prefect.prompting.sandbox import PromptSandbox
from agentic_prefect.prompting.tidy import heading_lines
from agentic_prefect.prompting.variables import Variable

ROLES: Final[tuple[Role, ...]] = ("system", "user", "assistant")
"""Blocks of these names are messages, in this order. A template without any is one message of the user."""

_GUARDS: Final = frozenset({"default", "d", "defined", "undefined"})
"""Filters and tests that may look at what is not there."""


class Written(Protocol):
    """A template as it is written."""

    @property
    def reference(self) -> str:
        """`id@version`."""
        ...

    @property
    def source(self) -> str:
        """The Jinja text."""
        ...

    @property
    def variables(self) -> Mapping[str, Variable]:
        """What is declared."""
        ...

    @property
    def examples(self) -> tuple[Example, ...]:
        """What went in and what came out, to learn from."""
        ...

    @property
    def few_shot(self) -> FewShot | None:
        """Which examples are shown; `None` is the parent's rule."""
        ...

    @property
    def reasoning(self) -> bool | None:
        """Whether thoughts are asked for before the answer; `None` is what the parent says."""
        ...

    @property
    def hash(self) -> str:
        """SHA-256 (hex) of its text, its variables and all else that shows in a prompt."""
        ...

    def place(self, line: int) -> str:
        """Where a line of the text stands, for messages."""
        ...


Find = Callable[[str], Written]
"""Finds a template that another one extends or includes."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One template of a line of parents."""

    written: Written
    tree: nodes.Template
    extends: str | None


def compile_program(written: Written, sandbox: PromptSandbox, find: Find) -> Program:
    """The program of a template.

    Args:
        written: The template.
        sandbox: The environment; its loader finds the same templates as `find`.
        find: Finds a template by reference.

    Raises:
        PromptError: It cannot be read, or something in it is not allowed; the message names file and line.
        UnknownTemplate: It uses a template that there is not.
    """
    line = _line(written, sandbox, find)
    used = [*line, *_included(line, sandbox, find)]
    names = {name for part in used for name in _names(part.tree)}
    headings = {heading for part in line for heading in _headings(part.tree)}
    written_blocks = {block.name for part in line for block in part.tree.find_all(nodes.Block)}
    roles: tuple[Role, ...] = tuple(role for role in ROLES if role in written_blocks)
    for part in line:
        if roles or part.extends:
            _check_outside(part, is_child=part.extends is not None)
    examples = next((part.written.examples for part in line if part.written.examples), ())
    few_shot = next((part.written.few_shot for part in line if part.written.few_shot), FewShot())
    if examples and few_shot.pick and max(few_shot.pick) > len(examples):
        raise PromptError(
            f"{written.place(1)}: `few_shot.pick` names example {max(few_shot.pick)}, and there are {len(examples)}."
        )
    variables: dict[str, Variable] = {}
    for part in reversed(used):
        variables.update(part.written.variables)
    needed = {name for name, variable in variables.items() if variable.is_required}
    # Compiling changes the trees, so it comes last.
    compiled = [_compiled(part, sandbox) for part in line]
    return Program(
        reference=written.reference,
        hash=_combined([part.written.hash for part in used]),
        root=compiled[-1],
        roles=roles,
        blocks=_blocks(compiled),
        variables=variables,
        required=frozenset(needed | (names - variables.keys())),
        headings=frozenset(headings),
        examples=examples,
        few_shot=few_shot,
        reasoning=next((part.written.reasoning for part in line if part.written.reasoning is not None), False),
        max_seconds=sandbox.max_seconds,
    )


def hash_of(source: str, variables: Mapping[str, Variable], shown: Mapping[str, Any] | None = None) -> str:
    """SHA-256 (hex) of a template's text and variables, and of what else shows in its prompts."""
    declared = {name: variable.model_dump(mode="json", exclude_unset=True) for name, variable in variables.items()}
    parts = [source, declared, *([to_jsonable_python(shown)] if shown else [])]
    content = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return hashlib.sha256(content.encode()).hexdigest()


def _line(written: Written, sandbox: PromptSandbox, find: Find) -> list[_Part]:
    """The template, the one that it extends, and so on."""
    line: list[_Part] = []
    while True:
        seen = [part.written.reference for part in line]
        if written.reference in seen:
            circle = " -> ".join([*seen[seen.index(written.reference) :], written.reference])
            raise PromptError(f"The prompt template {seen[0]!r} extends itself: {circle}. Extend an exact version.")
        tree = _parsed(written, sandbox)
        extends = [node for node in tree.body if isinstance(node, nodes.Extends)]
        target = cast("str", cast("nodes.Const", extends[0].template).value) if extends else None
        line.append(_Part(written, tree, target))
        if target is None:
            return line
        written = find(target)


def _parsed(written: Written, sandbox: PromptSandbox) -> nodes.Template:
    try:
        tree = sandbox.parse(written.source)
        sandbox.check(tree)
    except TemplateSyntaxError as error:
        raise PromptError(f"{written.place(error.lineno)}: {error.message}") from error
    except RecursionError as error:
        raise PromptError(f"{written.place(1)}: it is nested too deeply") from error
    return tree


def _compiled(part: _Part, sandbox: PromptSandbox) -> Template:
    # Blocks are put together here, once, and not by Jinja at every rendering.
    tree = part.tree
    tree.body = [node for node in tree.body if not isinstance(node, nodes.Extends)]
    try:
        return sandbox.from_string(tree)
    except TemplateSyntaxError as error:
        raise PromptError(f"{part.written.place(error.lineno)}: {error.message}") from error
    except (SyntaxError, RecursionError) as error:
        raise PromptError(f"{part.written.place(1)}: it is nested too deeply") from error


def _blocks(compiled: Sequence[Template]) -> dict[str, list[Block]]:
    found: dict[str, list[Block]] = {}
    for template in compiled:
        for name, block in cast("Mapping[str, Block]", template.blocks).items():
            found.setdefault(name, []).append(block)
    return found


def _check_outside(part: _Part, *, is_child: bool) -> None:
    """Text outside of blocks would never be seen."""
    for node in part.tree.body:
        if isinstance(node, nodes.Block | nodes.Extends) or _is_blank(node):
            continue
        why = "in a template that extends another" if is_child else f"in a template with messages ({', '.join(ROLES)})"
        raise PromptError(f"{part.written.place(node.lineno)}: {why} everything stands inside of blocks; this does not")


def _is_blank(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Output) and all(
        isinstance(each, nodes.TemplateData) and not each.data.strip() for each in node.nodes
    )


def _included(line: Sequence[_Part], sandbox: PromptSandbox, find: Find) -> list[_Part]:
    """The templates that are included or imported, in the order in which they are met."""
    found: dict[str, _Part] = {}
    waiting = list(line)
    while waiting:
        for name in _referred(waiting.pop(0).tree, (nodes.Include, nodes.Import, nodes.FromImport)):
            written = find(name)
            if written.reference not in found:
                found[written.reference] = _Part(written, _parsed(written, sandbox), None)
                waiting.append(found[written.reference])
    return list(found.values())


def _referred(tree: nodes.Template, kinds: tuple[type[nodes.Node], ...]) -> Iterator[str]:
    for node in tree.find_all(kinds):
        yield cast("str", cast("Any", node).template.value)


def _names(tree: nodes.Template) -> set[str]:
    """Names that a template uses without giving them a meaning, and without looking whether they are there."""
    guarded = {
        node.node.name
        for node in tree.find_all((nodes.Filter, nodes.Test))
        if node.name in _GUARDS and isinstance(node.node, nodes.Name)  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue]
    }
    return meta.find_undeclared_variables(tree) - guarded


def _headings(tree: nodes.Template) -> Iterable[str]:
    for node in tree.find_all(nodes.TemplateData):
        yield from heading_lines(node.data)


def _combined(hashes: Sequence[str]) -> str:
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(hashes).encode()).hexdigest()
