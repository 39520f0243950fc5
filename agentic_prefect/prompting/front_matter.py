"""Reads a template's file: YAML between two lines of `---`, then the Jinja text."""

import re
from collections.abc import Mapping
from typing import Any, Final, cast

from pydantic import ValidationError

from agentic_prefect.plans.document import Document, read_document
from agentic_prefect.plans.names import did_you_mean, listing
from agentic_prefect.plans.problems import PlanProblems
from agentic_prefect.prompting.errors import PromptError
from agentic_prefect.prompting.template import PromptTemplate

_FRONT: Final = re.compile(r"\A\ufeff?---[ \t]*\n(.*?)^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_SHORT_VERSION: Final = re.compile(r"^version:[ \t]*([0-9]+\.[0-9]+)[ \t]*(?:#.*)?$", re.MULTILINE)
_FIELDS: Final = tuple(name for name in PromptTemplate.model_fields if name not in ("source", "origin", "first_line"))


def read_template(text: str, *, origin: str) -> PromptTemplate:
    """The template that a file holds.

    Args:
        text: The file's text.
        origin: Its name, for messages and for the template's `origin`.

    Raises:
        PromptError: It has no front matter, or what stands there is wrong; all problems at once, with their lines.
    """
    text = text.replace("\r\n", "\n")
    front = _FRONT.match(text)
    if front is None:
        raise PromptError(
            f"{origin}, line 1: a prompt file begins with front matter: a line `---`, then at least `id: some.name` "
            f"and `version: 1.0.0`, and another line `---`."
        )
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
        told = "; ".join(f"line {line}: {message}" for line, message in sorted(problems))
        raise PromptError(f"{origin} is no prompt template: {told}")
    return template


def _document(front: str, origin: str) -> Document:
    try:
        # The empty line stands for the first `---`, so that lines are counted as in the file.
        document = read_document(f"\n{front}", source=origin, format="yaml")
    except PlanProblems as error:
        raise PromptError(str(error)) from error
    if document.value is not None and not isinstance(document.value, dict):
        raise PromptError(f"{origin}, line 2: front matter is a mapping, such as `id: some.name`.")
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
