"""The rules: each takes the modules of a house and returns every place where it is broken."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Final

from tests.architecture import house
from tests.architecture.source import Import, Module


@dataclass(frozen=True)
class Violation:
    """One broken rule at one place."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


Rule = Callable[[tuple[Module, ...]], list[Violation]]


def direction(modules: tuple[Module, ...]) -> list[Violation]:
    """Imports between parts follow the table of the house."""
    return [
        Violation(
            _at(module, imported), f"{module.part or 'the package'!r} may not import {target.part or 'the package'!r}"
        )
        for module, imported, target in _edges(modules)
        if target.part != module.part and target.part not in house.MAY_IMPORT.get(module.part, frozenset())
    ]


def known_parts(modules: tuple[Module, ...]) -> list[Violation]:
    """Every part stands in the table of the house."""
    return [
        Violation(module.name, f"the part {module.part!r} has no row in tests/architecture/house.py")
        for module in modules
        if module.part not in house.MAY_IMPORT
    ]


def rings(modules: tuple[Module, ...]) -> list[Violation]:
    """No module imports itself by way of others; imports inside functions count."""
    graph: dict[str, set[str]] = {module.name: set() for module in modules}
    for module, _, target in _edges(modules):
        if target.name != module.name:
            graph[module.name].add(target.name)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        members = list(reversed(error.args[1]))
        return [Violation(members[0], f"a ring of imports: {' -> '.join(members)}")]
    return []


def places(modules: tuple[Module, ...]) -> list[Violation]:
    """Each outside package is imported in its own place only."""
    return [
        Violation(_at(module, imported), f"{package!r} may be imported only in {', '.join(sorted(allowed))}")
        for module in modules
        for imported in module.imports
        for package, allowed in house.PLACES.items()
        if _is_in(imported.target, package) and not any(_is_in(module.name, place) for place in allowed)
    ]


def implementations(modules: tuple[Module, ...]) -> list[Violation]:
    """Concrete implementations are named at the doors; below them, code knows the port."""
    return [
        Violation(
            _at(module, imported), f"{concrete!r} stands behind a port; import the port, and name it in bootstrap"
        )
        for module, imported, target in _edges(modules)
        for concrete in house.IMPLEMENTATIONS
        if _is_in(target.name, concrete) and module.part not in house.DOORS | {"", target.part}
    ]


def environment(modules: tuple[Module, ...]) -> list[Violation]:
    """The process's environment is read in one module."""
    names = {"environ", "environb", "getenv", "getenvb", "putenv"}
    found: list[Violation] = []
    for module in modules:
        if module.name == house.ENVIRONMENT_PLACE:
            continue
        for node in ast.walk(module.tree):
            match node:
                case ast.Attribute(value=ast.Name(id="os"), attr=attr) if attr in names:
                    pass
                case ast.ImportFrom(module="os", names=aliases) if names & {alias.name for alias in aliases}:
                    pass
                case _:
                    continue
            found.append(
                Violation(f"{module.path}:{node.lineno}", f"the environment is read only in {house.ENVIRONMENT_PLACE}")
            )
    return found


def pure_core(modules: tuple[Module, ...]) -> list[Violation]:
    """The core knows no clock, file, network, environment or chance."""
    core = [module for module in modules if module.part in house.CORE]
    imported = [
        Violation(
            _at(module, one), f"the core knows nothing of {subject}, but imports {one.target!r}; pass the value in"
        )
        for module in core
        for one in module.imports
        for subject, outside in house.IMPURE.items()
        if one.target.split(".")[0] in outside
        if not any(_is_in(one.target, name) for name in house.PURE_NAMES)
    ]
    called = [
        Violation(
            f"{module.path}:{node.lineno}", f"the core may not call {ast.unparse(node.func)}(); pass the value in"
        )
        for module in core
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and _is_impure(node.func)
    ]
    return imported + called


def deferred_imports(modules: tuple[Module, ...]) -> list[Violation]:
    """An import that is not at the top of its file says why."""
    return [
        Violation(_at(module, imported), f"the import of {imported.target!r} is not at the top; say why beside it")
        for module in modules
        for imported in module.imports
        if imported.is_deferred and not imported.has_reason
    ]


def broad_except(modules: tuple[Module, ...]) -> list[Violation]:
    """`except Exception` stands at the task boundary, in event dispatch, and where code of others is loaded."""
    return [
        Violation(f"{module.path}:{node.lineno}", "catch the error that is meant; a broad except has few places")
        for module in modules
        if not any(_is_in(module.name, place) for place in house.BROAD_EXCEPT_PLACES)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ExceptHandler) and _is_broad(node.type) and not _raises_again(node)
    ]


def file_length(modules: tuple[Module, ...]) -> list[Violation]:
    """A file is short enough to be read at one go."""
    return [
        Violation(str(module.path), f"{len(module.lines)} lines, at most {house.MAX_LINES}; split it by meaning")
        for module in modules
        if len(module.lines) > house.MAX_LINES
    ]


def file_names(modules: tuple[Module, ...]) -> list[Violation]:
    """A file is named after its one concept."""
    return [
        Violation(str(module.path), f"{word!r} says nothing about what is inside; name the concept")
        for module in modules
        for word in sorted(set(module.name.rsplit(".", 1)[-1].split("_")) & house.FORBIDDEN_NAMES)
    ]


RULES: Final[dict[str, Rule]] = {
    rule.__name__: rule
    for rule in (
        known_parts,
        direction,
        rings,
        places,
        implementations,
        environment,
        pure_core,
        deferred_imports,
        broad_except,
        file_length,
        file_names,
    )
}


def _edges(modules: tuple[Module, ...]) -> Iterator[tuple[Module, Import, Module]]:
    by_name = {module.name: module for module in modules}
    for module in modules:
        for imported in module.imports:
            # `from package import name` names a module of the package, or a name inside its `__init__`.
            target = by_name.get(imported.target) or by_name.get(imported.target.rpartition(".")[0])
            if target is not None:
                yield module, imported, target


def _at(module: Module, imported: Import) -> str:
    return f"{module.path}:{imported.line}"


def _is_in(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def _is_impure(function: ast.expr) -> bool:
    match function:
        case ast.Name(id=name):
            return name in house.IMPURE_CALLS | house.IMPURE_METHODS
        case ast.Attribute(attr=name):
            return name in house.IMPURE_METHODS
        case _:
            return False


def _raises_again(handler: ast.ExceptHandler) -> bool:
    match handler.body[-1]:
        case ast.Raise(exc=None):
            return True
        case _:
            return False


def _is_broad(caught: ast.expr | None) -> bool:
    match caught:
        case None:
            return True
        case ast.Name(id=name):
            return name in {"Exception", "BaseException"}
        case ast.Tuple(elts=elements):
            return any(_is_broad(element) for element in elements)
        case _:
            return False
