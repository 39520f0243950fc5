"""The templates that a registry holds, and which of them is meant."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from semver import Version

from agentic_prefect.prompting.errors import PromptError, UnknownTemplate
from agentic_prefect.prompting.template import PromptTemplate
from agentic_prefect.prompting.versions import parse_range, parse_version


@dataclass(frozen=True, slots=True)
class Held:
    """A template, and how it came to a registry."""

    template: PromptTemplate
    precedence: int
    """Of its source."""
    at: datetime
    """When it was registered; of a file when it was changed last. UTC."""
    author: str = ""
    note: str = ""
    source: object = None
    """The source that it was read from; `None` when it was registered by itself."""
    place: str = ""
    """Its name within the source."""


class Shelf:
    """Templates by id.

    Args:
        environment: Where this is, such as `dev`; templates meant for another environment are not seen.
    """

    def __init__(self, environment: str = "") -> None:
        self.environment = environment
        self._by_id: dict[str, tuple[Held, ...]] = {}

    def copy(self) -> "Shelf":
        """Another shelf with the same templates."""
        other = Shelf(self.environment)
        other._by_id = dict(self._by_id)
        return other

    def put(self, new: Held) -> None:
        """Add a template.

        Raises:
            PromptError: The same precedence has another template of this id, version and environment.
        """
        template = new.template
        several = self._by_id.get(template.id, ())
        for held in several:
            if _identity(held) == _identity(new) and held.template.hash != template.hash:
                raise PromptError(
                    f"The prompt template {template.reference!r} is there already, with another text"
                    f"{f' (in {held.template.origin})' if held.template.origin else ''}. "
                    f"A changed prompt is a new version: raise `version`."
                )
        self._by_id[template.id] = (*several, new)

    def take(self, source: object, place: str) -> None:
        """Remove what a source has in a place."""
        for template_id, several in list(self._by_id.items()):
            left = tuple(held for held in several if held.source is not source or held.place != place)
            if left:
                self._by_id[template_id] = left
            else:
                del self._by_id[template_id]

    def of(self, template_id: str) -> tuple[Held, ...]:
        """All versions of a template that are seen here; empty for an unknown id."""
        return tuple(held for held in self._by_id.get(template_id, ()) if self._is_seen(held))

    def ids(self) -> list[str]:
        """The ids of the templates that are seen here, sorted."""
        return sorted(template_id for template_id in self._by_id if self.of(template_id))

    def best(self, template_id: str, is_in_range: Callable[[Version], bool] | None = None) -> Held | None:
        """The template of an id that goes before the others in that range; `None` when there is none."""
        found = [held for held in self.of(template_id) if is_in_range is None or is_in_range(_version(held))]
        return max(found, key=self._rank, default=None)

    def get(self, reference: str) -> PromptTemplate:
        """The template that a reference means: an id, `id@1.2.0` or `id@^1.1`.

        Raises:
            UnknownTemplate: There is none.
            PromptError: What follows the `@` is no version or range.
        """
        template_id, _, wanted = reference.partition("@")
        found = self.best(template_id, parse_range(wanted) if wanted else None)
        if found is not None:
            return found.template
        if self.of(template_id):
            raise UnknownTemplate(reference, self.versions(template_id))
        raise UnknownTemplate(template_id, tuple(self.ids()))

    def versions(self, template_id: str) -> tuple[str, ...]:
        """The versions of a template, the oldest first; empty for an unknown id."""
        return tuple(sorted({held.template.version for held in self.of(template_id)}, key=parse_version))

    def __len__(self) -> int:
        return len(self.ids())

    def _is_seen(self, held: Held) -> bool:
        return held.template.environment in ("", self.environment)

    def _rank(self, held: Held) -> tuple[Any, ...]:
        """A pre-release is the latest version only where there is nothing else. The nearer source decides, then what
        is meant for this environment, then the version.
        """
        version = _version(held)
        return version.prerelease is None, held.precedence, bool(held.template.environment), version


def _version(held: Held) -> Version:
    return parse_version(held.template.version)


def _identity(held: Held) -> tuple[Any, ...]:
    return held.precedence, held.template.version, held.template.environment
