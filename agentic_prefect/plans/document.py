"""Text to plain data: safe YAML and JSON, bounded, without duplicate keys, with the line of every key."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import yaml

from agentic_prefect.plans.problems import PlanProblems, Problem

MAX_CHARS = 1_000_000
"""No plan's text is longer."""
MAX_DEPTH = 64
"""Levels of lists and mappings within each other."""
MAX_NODES = 200_000
"""Values in a document, with everything that an alias stands for counted each time."""

Format = Literal["auto", "yaml", "json"]
Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A document that was read."""

    value: Any
    lines: Mapping[Place, int] = field(default_factory=dict[Place, int])
    """Line, from 1, by the keys that lead to a value."""
    problems: tuple[Problem, ...] = ()
    """Duplicate keys and the like: found while reading on."""


def read_document(text: str, *, source: str, format: Format = "auto", quoting: bool = True) -> Document:
    """The data of a YAML or JSON text.

    YAML is read as YAML 1.2: `on`, `yes` and dates are text, and a number with a leading zero is, too. Tags other than
    `!!str` and merge keys are refused.

    Args:
        text: The text.
        source: Its name, for messages; a name that ends in `.json` is JSON when `format` is `auto`.
        format: What the text is; `auto` goes by the name, then by the first character.
        quoting: Whether messages may show the line that is at fault; otherwise they say where it is.

    Raises:
        PlanProblems: It is too long, too deep, or no such document.
    """
    if len(text) > MAX_CHARS:
        message = f"the text has {len(text):,} characters, the limit is {MAX_CHARS:,}"
        raise PlanProblems(source, (Problem("", message, "Split the plan into sub-plans (`kind: plan`)."),))
    text = text.removeprefix("\ufeff")
    if format == "json" or (format == "auto" and source.endswith(".json")):
        return _read_json(text, source, quoting)
    if format == "auto" and text.lstrip().startswith("{"):
        try:
            return _read_json(text, source, quoting)
        except PlanProblems:
            return _read_yaml(text, source, quoting)  # flow style is YAML, too, and its message has the better position
    return _read_yaml(text, source, quoting)


def syntax_problem(text: str | None, message: str, line: int, column: int) -> Problem:
    """A fault in the form of a text, with the line it is in and a mark under the place.

    Args:
        text: The whole text; `None` where nothing of it may be shown.
        message: What is wrong.
        line: From 1.
        column: From 1.
    """
    if text is None:
        return Problem("", f"column {column}: {message}", line=line)
    lines = text.splitlines()
    shown = lines[line - 1] if line <= len(lines) else ""
    start = max(0, column - 60)
    excerpt = f"\n    {shown[start : start + 100]}\n    {' ' * (column - 1 - start)}^"
    return Problem("", f"column {column}: {message}{excerpt}", line=line)


def dotted(place: Place) -> str:
    """The keys that lead to a value as one text, such as `tasks[0].input.query`."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in place).removeprefix(".")


def _read_json(text: str, source: str, quoting: bool) -> Document:
    problems: list[Problem] = []

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) < len(pairs):
            twice = [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]
            problems.extend(Problem("", f"the key {key!r} is there more than once", "Keep one.") for key in twice)
        return result

    try:
        value = json.loads(text, object_pairs_hook=unique, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        problem = syntax_problem(text if quoting else None, error.msg, error.lineno, error.colno)
        raise PlanProblems(source, (problem,)) from error
    except (RecursionError, ValueError) as error:
        message = _TOO_DEEP if isinstance(error, RecursionError) else str(error)
        raise PlanProblems(source, (Problem("", message),)) from error
    if _depth_of(value) > MAX_DEPTH:
        raise PlanProblems(source, (Problem("", _TOO_DEEP),))
    return Document(value, _lines_of_json(text, source), tuple(problems))


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")


def _lines_of_json(text: str, source: str) -> Mapping[Place, int]:
    """JSON is nearly YAML, so the YAML reader finds the lines; where it cannot, there are none."""
    try:
        return _read_yaml(text, source, quoting=False).lines
    except PlanProblems:
        return {}


def _depth_of(value: Any) -> int:
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (
                cast("dict[str, Any]", outer).values() if isinstance(outer, dict) else cast("list[Any]", outer)
            )
        ]
    return depth


def _read_yaml(text: str, source: str, quoting: bool) -> Document:
    builder, shown = _Builder(), text if quoting else None
    try:
        for event in cast("Iterator[yaml.Event]", yaml.parse(text, Loader=_LOADER)):  # pyright: ignore[reportUnknownMemberType]
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        if mark is None or mark.line >= len(text.splitlines()):
            mark = error.context_mark or mark  # what is never closed is seen where it begins, not where the text ends
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        message = ", ".join(part for part in (error.context, error.problem) if part)
        raise PlanProblems(source, (syntax_problem(shown, message, line, column),)) from error
    except (yaml.YAMLError, UnicodeError) as error:
        raise PlanProblems(source, (Problem("", " ".join(str(error).split())),)) from error
    except _Refused as refused:
        problem = syntax_problem(shown, refused.message, refused.line, refused.column)
        raise PlanProblems(source, (problem,)) from refused
    return Document(builder.root, builder.lines, tuple(builder.problems))


