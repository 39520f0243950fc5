"""The prompt templates that there are here."""

from collections import OrderedDict
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Final

from agentic_prefect.prompting.registry import FROM_CODE, PromptRegistry, default_registry
from agentic_prefect.prompting.release_log import FILE, ReleaseFile, ReleaseLog
from agentic_prefect.prompting.sources import CodeSource
from agentic_prefect.prompting.template import PromptTemplate
from agentic_prefect.settings import AgenticSettings

FROM_PREFECT: Final = 500
"""Precedence of the templates in Prefect's blocks and variables: after a project's folders, before code."""
MOST_KEPT: Final = 16
"""How many registries a process keeps: one for each folder that it runs plans from."""

_code: Final = CodeSource()
_kept: OrderedDict[tuple[object, ...], PromptRegistry] = OrderedDict()
_lock: Final = Lock()


def register_prompt(template: PromptTemplate) -> None:
    """Add a template to those of every run in this process, before those of all folders.

    Raises:
        PromptError: Another one of this id and version is registered; a changed prompt is a new version.
    """
    _code.add(template, at=datetime.now(UTC))


def prompt_folders(base_dir: Path | None = None) -> tuple[Path, ...]:
    """Folders with templates besides the shipped one; a later folder hides an earlier one.

    Args:
        base_dir: The folder of a plan, or of a project: its `prompts` counts if it is there.
    """
    beside = () if base_dir is None else (base_dir / "prompts",)
    return (*(folder for folder in beside if folder.is_dir()), *AgenticSettings().prompts)


def release_log(base_dir: Path | None = None) -> ReleaseLog | None:
    """Where it is kept which versions are in use: in Prefect where templates are read from there, else in the nearest
    folder with templates; `None` when there is none.

    Args:
        base_dir: As for `prompt_folders`.
    """
    if AgenticSettings().prompts_in_prefect:
        # Prefect's blocks take a while to load, and few use them.
        from agentic_prefect.blocks.prompt_releases import PrefectReleases

        return PrefectReleases()
    folders = prompt_folders(base_dir)
    return ReleaseFile(folders[-1] / FILE) if folders else None


def open_prompts(base_dir: Path | None = None) -> PromptRegistry:
    """The templates: those shipped, those beside the plan, those of the settings, of Prefect, and of this process.

    Args:
        base_dir: As for `prompt_folders`.

    Raises:
        PromptError: A folder of the settings is not there, or a template cannot be read.
    """
    settings = AgenticSettings()
    registry = default_registry(prompt_folders(base_dir), environment=settings.prompt_environment)
    if settings.prompts_in_prefect:
        # As above.
        from agentic_prefect.blocks.stored_prompt import PrefectPrompts

        registry.add(PrefectPrompts(), precedence=FROM_PREFECT)
    registry.add(_code, precedence=FROM_CODE)
    log = release_log(base_dir)
    if log is not None:
        registry.follow(log)
    return registry


def prompts_of_process(base_dir: Path | None = None) -> PromptRegistry:
    """As `open_prompts`, but one for all runs of this process, in step with its sources: a template that is broken now
    is used as it was last.

    Args:
        base_dir: As for `prompt_folders`.

    Raises:
        PromptError: A template cannot be read and never could, in this process.
    """
    settings = AgenticSettings()
    key = (prompt_folders(base_dir), settings.prompt_environment, settings.prompts_in_prefect)
    with _lock:
        registry = _kept.pop(key, None)
        if registry is None:
            registry = open_prompts(base_dir)
        _kept[key] = registry
        while len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)
    registry.refresh(at_once=True)
    return registry
