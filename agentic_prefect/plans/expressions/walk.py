"""Walks the syntax tree of an expression and notes what it looks at and what is not allowed in it."""

from collections.abc import Sequence
from typing import Any, Final

from jinja2 import nodes

from agentic_prefect.plans.expressions.sandbox import NAMES
from agentic_prefect.plans.names import did_you_mean, listing

Path = tuple[str, ...]

MAX_DEPTH: Final = 60
"""No expression is nested deeper; Python's own parser gives up at a little more."""
MAX_LOOP_DEPTH: Final = 8
TOO_DEEP: Final = f"it is nested deeper than {MAX_DEPTH} levels"
GUARDS: Final = frozenset({"default", "d", "defined", "undefined"})
"""Filters and tests that may look at what is not there."""


class Walk:
    """One walk. `bound` are the names that the template itself gives a meaning to."""

    def __init__(self, filters: frozenset[str], tests: frozenset[str], names: Sequence[str] = NAMES) -> None:
        self._filters, self._tests, self._known_names = filters, tests, names
        self.problems: list[str] = []
        self.tasks: dict[str, set[Path]] = {}
        self.inputs: set[Path] = set()
        self.previous: set[Path] = set()
        self.items: set[Path] = set()
        self.index = False
        self.unknown: set[str] = set()

    def block(self, statements: Sequence[nodes.Node], bound: frozenset[str], loops: int = 0) -> frozenset[str]:
        """Walk statements in order; gives the names that are bound after them."""
        for statement in statements:
            bound = self._statement(statement, bound, loops)
        return bound

    def _statement(self, node: nodes.Node, bound: frozenset[str], loops: int) -> frozenset[str]:
        match node:
            case nodes.Output(nodes=parts):
                for part in parts:
                    self._expression(part, bound)
                return bound
            case nodes.Assign(target=target, node=value):
                self._expression(value, bound)
                return bound | self._targets(target)
            case nodes.If(test=test, body=body, elif_=others, else_=otherwise):
                self._expression(test, bound)
                return self.block([*body, *others, *otherwise], bound, loops)
            case nodes.For(target=target, iter=source, test=test, body=body, else_=otherwise, recursive=recursive):
                if recursive or loops >= MAX_LOOP_DEPTH:
                    self.problems.append(f"loops cannot be recursive or nested deeper than {MAX_LOOP_DEPTH} levels")
                    return bound
                self._expression(source, bound)
                inner = bound | self._targets(target)
                if test is not None:
                    self._expression(test, inner)
                self.block(body, inner | {"loop"}, loops + 1)
                self.block(otherwise, bound, loops)
                return bound
            case _:
                word = type(node).__name__.lower()
                self.problems.append(f"`{{% {word} %}}` is not allowed; allowed are for, if and set")
                return bound

    def _targets(self, target: nodes.Node) -> frozenset[str]:
        """The names that an assignment binds."""
        if isinstance(target, nodes.Name):
            names = {target.name}
        elif isinstance(target, nodes.Tuple):
            names = {name.name for name in target.items if isinstance(name, nodes.Name)}
        else:
            self.problems.append("only plain names can be set")
            return frozenset()
        for name in sorted(names & set(self._known_names)):
            self.problems.append(f"{name!r} has a meaning of its own and cannot be set")
        return frozenset(names)

    def _expression(self, node: nodes.Node, bound: frozenset[str], depth: int = 0, guarded: bool = False) -> None:
        if depth > MAX_DEPTH:
            self.problems.append(TOO_DEEP)
            return
        match node:
            case nodes.Name() | nodes.Getattr() | nodes.Getitem():
                self._chain(node, bound, depth, guarded)
                return
            case nodes.Call():
                self.problems.append(
                    f"nothing can be called; there are filters: {listing(self._shown_filters(), most=60)}"
                )
                return
            case nodes.Filter(name=name) if name not in self._filters:
                self.problems.append(_unknown("filter", name, self._shown_filters()))
            case nodes.Test(name=name) if name not in self._tests:
                self.problems.append(_unknown("test", name, sorted(self._tests)))
            case _:
                pass
        if isinstance(node, nodes.Filter | nodes.Test) and node.name in GUARDS and node.node is not None:
            self._expression(node.node, bound, depth + 1, guarded=True)
            children = [child for child in node.iter_child_nodes() if child is not node.node]
        else:
            children = node.iter_child_nodes()
        for child in children:
            self._expression(child, bound, depth + 1)

    def _chain(self, node: nodes.Node, bound: frozenset[str], depth: int, guarded: bool) -> None:
        """A name with what follows it: `tasks.a.output[0].b`."""
        base, keys, is_whole = _unwind(node)
        for inner in _subscripts(node):
            self._expression(inner, bound, depth + 1)
        if isinstance(base, nodes.Name) and base.name not in bound:
            self.note((base.name, *keys), guarded=guarded and is_whole)
            return
        self._refuse_dunder(keys)
        if not isinstance(base, nodes.Name):
            self._expression(base, bound, depth + len(keys) + 1)

    def note(self, keys: tuple[Any, ...], *, guarded: bool = False) -> None:
        """Note that a path, its root first, is looked at.

        Args:
            keys: The parts of the path.
            guarded: Whether its last part may be missing.
        """
        self._refuse_dunder(keys)
        self._note(keys[0], tuple(str(key) for key in keys[1:]), guarded)

    def _refuse_dunder(self, keys: Sequence[Any]) -> None:
        for key in keys:
            if isinstance(key, str) and key.startswith("__"):
                self.problems.append(f"{key!r} cannot be read: names that begin with two underscores are off limits")

    def _note(self, name: str, path: Path, guarded: bool) -> None:
        match name:
            case "tasks" if not path:
                self.problems.append("`tasks` needs the id of a task after it (`tasks.some_id.output`)")
            case "tasks":
                after = path[1:]
                self.tasks.setdefault(path[0], set()).add(after[:-1] if guarded and len(after) > 1 else after)
            case "inputs":
                self.inputs.add(path[:-1] if guarded and len(path) > 1 else path)
            case "previous":
                self.previous.add(path[:-1] if guarded and len(path) > 1 else path)
            case "item":
                self.items.add(path[:-1] if guarded and path else path)
            case "index":
                self.index = True
            case _:
                self.unknown.add(name)
                self.problems.append(_unknown("name", name, self._known_names))

    def _shown_filters(self) -> list[str]:
        return sorted(name for name in self._filters if not name.startswith(" "))