class _Refused(Exception):
    """The document has something that we do not read."""

    def __init__(self, message: str, event: yaml.Event) -> None:
        super().__init__(message)
        self.message = message
        self.line: int = event.start_mark.line + 1
        self.column: int = event.start_mark.column + 1


class _Open:
    """A list or mapping that is being read."""

    def __init__(self, value: dict[str, Any] | list[Any], anchor: str | None, place: Place) -> None:
        self.value, self.anchor, self.place = value, anchor, place
        self.nodes = 1
        self.key: str | None = None


class _Builder:
    """Makes data of YAML's events. Done by hand, since the library's own way recurses in C and keeps no lines."""

    def __init__(self) -> None:
        self.root: Any = None
        self.lines: dict[Place, int] = {}
        self.problems: list[Problem] = []
        self._stack: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        """Work on one event."""
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise _Refused("a plan is one document, but a second one starts here", event)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._open(event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                done = self._stack.pop()
                self._add(done.value, done.nodes, done.anchor, event)
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.AliasEvent(anchor=anchor):
                if anchor not in self._anchors:
                    raise _Refused("the alias stands before or within what it means", event)
                self._add(*self._anchors[anchor], None, event)
            case _:
                pass

    def _open(self, event: yaml.CollectionStartEvent) -> None:
        if event.tag is not None and event.tag not in _COLLECTION_TAGS:
            raise _Refused(_TAG, event)
        if len(self._stack) >= MAX_DEPTH:
            raise _Refused(_TOO_DEEP, event)
        if self._stack and isinstance(self._stack[-1].value, dict) and self._stack[-1].key is None:
            raise _Refused("a key must be text", event)
        place = self._place()
        self.lines.setdefault(place, event.start_mark.line + 1)
        self._stack.append(_Open({} if isinstance(event, yaml.MappingStartEvent) else [], event.anchor, place))

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        if event.tag not in (None, "!", _STR_TAG):
            raise _Refused(_TAG, event)
        parent = self._stack[-1] if self._stack else None
        if parent is not None and isinstance(parent.value, dict) and parent.key is None:
            self._key(parent, event)
            return
        value = _resolve(event.value) if event.tag is None and event.implicit[0] else event.value
        self._add(value, 1, event.anchor, event)

    def _key(self, parent: _Open, event: yaml.ScalarEvent) -> None:
        key, line = event.value, event.start_mark.line + 1
        if key == "<<":
            raise _Refused("merge keys (`<<`) are not supported; shared task fields go under `defaults`", event)
        if key in parent.value:
            first = self.lines.get((*parent.place, key))
            message = f"the key {key!r} is there twice, first in line {first}"
            self.problems.append(Problem(dotted(parent.place), message, "Keep one.", line=line))
        parent.key = key
        self.lines[*parent.place, key] = line

    def _place(self) -> Place:
        """The keys that lead to the value that comes next."""
        if not self._stack:
            return ()
        parent = self._stack[-1]
        return (*parent.place, len(parent.value) if isinstance(parent.value, list) else cast("str", parent.key))

    def _add(self, value: Any, nodes: int, anchor: str | None, event: yaml.Event) -> None:
        if anchor is not None:
            self._anchors[anchor] = (value, nodes)
        if not self._stack:
            self.root = value
            return
        parent = self._stack[-1]
        parent.nodes += nodes
        if parent.nodes > MAX_NODES:
            raise _Refused(f"there are more than {MAX_NODES:,} values; aliases count with all they stand for", event)
        if isinstance(parent.value, list):
            self.lines.setdefault((*parent.place, len(parent.value)), event.start_mark.line + 1)
            parent.value.append(value)
        elif parent.key is None:
            raise _Refused("a key must be text", event)
        else:
            parent.value[parent.key] = value
            parent.key = None


def _resolve(text: str) -> Any:
    """The value of a plain scalar, by the rules of YAML 1.2."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if FLOAT.fullmatch(text) and math.isfinite(float(text)) else text


_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STR_TAG = "tag:yaml.org,2002:str"
_COLLECTION_TAGS = ("!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
_TAG = "the tag is not allowed; a plan is plain data without tags"
_TOO_DEEP = f"lists and mappings are nested deeper than {MAX_DEPTH} levels"
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,3999})")
FLOAT = re.compile(r"[-+]?(\.[0-9]{1,99}|(0|[1-9][0-9]{0,99})(\.[0-9]{0,99})?)([eE][-+]?[0-9]{1,3})?\Z")
