"""The tests that prompt templates carry, as tests of a pytest run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agentic_prefect.prompting.errors import PromptError
from agentic_prefect.prompting.files import readable_registry
from agentic_prefect.prompting.front_matter import read_template
from agentic_prefect.prompting.registry import PromptRegistry
from agentic_prefect.prompting.sources import file_text
from agentic_prefect.prompting.template import PromptTemplate
from agentic_prefect.prompting.template_test import TemplateTest
from agentic_prefect.prompting.trial import try_case

FOLDER = "prompts"
"""Where a project keeps its templates: everything below the outermost folder of this name can be extended."""


class TemplateFile(pytest.File):
    """A template file; its tests are the items."""

    def collect(self) -> Iterator[pytest.Item]:
        """One item per test of the template."""
        try:
            template = read_template(file_text(self.path), origin=str(self.path))
        except PromptError as error:
            raise self.CollectError(str(error)) from error
        registry = readable_registry([_folder_of(self.path, self.config.rootpath)])
        for number, case in enumerate(template.tests, start=1):
            yield TemplateItem.from_parent(  # pyright: ignore[reportUnknownMemberType]
                self, name=case.name or f"test {number}", template=template, case=case, registry=registry
            )


class TemplateItem(pytest.Item):
    """One test of a template."""

    def __init__(
        self, *, template: PromptTemplate, case: TemplateTest, registry: PromptRegistry, **given: object
    ) -> None:
        super().__init__(**given)  # pyright: ignore[reportArgumentType, reportUnknownMemberType]
        self._template, self._case, self._registry = template, case, registry

    def runtest(self) -> None:
        """Render and compare; no model is asked."""
        trial = try_case(self._template, self._case, self._registry)
        if not trial.passed:
            raise NotAsExpected("\n".join(trial.problems))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        """What is not as expected, without a traceback that shows none of the template."""
        if isinstance(excinfo.value, NotAsExpected):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where the test stands."""
        return self.path, None, f"{self._template.reference}: {self.name}"


class NotAsExpected(AssertionError):
    """A prompt is not what its template's test says."""


def _folder_of(path: Path, root: Path) -> Path:
    """The outermost folder of templates around a file, within the run's root."""
    within = [folder for folder in path.parents if folder.is_relative_to(root)]
    named = [folder for folder in within if folder.name == FOLDER]
    return named[-1] if named else path.parent
