"""Runs the tests that templates carry."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches, unified_diff
from pathlib import Path
from typing import Final

from agentic_prefect.prompting.builder import PromptBuilder
from agentic_prefect.prompting.errors import PromptError
from agentic_prefect.prompting.registry import PromptRegistry
from agentic_prefect.prompting.template import PromptTemplate
from agentic_prefect.prompting.template_test import TemplateTest

_NEAR_ENOUGH: Final = 0.4
"""How alike a line of the prompt is to a missing text for it to be shown beside it."""


@dataclass(frozen=True, slots=True)
class Trial:
    """How one test of a template went."""

    template: str
    """`id@version`."""
    name: str
    """The test's name, or `test 2`."""
    problems: tuple[str, ...] = ()
    """What is not as it should be, each with a diff where there is one."""
    updated: str = ""
    """The snapshot that was written."""

    @property
    def passed(self) -> bool:
        """Whether everything is as expected."""
        return not self.problems


def try_template(template: PromptTemplate, registry: PromptRegistry, *, update: bool = False) -> tuple[Trial, ...]:
    """How all tests of a template go; no model is asked.

    Args:
        template: The template.
        registry: Where the templates are that it extends and includes.
        update: Write snapshots anew instead of comparing with them.
    """
    return tuple(
        try_case(template, case, registry, number=number, update=update)
        for number, case in enumerate(template.tests, start=1)
    )


def try_case(
    template: PromptTemplate, case: TemplateTest, registry: PromptRegistry, *, number: int = 1, update: bool = False
) -> Trial:
    """How one test goes; arguments as for `try_template`.

    Args:
        number: Of the test, from 1; its name if it has none.
    """
    name = case.name or f"test {number}"
    try:
        text = _rendered(template, case, registry)
    except PromptError as error:
        message = str(error)
        if case.error and case.error in message:
            return Trial(template.reference, name)
        expected = f"expected an error with {case.error!r}, got: " if case.error else ""
        return Trial(template.reference, name, (f"{expected}{message}",))
    if case.error:
        return Trial(template.reference, name, (f"expected an error with {case.error!r}, and the prompt was made",))
    written = _write(template, case, text) if update and case.snapshot else ""
    return Trial(template.reference, name, tuple(_problems(template, case, text)), written)


def _rendered(template: PromptTemplate, case: TemplateTest, registry: PromptRegistry) -> str:
    if case.task is None:
        messages = registry.program(template).render(case.data)
        return "\n\n".join(message.content for message in messages)
    work = case.task.work(template.reference)
    prompt = PromptBuilder(registry).build_from(
        template, work, capabilities=case.task.capabilities, domain=case.task.domain
    )
    return prompt.record.text


def _problems(template: PromptTemplate, case: TemplateTest, text: str) -> Iterator[str]:
    for fragment in case.expect:
        if fragment not in text:
            yield f"this is not in the prompt:\n{_near(fragment, text)}"
    for fragment in case.absent:
        if fragment in text:
            line = text[: text.index(fragment)].count("\n") + 1
            yield f"this is in the prompt, in line {line}, and should not be:\n  {fragment}"
    if case.text is not None and case.text.strip() != text.strip():
        yield f"the prompt is another one:\n{_diff(case.text, text)}"
    if case.snapshot:
        path = _snapshot(template, case)
        if path is None:
            yield f"{template.reference} was read from no file, so that it has no snapshot {case.snapshot!r}"
        elif not path.is_file():
            yield f"there is no snapshot {str(path)!r} yet. Write it with `agentic-prefect prompts test --update`"
        elif (expected := path.read_text("utf-8")).strip() != text.strip():
            yield f"the prompt differs from {str(path)!r}:\n{_diff(expected, text)}"


def _near(fragment: str, text: str) -> str:
    """The text that is missing, and beside it what comes closest, as a diff."""
    length = fragment.count("\n") + 1
    lines = text.split("\n")
    windows = ["\n".join(lines[start : start + length]) for start in range(max(1, len(lines) - length + 1))]
    near = get_close_matches(fragment, windows, n=1, cutoff=_NEAR_ENOUGH)
    if near:
        return _diff(fragment, near[0])
    return "\n".join(f"  {line}" for line in fragment.split("\n"))


def _diff(expected: str, found: str) -> str:
    lines = unified_diff(expected.strip().split("\n"), found.strip().split("\n"), "expected", "found", lineterm="", n=2)
    return "\n".join(f"  {line}" for line in lines)


def _snapshot(template: PromptTemplate, case: TemplateTest) -> Path | None:
    return Path(template.origin).parent / case.snapshot if template.origin else None


def _write(template: PromptTemplate, case: TemplateTest, text: str) -> str:
    path = _snapshot(template, case)
    if path is None:
        return ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.strip() + "\n", "utf-8")
    except OSError as error:
        raise PromptError(f"The snapshot {str(path)!r} cannot be written: {error.strerror or error}.") from error
    return str(path)
