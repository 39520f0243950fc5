"""Looks a template over: what keeps it from working, and what will disappoint whoever uses it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from jinja2 import TemplateSyntaxError, nodes

from agentic_prefect.plans.names import did_you_mean, listing
from agentic_prefect.prompting.compiling import ROLES, compile_program
from agentic_prefect.prompting.craft import Rule, Severity
from agentic_prefect.prompting.errors import FaultyTemplate, PromptError, UnknownTemplate
from agentic_prefect.prompting.front_matter import field_lines, read_template
from agentic_prefect.prompting.parts import Part, included_parts, line_of_parents, used_names
from agentic_prefect.prompting.reach import Reach, blocks_within, reach_of
from agentic_prefect.prompting.registry import PromptRegistry
from agentic_prefect.prompting.sandbox import PromptSandbox, make_prompt_sandbox, problems_in
from agentic_prefect.prompting.template import PromptTemplate
from agentic_prefect.prompting.work_variables import GIVEN

FOR_TASKS: Final = "agent"
"""The task type of templates that the builder fills in for a plan's tasks."""

SECTIONS: Final = {
    "Task Description": ("description",),
    "Context": ("context",),
    "Input Parameters": ("input_json", "input"),
}
"""Sections without which a task's own words get lost -> the variables that make them, one of which will do."""

