"""Which template files a command is about."""

from collections.abc import Sequence
from pathlib import Path

from agentic_prefect.bootstrap.prompts import prompt_folders
from agentic_prefect.cli.usage import UsageError
from agentic_prefect.prompting.files import readable_registry
from agentic_prefect.prompting.registry import PromptRegistry
from agentic_prefect.prompting.sources import shipped_folder, template_files


def chosen_files(references: Sequence[str]) -> tuple[tuple[Path, ...], PromptRegistry]:
    """The files that are meant, and a registry of all templates here that can be read.

    Args:
        references: Files, folders, or ids of templates. Without any: those of the project, else the shipped ones.

    Raises:
        UsageError: There are no files in a folder.
        UnknownTemplate: There is no such template.
    """
    own = prompt_folders(Path())
    registry = readable_registry([*own, *(Path(each) for each in references if Path(each).is_dir())])
    found: dict[Path, None] = {}
    for reference in references or [str(folder) for folder in own or (shipped_folder(),)]:
        found.update(dict.fromkeys(_files(reference, registry)))
    return tuple(found), registry


def _files(reference: str, registry: PromptRegistry) -> tuple[Path, ...]:
    path = Path(reference)
    if path.is_file():
        return (path,)
    if path.is_dir():
        files = template_files(path)
        if not files:
            raise UsageError(f"There are no template files (*.j2) in {reference!r}. `prompts new ID` writes one.")
        return files
    return (Path(registry.get(reference).origin),)
