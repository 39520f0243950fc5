"""What of a line of templates ends up in a prompt: overridden blocks do not."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jinja2 import nodes

from agentic_prefect.prompting.parts import Part


@dataclass(frozen=True, slots=True)
class Reach:
    """The nodes that are rendered, the block `super()` leads to included."""

    blocks: dict[str, list[nodes.Block]]
    """Each block, with those that it overrides behind it."""
    seen: tuple[nodes.Node, ...]
    """Every node that is rendered."""
    reached: frozenset[str]
    """The names of the blocks that are rendered."""

    @property
    def names(self) -> frozenset[str]:
        """The variables that are looked at."""
        return frozenset(node.name for node in self.seen if isinstance(node, nodes.Name) and node.ctx == "load")

    @property
    def text(self) -> str:
        """What is written whatever the data are."""
        return "".join(node.data for node in self.seen if isinstance(node, nodes.TemplateData))


def reach_of(line: Sequence[Part], roles: Sequence[str]) -> Reach:
    """What of a template and its parents is rendered.

    Args:
        line: The template, the one that it extends, and so on.
        roles: The blocks that are messages; without any the whole text is one.
    """
    blocks: dict[str, list[nodes.Block]] = {}
    for part in line:
        for block in part.tree.find_all(nodes.Block):
            blocks.setdefault(block.name, []).append(block)
    seen: list[nodes.Node] = []
    reached: set[str] = set()

    def walk(node: nodes.Node, name: str, depth: int) -> None:
        for child in node.iter_child_nodes():
            seen.append(child)
            if isinstance(child, nodes.Block):
                enter(child.name, 0)
            elif _is_super(child) and depth + 1 < len(blocks.get(name, ())):
                enter(name, depth + 1)
            else:
                walk(child, name, depth)

    def enter(name: str, depth: int) -> None:
        if depth == 0 and name in reached:
            return
        reached.add(name)
        walk(blocks[name][depth], name, depth)

    for role in roles:
        enter(role, 0)
    if not roles:
        walk(line[-1].tree, "", 0)
    return Reach(blocks, tuple(seen), frozenset(reached))


def blocks_within(tree: nodes.Template) -> Iterator[nodes.Block]:
    """The blocks that a template itself writes, from top to bottom."""
    return iter(sorted(tree.find_all(nodes.Block), key=lambda block: block.lineno))


def _is_super(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name == "super"
