"""The prompt templates that there are here."""

from pathlib import Path

from agentic_prefect.prompting.registry import PromptRegistry, default_registry
from agentic_prefect.settings import AgenticSettings


def prompt_folders(base_dir: Path | None = None) -> tuple[Path, ...]:
    """Folders with templates besides the shipped one; a later folder hides an earlier one.

    Args:
        base_dir: The folder of a plan, or of a project: its `prompts` counts if it is there.
    """
    beside = () if base_dir is None else (base_dir / "prompts",)
    return (*(folder for folder in beside if folder.is_dir()), *AgenticSettings().prompts)


def open_prompts(base_dir: Path | None = None) -> PromptRegistry:
    """The templates: those shipped, those beside the plan, those of the settings.

    Args:
        base_dir: As for `prompt_folders`.

    Raises:
        PromptError: A folder of the settings is not there, or a file in one cannot be read.
    """
    return default_registry(prompt_folders(base_dir))