_OUTPUT_HEADING: Final = re.compile(r"^#{1,6} .*\b(output|answer|response)\b", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about a template."""

    where: str
    """Its file, or its name."""
    line: int
    """From 1."""
    rule: Rule
    message: str
    severity: Severity = "error"

    def __str__(self) -> str:
        return f"{self.where}:{self.line}: {self.severity}: {self.message} [{self.rule}]"


def lint_text(text: str, *, origin: str, registry: PromptRegistry, strict: bool = False) -> tuple[Finding, ...]:
    """Everything there is to say about the text of a template file, by line.

    Args:
        text: The file's text.
        origin: Its name.
        registry: Where the templates are that it extends and includes.
        strict: Whether what is only doubtful counts as an error, too.
    """
    try:
        template = read_template(text, origin=origin)
    except FaultyTemplate as error:
        return tuple(Finding(origin, line, "front-matter", message) for line, message in error.problems)
    return lint(template, registry=registry, strict=strict, lines=field_lines(text, origin=origin))


def lint(
    template: PromptTemplate,
    *,
    registry: PromptRegistry,
    strict: bool = False,
    lines: Mapping[tuple[str | int, ...], int] | None = None,
) -> tuple[Finding, ...]:
    """Everything there is to say about a template, by line; arguments as for `lint_text`.

    Args:
        lines: The lines of front matter by the path to each field; without them such findings stand at line 1.
    """
    sandbox = make_prompt_sandbox()
    found = tuple(_faults(template, sandbox, registry))
    if not found:
        found = tuple(
            each for each in _craft(template, sandbox, registry, lines or {}) if each.rule not in template.waive
        )
    if strict:
        found = tuple(Finding(each.where, each.line, each.rule, each.message) for each in found)
    return tuple(sorted(found, key=lambda each: (each.line, each.rule, each.message)))


def _faults(template: PromptTemplate, sandbox: PromptSandbox, registry: PromptRegistry) -> Iterator[Finding]:
    """What keeps a template from being rendered at all."""
    above = template.first_line - 1
    try:
        tree = sandbox.parse(template.source)
    except TemplateSyntaxError as error:
        yield Finding(template.where, error.lineno + above, "syntax", error.message or "")
        return
    wrong = problems_in(sandbox, tree)
    for line, message in wrong:
        yield Finding(template.where, line + above, "syntax", message)
    if wrong:
        return
    try:
        compile_program(template, sandbox, registry.get)
    except FaultyTemplate as error:
        yield from (Finding(error.where, line, "syntax", message) for line, message in error.problems)
    except UnknownTemplate as error:
        yield Finding(template.where, _line_of_reference(tree, error.reference) + above, "unknown-template", str(error))
    except PromptError as error:
        yield Finding(template.where, template.first_line, "syntax", str(error))


def _craft(
    template: PromptTemplate,
    sandbox: PromptSandbox,
    registry: PromptRegistry,
    lines: Mapping[tuple[str | int, ...], int],
) -> Iterator[Finding]:
    """What is wrong with a template that can be rendered."""
    line = line_of_parents(template, sandbox, registry.get)
    included = included_parts(line, sandbox, registry.get)
    written = {block.name for part in line for block in part.tree.find_all(nodes.Block)}
    reach = reach_of(line, [role for role in ROLES if role in written])
    shown = reach.names | {name for part in included for name in used_names(part.tree)}
    yield from _variables(template, [*line, *included], lines)
    yield from _orphans(template, line, reach)
    if _is_for_tasks(line):
        yield from _sections(template, shown)
    if "output_schema" not in shown and not _OUTPUT_HEADING.search(reach.text):
        message = (
            "nothing says what the answer must look like. Show `output_schema`, or write a heading such as "
            "`# Output Requirements` and what holds under it"
        )
        yield Finding(template.where, template.first_line, "no-output", message, "warning")
    if not template.description:
        message = "there is no `description`, by which others find it"
        yield Finding(template.where, lines.get(("id",), 1), "no-description", message, "warning")
    if not template.tests:
        message = "there are no `tests`: nobody will notice when a change breaks it"
        yield Finding(template.where, lines.get(("id",), 1), "no-tests", message, "warning")


def _variables(
    template: PromptTemplate, used: list[Part], lines: Mapping[tuple[str | int, ...], int]
) -> Iterator[Finding]:
    own, above = used[0], template.first_line - 1
    declared = {name for part in used for name in part.written.variables}
    known = declared | (GIVEN if _is_for_tasks(used) else frozenset[str]())
    for name in sorted(used_names(own.tree) - known):
        message = f"the variable {name!r} is not declared under `variables`. {did_you_mean(name, known)}".strip()
        yield Finding(template.where, _line_of_name(own.tree, name) + above, "unknown-variable", message)
    needed = {node.name for part in used for node in part.tree.find_all(nodes.Name)}
    for name in template.variables:
        if name not in needed:
            message = f"the variable {name!r} is declared and never shown"
            yield Finding(template.where, lines.get(("variables", name), 1), "unused-variable", message, "warning")


def _orphans(template: PromptTemplate, line: list[Part], reach: Reach) -> Iterator[Finding]:
    """Blocks that are never rendered: they override nothing."""
    if len(line) == 1:
        return
    theirs = {block.name for part in line[1:] for block in blocks_within(part.tree)}
    for block in blocks_within(line[0].tree):
        if block.name not in reach.reached and block.name not in theirs:
            hint = did_you_mean(block.name, theirs) or f"There are: {listing(sorted(theirs), most=30)}."
            message = f"the block {block.name!r} overrides nothing, so that its text is never seen. {hint}"
            yield Finding(template.where, block.lineno + template.first_line - 1, "orphan-block", message)


def _sections(template: PromptTemplate, shown: frozenset[str]) -> Iterator[Finding]:
    for section, names in SECTIONS.items():
        if not shown & set(names):
            message = f"the section {section!r} is missing: a task's `{names[0]}` is never shown"
            yield Finding(template.where, template.first_line, "missing-section", message)
    if "feedback" not in shown:
        message = "`feedback` is never shown: a second attempt would not say what was wrong with the first"
        yield Finding(template.where, template.first_line, "no-feedback", message, "warning")


def _is_for_tasks(line: list[Part]) -> bool:
    return any(isinstance(part.written, PromptTemplate) and part.written.task_type == FOR_TASKS for part in line)


def _line_of_name(tree: nodes.Template, name: str) -> int:
    return min((node.lineno for node in tree.find_all(nodes.Name) if node.name == name), default=1)


def _line_of_reference(tree: nodes.Template, reference: str) -> int:
    """The line that names a template; the first one if one of its own parents does."""
    wanted = reference.partition("@")[0]
    kinds = (nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport)
    for node in tree.find_all(kinds):
        target = node.template
        if isinstance(target, nodes.Const) and str(target.value).partition("@")[0] == wanted:
            return node.lineno
    return 1
