"""Reads a template's file: YAML between two lines of `---`, then the Jinja text."""

import re
from typing import Any, Final, cast

from pydantic import ValidationError

from agentic_prefect.plans.document import read_document
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
    try:
        # The empty line stands for the first `---`, so that lines are counted as in the file.
        document = read_document("\n" + front[1], source=origin, format="yaml")
    except PlanProblems as error:
        raise PromptError(str(error)) from error
    problems = [f"line {problem.line}: {problem.path}: {problem.message}" for problem in document.problems]
    lines = {str(place[0]): line for place, line in document.lines.items() if len(place) == 1}
    value: Any = document.value
    if value is not None and not isinstance(value, dict):
        raise PromptError(f"{origin}, line 2: front matter is a mapping, such as `id: some.name`.")
    fields = cast("dict[str, Any]", value or {})
    for name in fields.keys() - set(_FIELDS):
        hint = did_you_mean(name, _FIELDS)
        problems.append(f"line {lines.get(name, 1)}: {name}: there is no such field. {hint or listing(_FIELDS)}")
    known = {name: value for name, value in fields.items() if name in _FIELDS}
    if isinstance(known.get("version"), float) and (written := _SHORT_VERSION.search(front[1])):
        known["version"] = written[1]  # 1.10 is a number to YAML, and the same one as 1.1
    first_line = text.count("\n", 0, front.end()) + 1
    try:
        template = PromptTemplate.model_validate(
            {**known, "source": text[front.end() :], "origin": origin, "first_line": first_line}
        )
    except ValidationError as error:
        for each in error.errors():
            path = ".".join(str(part) for part in each["loc"])
            line = lines.get(str(each["loc"][0]) if each["loc"] else "", first_line if path == "source" else 1)
            problems.append(f"line {line}: {path}: {each['msg'].removeprefix('Value error, ')}")
        template = None
    if problems or template is None:
        raise PromptError(f"{origin} is no prompt template: " + "; ".join(problems))
    return template