def constant_chain(node: nodes.Node) -> tuple[Any, ...] | None:
    """The keys of a plain path, its root first; `None` for anything that needs more than looking up."""
    base, keys, is_whole = _unwind(node)
    return (base.name, *keys) if isinstance(base, nodes.Name) and is_whole else None


def _unwind(node: nodes.Node) -> tuple[nodes.Node, list[Any], bool]:
    """What a chain starts from, the constant keys that follow it, and whether those are all."""
    links: list[nodes.Node] = []
    while isinstance(node, nodes.Getattr | nodes.Getitem):
        links.append(node)
        node = node.node
    keys: list[Any] = []
    for link in reversed(links):
        key = link.attr if isinstance(link, nodes.Getattr) else _constant(link)  # pyright: ignore[reportArgumentType]
        if key is None:
            return node, keys, False
        keys.append(key)
    return node, keys, True


def _constant(link: nodes.Getitem) -> Any:
    """The key in brackets if it is written out, else `None`."""
    match link.arg:
        case nodes.Const(value=value):
            return value
        case nodes.Neg(node=nodes.Const(value=int(value))):
            return -value
        case _:
            return None


def _subscripts(node: nodes.Node) -> list[nodes.Node]:
    """The expressions in brackets along a chain."""
    found: list[nodes.Node] = []
    while isinstance(node, nodes.Getattr | nodes.Getitem):
        if isinstance(node, nodes.Getitem) and not isinstance(node.arg, nodes.Const):
            found.append(node.arg)
        node = node.node
    return found


def _unknown(what: str, name: str, known: Sequence[str]) -> str:
    return f"there is no {what} {name!r}; there is: {listing(known, most=60)}. {did_you_mean(name, known)}".strip()
