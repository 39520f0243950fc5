"""The templates of folders in which some files may be broken."""

from collections.abc import Iterable
from pathlib import Path

from agentic_prefect.prompting.errors import PromptError
from agentic_prefect.prompting.front_matter import read_template
from agentic_prefect.prompting.registry import PromptRegistry
from agentic_prefect.prompting.sources import file_text, shipped_folder, template_files


def readable_registry(folders: Iterable[Path]) -> PromptRegistry:
    """The shipped templates, and those in the folders that can be read; a later folder hides an earlier one."""
    registry = PromptRegistry()
    for precedence, folder in enumerate([shipped_folder(), *folders]):
        for path in template_files(folder):
            try:
                registry.register(read_template(file_text(path), origin=str(path)), precedence=precedence)
            except PromptError:
                continue  # whoever looks at this file itself is told
    return registry
