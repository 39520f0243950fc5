"""Templates by id and version."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from jinja2 import BaseLoader, Environment

from agentic_prefect.models.chat import Message
from agentic_prefect.prompting.compiling import compile_program
from agentic_prefect.prompting.errors import PromptError, UnknownTemplate
from agentic_prefect.prompting.front_matter import read_template
from agentic_prefect.prompting.program import Program
from agentic_prefect.prompting.sandbox import MAX_SECONDS, make_prompt_sandbox
from agentic_prefect.prompting.template import PromptTemplate
from agentic_prefect.prompting.versions import parse_range, parse_version

SHIPPED: Final = 0
"""Precedence of the templates that come with the package."""
FROM_CODE: Final = 1_000
"""Precedence of templates that are registered in code."""
MAX_FILE_BYTES: Final = 1_000_000


class PromptRegistry:
    """Templates by id and version; each registry stands alone.

    Where several sources have templates of one id, the source of the highest precedence decides, then the version: what
    a project writes is not displaced by a newer version in the package.

    Args:
        templates: Registered from code.
        max_seconds: How long rendering one of them may take.
    """

    def __init__(self, templates: Iterable[PromptTemplate] = (), *, max_seconds: float = MAX_SECONDS) -> None:
        self._by_id: dict[str, dict[str, tuple[int, PromptTemplate]]] = {}
        self._found: dict[str, PromptTemplate] = {}
        self._programs: dict[str, Program] = {}
        self._sandbox = make_prompt_sandbox(_Loader(self), max_seconds)
        for template in templates:
            self.register(template)

    def register(self, template: PromptTemplate, *, precedence: int = FROM_CODE) -> None:
        """Add a template.

        Args:
            template: The template. Its text is compiled when it is first used.
            precedence: Of its source. The same id and version from a higher source takes the place of the lower one.

        Raises:
            PromptError: The source has another template of this id and version.
        """
        versions = self._by_id.setdefault(template.id, {})
        held_precedence, held = versions.get(template.version, (None, None))
        if held is not None and held_precedence == precedence and held.hash != template.hash:
            raise PromptError(
                f"The prompt template {template.reference!r} is there already, with another text"
                f"{f' (in {held.origin})' if held.origin else ''}. A changed prompt is a new version: raise `version`."
            )
        if held_precedence is None or held_precedence <= precedence:
            versions[template.version] = (precedence, template)
        self._found.clear()
        self._programs.clear()
        if self._sandbox.cache is not None:
            self._sandbox.cache.clear()

    def load(self, folder: Path, *, precedence: int = FROM_CODE) -> tuple[PromptTemplate, ...]:
        """Register every template file in a folder and in the folders within it; returns them, sorted by path.

        Raises:
            PromptError: The folder is not there, or a file cannot be read.
        """
        if not folder.is_dir():
            raise PromptError(
                f"There is no folder {str(folder)!r} with prompts. Create it, or take it out of the setting `prompts`."
            )
        paths = sorted(path for path in folder.rglob("*.j2") if path.is_file())
        templates = tuple(read_template(_text_of(path), origin=str(path)) for path in paths)
        for template in templates:
            self.register(template, precedence=precedence)
        return templates

    def get(self, reference: str) -> PromptTemplate:
        """A template.

        Args:
            reference: An id (the latest version), `id@1.2.0`, or `id@^1.1` (the latest in that range).

        Raises:
            UnknownTemplate: There is none; near names are told.
            PromptError: What follows the `@` is no version or range.
        """
        found = self._found.get(reference)
        if found is None:
            found = self._found[reference] = self._look_up(reference)
        return found

    def versions(self, template_id: str) -> tuple[str, ...]:
        """The versions of a template, the oldest first; empty for an unknown id."""
        return tuple(sorted(self._by_id.get(template_id, ()), key=parse_version))

    def find_by_task_type(self, task_type: str) -> tuple[PromptTemplate, ...]:
        """The latest version of each template for that kind of work, sorted by id."""
        return tuple(template for template in self if template.task_type == task_type)

    def search(
        self, text: str = "", *, tag: str = "", task_type: str = "", domain: str = ""
    ) -> tuple[PromptTemplate, ...]:
        """The latest version of each template that matches everything that is given, sorted by id.

        Args:
            text: Found, in upper or lower case, in id, name, description, task type, domain or a tag.
            tag: One of its tags.
            task_type: Its kind of work.
            domain: Its field of work.
        """
        wanted = text.casefold()
        return tuple(
            template
            for template in self
            if wanted in _words(template)
            and (not tag or tag in template.tags)
            and (not task_type or task_type == template.task_type)
            and (not domain or domain == template.domain)
        )

    def program(self, template: PromptTemplate) -> Program:
        """The template, compiled, with the templates of this registry that it uses.

        Raises:
            PromptError: It, or one that it uses, is wrong.
        """
        program = self._programs.get(template.reference)
        if program is None:
            program = self._programs[template.reference] = compile_program(template, self._sandbox, self.get)
        return program

    def render(self, reference: str, data: Mapping[str, Any] | None = None) -> tuple[Message, ...]:
        """The messages of a template; `reference` as for `get`, errors as for `PromptTemplate.render`."""
        return self.program(self.get(reference)).render(data or {})

    def __iter__(self) -> Iterator[PromptTemplate]:
        """The latest version of each template, sorted by id."""
        return (self.get(template_id) for template_id in sorted(self._by_id))

    def __len__(self) -> int:
        return len(self._by_id)

    def _look_up(self, reference: str) -> PromptTemplate:
        template_id, _, wanted = reference.partition("@")
        held = list(self._by_id.get(template_id, {}).values())
        if not held:
            raise UnknownTemplate(template_id, tuple(sorted(self._by_id)))
        if wanted:
            is_in_range = parse_range(wanted)
            held = [each for each in held if is_in_range(parse_version(each[1].version))]
        if not held:
            raise UnknownTemplate(reference, self.versions(template_id))
        return max(held, key=_rank)[1]


def default_registry(folders: Iterable[Path] = ()) -> PromptRegistry:
    """A new registry with the templates of the package and of these folders; a later folder hides an earlier one.

    Raises:
        PromptError: A folder is not there, or a file in one cannot be read.
    """
    registry = PromptRegistry()
    for precedence, folder in enumerate([shipped_folder(), *folders], start=SHIPPED):
        registry.load(folder, precedence=precedence)
    return registry


def shipped_folder() -> Path:
    """The folder of the templates that come with the package: inside of it once installed, `prompts` in a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "_prompts"
    return installed if installed.is_dir() else package.parent / "prompts"


class _Loader(BaseLoader):
    """Gives Jinja the templates that others include."""

    def __init__(self, registry: PromptRegistry) -> None:
        self._registry = registry

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, None]:
        return self._registry.get(template).source, None, None


def _rank(held: tuple[int, PromptTemplate]) -> tuple[Any, ...]:
    """A pre-release is the latest version only where there is nothing else."""
    precedence, template = held
    version = parse_version(template.version)
    return version.prerelease is None, precedence, version


def _words(template: PromptTemplate) -> str:
    parts = (template.id, template.name, template.description, template.task_type, template.domain, *template.tags)
    return "\n".join(parts).casefold()


def _text_of(path: Path) -> str:
    try:
        content = path.read_bytes()
        if len(content) > MAX_FILE_BYTES:
            raise PromptError(f"{path}: the file is larger than {MAX_FILE_BYTES:,} bytes, and no prompt is.")
        return content.decode("utf-8-sig")
    except OSError as error:
        raise PromptError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}.") from error
    except UnicodeDecodeError as error:
        raise PromptError(f"{path} cannot be read: byte {error.start} is not UTF-8. Save the file as UTF-8.") from error
