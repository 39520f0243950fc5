"""Reads a tree of Python files into `Module` values: what each imports, where and how."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOTS = ("agentic_prefect", "flows", "deployments")


@dataclass(frozen=True)
class Import:
    """One imported name, wherever in the file it stands."""

    target: str
    """Dotted, as written: `a.b` for `import a.b`, `a.b.c` for `from a.b import c`."""

    line: int
    is_deferred: bool
    """Not at the top of the file: in a function, a class or a branch. A `TYPE_CHECKING` block is at the top."""

    has_reason: bool
    """A comment stands on its line, or above the run of deferred imports that it belongs to."""


@dataclass(frozen=True)
class Module:
    """One file of the house."""

    name: str
    """Dotted; a package's `__init__` has the package's name."""

    path: Path
    tree: ast.Module
    lines: tuple[str, ...]
    imports: tuple[Import, ...]

    @property
    def part(self) -> str:
        """Its row in the table of the house; the package `agentic_prefect` itself is the empty name."""
        first, _, rest = self.name.partition(".")
        return first if first != "agentic_prefect" else rest.partition(".")[0]


def read_house(root: Path) -> tuple[Module, ...]:
    """Every Python file under the house's top folders, in order of name."""
    paths = sorted(path for top in ROOTS for path in (root / top).rglob("*.py"))
    return tuple(_read(path, root) for path in paths if "__pycache__" not in path.parts)


def _read(path: Path, root: Path) -> Module:
    text = path.read_text()
    tree = ast.parse(text, filename=str(path))
    parts = path.relative_to(root).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    lines = tuple(text.splitlines())
    return Module(name, path, tree, lines, tuple(_imports(tree, lines)))


def _imports(tree: ast.Module, lines: tuple[str, ...]) -> Iterator[Import]:
    at_top = {id(node) for node in _top_statements(tree)}
    for node in ast.walk(tree):
        for target in _targets(node):
            assert isinstance(node, ast.stmt | ast.expr)
            yield Import(target, node.lineno, id(node) not in at_top, _has_reason(node.lineno, lines))


def _top_statements(tree: ast.Module) -> Iterator[ast.stmt]:
    for statement in tree.body:
        yield statement
        if isinstance(statement, ast.If) and ast.unparse(statement.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            yield from statement.body


def _targets(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=module, names=names, level=level):
            return [f"{'.' * level}{module or ''}.{alias.name}" for alias in names]
        case ast.Call(func=ast.Name(id="__import__" | "import_module"), args=[ast.Constant(value=str(name)), *_]):
            return [name]
        case ast.Call(func=ast.Attribute(attr="import_module"), args=[ast.Constant(value=str(name)), *_]):
            return [name]
        case _:
            return []


def _has_reason(line: int, lines: tuple[str, ...]) -> bool:
    if _is_reason(lines[line - 1]):
        return True
    for above in reversed(lines[: line - 1]):
        if _is_reason(above) and above.lstrip().startswith(("#", "import ", "from ")):
            return True
        if not above.lstrip().startswith(("import ", "from ")):
            return False
    return False


def _is_reason(text: str) -> bool:
    _, mark, comment = text.partition("#")
    return bool(mark) and not comment.strip().startswith(("noqa", "type:", "pyright:")) and bool(comment.strip())
