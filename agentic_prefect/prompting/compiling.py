"""From a template as it is written to a program: parents put together, rules checked, variables found."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, cast

from jinja2 import TemplateSyntaxError, nodes
from jinja2.environment import Template
from pydantic_core import to_jsonable_python

from agentic_prefect.prompting.examples import FewShot
from agentic_prefect.prompting.parts import Find, Part, Written, faulty, included_parts, line_of_parents, used_names
from agentic_prefect.prompting.program import Block, Program, Role
from agentic_prefect.prompting.sandbox import PromptSandbox
from agentic_prefect.prompting.tidy import heading_lines
from agentic_prefect.prompting.variables import Variable

ROLES: Final[tuple[Role, ...]] = ("system", "user", "assistant")
"""Blocks of these names are messages, in this order. A template without any is one message of the user."""


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
    line = line_of_parents(written, sandbox, find)
    used = [*line, *included_parts(line, sandbox, find)]
    names = {name for part in used for name in used_names(part.tree)}
    headings = {heading for part in line for heading in _headings(part.tree)}
    written_blocks = {block.name for part in line for block in part.tree.find_all(nodes.Block)}
    roles: tuple[Role, ...] = tuple(role for role in ROLES if role in written_blocks)
    for part in line:
        if roles or part.extends:
            _check_outside(part, is_child=part.extends is not None)
    examples = next((part.written.examples for part in line if part.written.examples), ())
    few_shot = next((part.written.few_shot for part in line if part.written.few_shot), FewShot())
    if examples and few_shot.pick and max(few_shot.pick) > len(examples):
        raise faulty(written, 1, f"`few_shot.pick` names example {max(few_shot.pick)}, and there are {len(examples)}.")
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


def _compiled(part: Part, sandbox: PromptSandbox) -> Template:
    # Blocks are put together here, once, and not by Jinja at every rendering.
    tree = part.tree
    tree.body = [node for node in tree.body if not isinstance(node, nodes.Extends)]
    try:
        return sandbox.from_string(tree)
    except TemplateSyntaxError as error:
        raise faulty(part.written, error.lineno, error.message or "") from error
    except (SyntaxError, RecursionError) as error:
        raise faulty(part.written, 1, "it is nested too deeply") from error


def _blocks(compiled: Sequence[Template]) -> dict[str, list[Block]]:
    found: dict[str, list[Block]] = {}
    for template in compiled:
        for name, block in cast("Mapping[str, Block]", template.blocks).items():
            found.setdefault(name, []).append(block)
    return found


def _check_outside(part: Part, *, is_child: bool) -> None:
    """Text outside of blocks would never be seen."""
    for node in part.tree.body:
        if isinstance(node, nodes.Block | nodes.Extends) or _is_blank(node):
            continue
        why = "in a template that extends another" if is_child else f"in a template with messages ({', '.join(ROLES)})"
        raise faulty(part.written, node.lineno, f"{why} everything stands inside of blocks; this does not")


def _is_blank(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Output) and all(
        isinstance(each, nodes.TemplateData) and not each.data.strip() for each in node.nodes
    )


def _headings(tree: nodes.Template) -> Iterable[str]:
    for node in tree.find_all(nodes.TemplateData):
        yield from heading_lines(node.data)


def _combined(hashes: Sequence[str]) -> str:
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(hashes).encode()).hexdigest()
