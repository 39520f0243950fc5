"""Where templates come from: folders of files, code, and what else implements `PromptSource`."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from agentic_prefect.prompting.errors import PromptError
from agentic_prefect.prompting.front_matter import read_template
from agentic_prefect.prompting.template import PromptTemplate

MAX_FILE_BYTES: Final = 1_000_000
PATTERN: Final = "*.j2"
"""Names of files that are templates."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A template as a source keeps it."""

    template: PromptTemplate
    at: datetime
    """When it was changed last, UTC."""


class PromptSource(Protocol):
    """A place where templates are kept, each under a name of its own."""

    @property
    def is_slow(self) -> bool:
        """Whether a look at it takes more than a moment, so that it is done beside the work and not before it."""
        ...

    def look(self) -> Mapping[str, str]:
        """Every name that there is, with something that is another whenever its template has changed.

        Raises:
            PromptError: The source cannot be read.
        """
        ...

    def read(self, name: str) -> Kept:
        """The template of that name.

        Raises:
            PromptError: It cannot be read, or is none.
        """
        ...


class FolderSource:
    """Every template file in a folder and in the folders within it.

    Args:
        folder: The folder.
    """

    is_slow: bool = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def look(self) -> Mapping[str, str]:
        """The files, sorted by path, with the time of their last change and their size.

        Raises:
            PromptError: There is no such folder.
        """
        if not self.folder.is_dir():
            raise PromptError(
                f"There is no folder {str(self.folder)!r} with prompts. Create it, or take it out of the setting "
                f"`prompts`."
            )
        found: dict[str, str] = {}
        for path in template_files(self.folder):
            with suppress(OSError):  # it has just been removed
                stat = path.stat()
                found[str(path)] = f"{stat.st_mtime_ns}:{stat.st_size}:{stat.st_ino}"
        return found

    def read(self, name: str) -> Kept:
        """The template in a file.

        Raises:
            PromptError: It cannot be read, or is none; with file and line.
        """
        path = Path(name)
        text = file_text(path)
        changed_s = path.stat().st_mtime if path.exists() else 0.0
        return Kept(read_template(text, origin=name), datetime.fromtimestamp(changed_s, UTC))


class CodeSource:
    """Templates that are registered in code, for every registry that has this source."""

    is_slow: bool = False

    def __init__(self) -> None:
        self._kept: dict[str, Kept] = {}

    def add(self, template: PromptTemplate, *, at: datetime) -> None:
        """Register a template; the same one again changes nothing.

        Raises:
            PromptError: There is another template of this id and version.
        """
        held = self._kept.get(_name(template))
        if held is not None and held.template.hash != template.hash:
            raise PromptError(
                f"The prompt template {template.reference!r} is registered already, with another text. A changed "
                f"prompt is a new version: raise `version`."
            )
        self._kept.setdefault(_name(template), Kept(template, at))

    def look(self) -> Mapping[str, str]:
        """The templates, with their hashes."""
        return {name: kept.template.hash for name, kept in self._kept.items()}

    def read(self, name: str) -> Kept:
        """The template of that name."""
        return self._kept[name]


def shipped_folder() -> Path:
    """The folder of the templates that come with the package: inside of it once installed, `prompts` in a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "_prompts"
    return installed if installed.is_dir() else package.parent / "prompts"


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
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise PromptError(f"{path}: the file is larger than {MAX_FILE_BYTES:,} bytes, and no prompt is.")
        return content.decode("utf-8-sig")
    except OSError as error:
        raise PromptError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}.") from error
    except UnicodeDecodeError as error:
        raise PromptError(f"{path} cannot be read: byte {error.start} is not UTF-8. Save the file as UTF-8.") from error


def _name(template: PromptTemplate) -> str:
    return f"{template.reference} {template.environment}".strip()
