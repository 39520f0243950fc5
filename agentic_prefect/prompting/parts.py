"""The templates that one is made from: itself, those it extends, those it includes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, cast

from jinja2 import BaseLoader, Environment, TemplateSyntaxError, meta, nodes

from agentic_prefect.prompting.errors import FaultyTemplate, PromptError
from agentic_prefect.prompting.examples import Example, FewShot
from agentic_prefect.prompting.sandbox import PromptSandbox
from agentic_prefect.prompting.variables import Variable

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

    @property
    def where(self) -> str:
        """Its file, or its name, for messages."""
        ...

    @property
    def first_line(self) -> int:
        """The line of the file with which its text begins."""
        ...


Find = Callable[[str], Written]
"""Finds a template that another one extends or includes."""


class LoaderOf(BaseLoader):
    """Gives Jinja the templates that others include.

    Args:
        find: Finds them.
    """

    def __init__(self, find: Find) -> None:
        self._find = find

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, None]:
        """The text of a template, which has no file that Jinja should look at."""
        return self._find(template).source, None, None


@dataclass(frozen=True, slots=True)
class Part:
    """One template of a line of parents."""

    written: Written
    tree: nodes.Template
    extends: str | None


def faulty(written: Written, line: int, message: str) -> FaultyTemplate:
    """The error about a line of a template's text."""
    return FaultyTemplate(written.where, ((line + written.first_line - 1, message),))


def line_of_parents(written: Written, sandbox: PromptSandbox, find: Find) -> list[Part]:
    """The template, the one that it extends, and so on."""
    line: list[Part] = []
    while True:
        seen = [part.written.reference for part in line]
        if written.reference in seen:
            circle = " -> ".join([*seen[seen.index(written.reference) :], written.reference])
            raise PromptError(f"The prompt template {seen[0]!r} extends itself: {circle}. Extend an exact version.")
        tree = parsed(written, sandbox)
        extends = [node for node in tree.body if isinstance(node, nodes.Extends)]
        target = cast("str", cast("nodes.Const", extends[0].template).value) if extends else None
        line.append(Part(written, tree, target))
        if target is None:
            return line
        written = find(target)


def parsed(written: Written, sandbox: PromptSandbox) -> nodes.Template:
    """The template as a tree.

    Raises:
        FaultyTemplate: It cannot be read, or something in it is not allowed.
    """
    try:
        tree = sandbox.parse(written.source)
        sandbox.check(tree)
    except TemplateSyntaxError as error:
        raise faulty(written, error.lineno, error.message or "") from error
    except RecursionError as error:
        raise faulty(written, 1, "it is nested too deeply") from error
    return tree


def included_parts(line: Sequence[Part], sandbox: PromptSandbox, find: Find) -> list[Part]:
    """The templates that are included or imported, in the order in which they are met."""
    found: dict[str, Part] = {}
    waiting = list(line)
    while waiting:
        for name in _referred(waiting.pop(0).tree, (nodes.Include, nodes.Import, nodes.FromImport)):
            written = find(name)
            if written.reference not in found:
                found[written.reference] = Part(written, parsed(written, sandbox), None)
                waiting.append(found[written.reference])
    return list(found.values())


def used_names(tree: nodes.Template) -> set[str]:
    """Names that a template uses without giving them a meaning, and without looking whether they are there."""
    guarded = {
        node.node.name
        for node in tree.find_all((nodes.Filter, nodes.Test))
        if node.name in _GUARDS and isinstance(node.node, nodes.Name)  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue]
    }
    return meta.find_undeclared_variables(tree) - guarded


def _referred(tree: nodes.Template, kinds: tuple[type[nodes.Node], ...]) -> Iterator[str]:
    for node in tree.find_all(kinds):
        yield cast("str", cast("Any", node).template.value)
