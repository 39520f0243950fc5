"""Template files, one by one, so that a broken one does not hide the others."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from agentic_prefect.prompting.errors import PromptError
from agentic_prefect.prompting.front_matter import read_template
from agentic_prefect.prompting.registry import PromptRegistry, shipped_folder

PATTERN: Final = "*.j2"
MAX_BYTES: Final = 1_000_000


def template_files(folder: Path) -> tuple[Path, ...]:
    """The template files in a folder and in the folders within it, sorted by path."""
    return tuple(sorted(path for path in folder.rglob(PATTERN) if path.is_file()))


def file_text(path: Path) -> str:
    """The text of a template file.

    Raises:
        PromptError: It cannot be read, or is larger than any prompt.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise PromptError(f"{path}: the file is larger than {MAX_BYTES:,} bytes, and no prompt is.")
        return content.decode("utf-8-sig")
    except OSError as error:
        raise PromptError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}.") from error
    except UnicodeDecodeError as error:
        raise PromptError(f"{path} cannot be read: byte {error.start} is not UTF-8. Save the file as UTF-8.") from error


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
