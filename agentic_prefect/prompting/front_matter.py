"""Reads and writes a template's file: YAML between two lines of `---`, then the Jinja text."""

import re
from collections.abc import Mapping
from typing import Any, Final, cast

import yaml
from pydantic import ValidationError

from agentic_prefect.plans.document import Document, read_document
from agentic_prefect.plans.names import did_you_mean, listing
from agentic_prefect.plans.problems import PlanProblems
from agentic_prefect.prompting.errors import FaultyTemplate
from agentic_prefect.prompting.template import PromptTemplate

_FRONT: Final = re.compile(r"\A\ufeff?---[ \t]*\n(.*?)^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_SHORT_VERSION: Final = re.compile(r"^version:[ \t]*([0-9]+\.[0-9]+)[ \t]*(?:#.*)?$", re.MULTILINE)
NO_FRONT_MATTER: Final = (
    "a prompt file begins with front matter: a line `---`, then at least `id: some.name` and `version: 1.0.0`, "
    "and another line `---`."
)
_FIELDS: Final = tuple(name for name in PromptTemplate.model_fields if name not in ("source", "origin", "first_line"))


def read_template(text: str, *, origin: str) -> PromptTemplate:
    """The template that a file holds.

    Args:
        text: The file's text.
        origin: Its name, for messages and for the template's `origin`.

    Raises:
        FaultyTemplate: It has no front matter, or what stands there is wrong; all problems at once, with their lines.
    """
    text = text.replace("\r\n", "\n")
    front = _FRONT.match(text)
    if front is None:
        raise FaultyTemplate(origin, ((1, NO_FRONT_MATTER),))
    document = _document(front[1], origin)
    fields, problems = _known_fields(document)
    if isinstance(fields.get("version"), float) and (written := _SHORT_VERSION.search(front[1])):
        fields["version"] = written[1]  # 1.10 is a number to YAML, and the same one as 1.1
    first_line = text.count("\n", 0, front.end()) + 1
    try:
        template = PromptTemplate.model_validate(
            {**fields, "source": text[front.end() :], "origin": origin, "first_line": first_line}
        )
    except ValidationError as error:
        template = None
        for each in error.errors():
            path = ".".join(str(part) for part in each["loc"])
            line = first_line if path == "source" else _line_of(each["loc"], document.lines)
            problems.append((line, f"{path}: {each['msg'].removeprefix('Value error, ')}"))
    if problems or template is None:
        raise FaultyTemplate(origin, tuple(sorted(problems)))
    return template


def field_lines(text: str, *, origin: str) -> Mapping[tuple[str | int, ...], int]:
    """The lines of what front matter says, by the keys that lead to it; arguments as for `read_template`."""
    front = _FRONT.match(text.replace("\r\n", "\n"))
    return _document(front[1], origin).lines if front else {}


def written_template(template: PromptTemplate) -> str:
    """The text of a file that holds a template; `read_template` gives the same template back."""
    # What is set counts, also where it is the default: a variable with `default: null` need not be given.
    fields = template.model_dump(mode="json", exclude_unset=True, exclude={"source", "origin", "first_line"})
    ordered = {"id": template.id, "version": template.version, **fields}
    if template.name == template.id:
        ordered.pop("name", None)
    front = yaml.safe_dump(ordered, sort_keys=False, allow_unicode=True, width=118)
    return f"---\n{front}---\n{template.source}"


def _document(front: str, origin: str) -> Document:
    try:
        # The empty line stands for the first `---`, so that lines are counted as in the file.
        document = read_document(f"\n{front}", source=origin, format="yaml")
    except PlanProblems as error:
        raise FaultyTemplate(origin, tuple((each.line or 1, each.message) for each in error.problems)) from error
    if document.value is not None and not isinstance(document.value, dict):
        raise FaultyTemplate(origin, ((2, "front matter is a mapping, such as `id: some.name`."),))
    return document


def _known_fields(document: Document) -> tuple[dict[str, Any], list[tuple[int, str]]]:
    """The fields that a template has, and what is wrong with the rest: line and message."""
    fields = cast("dict[str, Any]", document.value or {})
    problems = [(each.line or 1, f"{each.path}: {each.message}".removeprefix(": ")) for each in document.problems]
    for name in fields.keys() - set(_FIELDS):
        hint = did_you_mean(name, _FIELDS) or f"There are: {listing(_FIELDS)}."
        problems.append((document.lines.get((name,), 1), f"{name}: there is no such field. {hint}"))
    return {name: value for name, value in fields.items() if name in _FIELDS}, problems


def _line_of(place: tuple[str | int, ...], lines: Mapping[tuple[str | int, ...], int]) -> int:
    """The line of a value, or of the nearest thing around it that is there."""
    while place and place not in lines:
        place = place[:-1]
    return lines[place] if place else 1
