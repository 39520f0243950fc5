"""Templates by id and version."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from threading import RLock
from typing import Any, Final

from agentic_prefect.models.chat import Message
from agentic_prefect.models.prompt import PromptChoice
from agentic_prefect.models.release import Release, Unit
from agentic_prefect.prompting.compiling import compile_program
from agentic_prefect.prompting.following import Following
from agentic_prefect.prompting.parts import LoaderOf
from agentic_prefect.prompting.program import Program
from agentic_prefect.prompting.release_log import ReleaseLog
from agentic_prefect.prompting.reloading import Reloading
from agentic_prefect.prompting.sandbox import MAX_SECONDS, PromptSandbox, make_prompt_sandbox
from agentic_prefect.prompting.shelf import Held, Shelf
from agentic_prefect.prompting.sources import FolderSource, PromptSource, shipped_folder
from agentic_prefect.prompting.template import PromptTemplate, words_of
from agentic_prefect.prompting.versions import parse_range

SHIPPED: Final = 0
"""Precedence of the templates that come with the package; a project's folders follow."""
FROM_CODE: Final = 1_000
"""Precedence of templates that are registered in code."""


class PromptRegistry:
    """Templates by id and version; each registry stands alone.

    Where several sources have templates of one id, the source of the highest precedence decides, then the version: what
    a project writes is not displaced by a newer version in the package.

    Args:
        templates: Registered from code.
        max_seconds: How long rendering one of them may take.
        environment: Where this is, such as `dev` or `prod`. A template whose `environment` is another one is not seen,
            and one that is meant for this one goes before one that is meant for all.
        clock: Gives the time of a registration.
        clock_s: Gives a time that never goes back, in seconds; sources are looked at from time to time.
    """

    def __init__(
        self,
        templates: Iterable[PromptTemplate] = (),
        *,
        max_seconds: float = MAX_SECONDS,
        environment: str = "",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lock = RLock()
        self._clock = clock
        self._max_seconds = max_seconds
        self._reloading = Reloading(clock_s)
        self._following = Following(clock_s)
        shelf = Shelf(environment)
        for template in templates:
            shelf.put(Held(template, FROM_CODE, clock(), author=template.author, note=template.notes))
        self._use(shelf)

    @property
    def environment(self) -> str:
        """Where this is; empty when that was not said."""
        return self._shelf.environment

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong with templates whose last good form is used, with sources and with the log of releases."""
        return (*self._reloading.faults, *filter(None, [self._following.fault]))

    def register(
        self, template: PromptTemplate, *, precedence: int = FROM_CODE, author: str = "", note: str = ""
    ) -> None:
        """Add a template.

        Args:
            template: The template. Its text is compiled when it is first used.
            precedence: Of its source. The same id and version from a higher source takes the place of the lower one.
            author: Who registers it; empty takes the template's own word.
            note: What is new in it; empty takes the template's own notes.

        Raises:
            PromptError: The source has another template of this id and version.
        """
        held = Held(template, precedence, self._clock(), author=author or template.author, note=note or template.notes)
        with self._lock:
            shelf = self._shelf.copy()
            shelf.put(held)
            self._use(shelf)

    def add(self, source: PromptSource, *, precedence: int = FROM_CODE) -> tuple[PromptTemplate, ...]:
        """Register everything in a source, and what changes in it later (see `refresh`); in the source's order.

        Raises:
            PromptError: The source, or a template in it, cannot be read.
        """
        with self._lock:
            shelf = self._shelf.copy()
            held = self._reloading.add(source, precedence, shelf)
            self._use(shelf)
        return tuple(each.template for each in held)

    def load(self, folder: Path, *, precedence: int = FROM_CODE) -> tuple[PromptTemplate, ...]:
        """Register every template file in a folder and in the folders within it; returns them, sorted by path.

        Raises:
            PromptError: The folder is not there, or a file cannot be read.
        """
        return self.add(FolderSource(folder), precedence=precedence)

    def refresh(self, *, at_once: bool = False) -> bool:
        """Take over what has changed in the sources; whether anything has.

        A template that is broken now, or that would break one in use, stays as it was: the log says so once, and
        `faults` until it is put right. Files are looked at once a second at most, so this may be called before every
        task.

        Args:
            at_once: Look at every source now.
        """
        with self._lock:
            shelf = self._reloading.changed(self._shelf, self._check, at_once=at_once)
            is_changed = self._following.refresh(at_once=at_once)
            if shelf is not None or is_changed:
                self._use(shelf or self._shelf)
            return shelf is not None or is_changed

    def get(self, reference: str) -> PromptTemplate:
        """A template.

        Args:
            reference: An id (the version in use, which is the latest unless a release says otherwise), `id@1.2.0`, or
                `id@^1.1` (the version in use if it lies in that range, else the latest in it).

        Raises:
            UnknownTemplate: There is none; near names are told.
            PromptError: What follows the `@` is no version or range.
        """
        found = self._found
        if reference not in found:
            found[reference] = self._following.find(self._shelf, reference)
        return found[reference]

    def latest(self, template_id: str) -> PromptTemplate:
        """The latest version of a template, whatever its releases say.

        Raises:
            UnknownTemplate: There is no such template.
        """
        return self._shelf.get(template_id)

    def choose(self, reference: str, *, plan: str, run: str, task: str) -> PromptChoice:
        """The template for a piece of work: while a version is tried beside the one in use, one of the two.

        The same work is always given the same one, as long as the release stays as it is. A reference to an exact
        version is that version, and no version outside of a range is tried.

        Args:
            reference: As for `get`.
            plan: The plan's name.
            run: Where the work is drawn for anew: the id of the first run that this one goes on from; empty before any.
            task: The task's id, or `id[index]`.

        Raises:
            UnknownTemplate: There is no such template.
        """
        units: Mapping[Unit, str] = {"run": run and f"{run}/{task}", "task": f"{plan}/{task}"}
        stable = self.get(reference)
        return self._following.choose(reference, stable, self.versions(stable.id), units)

    def release_of(self, template_id: str) -> Release | None:
        """Which version is in use, and which is tried beside it; `None` where no release says: the latest is."""
        return self._following.release(template_id)

    def follow(self, log: ReleaseLog) -> None:
        """Let a log say which versions are in use; what is added to it later holds from the next `refresh` on.

        Raises:
            PromptError: It cannot be read.
        """
        with self._lock:
            self._following.follow(log)
            self._use(self._shelf)

    def versions(self, template_id: str) -> tuple[str, ...]:
        """The versions of a template, the oldest first; empty for an unknown id."""
        return self._shelf.versions(template_id)

    def registrations(self, template_id: str) -> tuple[Held, ...]:
        """How each version of a template came to be here, the oldest version first; empty for an unknown id."""
        versions = self.versions(template_id)
        held = (self._shelf.best(template_id, parse_range(version)) for version in versions)
        return tuple(each for each in held if each is not None)

    def find_by_task_type(self, task_type: str) -> tuple[PromptTemplate, ...]:
        """The latest version of each template for that kind of work, sorted by id."""
        return tuple(template for template in self if template.task_type == task_type)

    def for_task_type(self, task_type: str, *, default: str) -> PromptTemplate:
        """The template for a kind of work: the nearest source's, else the one whose id comes first.

        Args:
            task_type: The kind of work.
            default: Reference of the template to be used when there is none for it.

        Raises:
            UnknownTemplate: There is no default either.
        """
        found = self.find_by_task_type(task_type)
        ranked = sorted(found, key=lambda each: -self.registrations(each.id)[-1].precedence)
        return ranked[0] if ranked else self.get(default)

    def search(
        self, text: str = "", *, id: str = "", tag: str = "", task_type: str = "", domain: str = ""
    ) -> tuple[PromptTemplate, ...]:
        """The latest version of each template that matches everything that is given, sorted by id.

        Args:
            text: Found, in upper or lower case, in what a template says of itself, or in its text.
            id: Its id, in which `*` stands for anything, such as `agent.*`.
            tag: One of its tags.
            task_type: Its kind of work.
            domain: Its field of work.
        """
        wanted = text.casefold()
        return tuple(
            template
            for template in self
            if (not id or fnmatchcase(template.id, id))
            and (not tag or tag in template.tags)
            and (not task_type or task_type == template.task_type)
            and (not domain or domain == template.domain)
            and (not wanted or wanted in words_of(template))
        )

    def program(self, template: PromptTemplate) -> Program:
        """The template, compiled, with the templates of this registry that it uses.

        Raises:
            PromptError: It, or one that it uses, is wrong.
        """
        programs = self._programs
        program = programs.get(template.reference)
        if program is None:
            if self._sandbox is None:
                self._sandbox = make_prompt_sandbox(LoaderOf(self.get), self._max_seconds)
            program = programs[template.reference] = compile_program(template, self._sandbox, self.get)
        return program

    def render(self, reference: str, data: Mapping[str, Any] | None = None) -> tuple[Message, ...]:
        """The messages of a template; `reference` as for `get`, errors as for `PromptTemplate.render`."""
        return self.program(self.get(reference)).render(data or {})

    def __iter__(self) -> Iterator[PromptTemplate]:
        """The latest version of each template, sorted by id."""
        return (self.get(template_id) for template_id in self._shelf.ids())

    def __len__(self) -> int:
        return len(self._shelf)

    def _use(self, shelf: Shelf) -> None:
        """From here on these are the templates. What was looked up and compiled before is forgotten: who is about to
        use it has it in hand.
        """
        self._shelf = shelf
        self._found: dict[str, PromptTemplate] = {}
        self._programs: dict[str, Program] = {}
        self._sandbox: PromptSandbox | None = None

    def _check(self, shelf: Shelf, new: Held) -> None:
        """Make sure that a template can be used as it is now, and so can those that have been used."""

        def find(reference: str) -> PromptTemplate:
            return self._following.find(shelf, reference)

        sandbox = make_prompt_sandbox(LoaderOf(find), self._max_seconds)
        compile_program(new.template, sandbox, find)
        for reference in self._programs:
            template_id, _, version = reference.partition("@")
            held = shelf.best(template_id, parse_range(version))
            if held is not None:
                compile_program(held.template, sandbox, find)


def default_registry(folders: Iterable[Path] = (), *, environment: str = "") -> PromptRegistry:
    """A new registry with the templates of the package and of these folders; a later folder hides an earlier one.

    Raises:
        PromptError: A folder is not there, or a file in one cannot be read.
    """
    registry = PromptRegistry(environment=environment)
    for precedence, folder in enumerate([shipped_folder(), *folders], start=SHIPPED):
        registry.load(folder, precedence=precedence)
    return registry
