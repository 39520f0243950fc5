"""Which version of a template a piece of work is given, and how that is changed. Pure decisions."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from agentic_prefect.models.prompt import Arm
from agentic_prefect.models.release import Release, ReleaseEntry, Unit
from agentic_prefect.plans.names import listing
from agentic_prefect.prompting.errors import PromptError
from agentic_prefect.prompting.versions import parse_version

_BITS: Final = 48
"""So many bits are exact in a float, so that 100 percent is everything."""


def draw_percent(template_id: str, candidate: str, unit_id: str) -> float:
    """A number in [0, 100) that is always the same for a piece of work, and evenly spread over many.

    Each candidate draws anew, so that it is not always the same work that tries what is new.
    """
    digest = hashlib.sha256(f"{template_id}\n{candidate}\n{unit_id}".encode()).digest()
    return int.from_bytes(digest[: _BITS // 8]) * 100 / 2**_BITS


def arm_of(release: Release, unit_id: str) -> Arm:
    """Which of the two versions a piece of work is given; empty when only one is in use.

    Whoever has the candidate at some percentage has it at every higher one, too.
    """
    if release.candidate is None:
        return ""
    drawn = draw_percent(release.template, release.candidate, unit_id)
    return "candidate" if drawn < release.percent else "stable"


def in_use(entries: Sequence[ReleaseEntry]) -> Mapping[str, Release]:
    """What is in use after these changes, by template.

    Args:
        entries: The oldest first.
    """
    return {entry.template: entry for entry in entries}


def previous_stable(entries: Sequence[ReleaseEntry]) -> str | None:
    """The version that was in use before the one that is; `None` when there was none.

    Args:
        entries: Those of one template, the oldest first.
    """
    line: list[str] = []
    for entry in entries:
        if entry.action == "rollback":
            line = line[: line.index(entry.stable) + 1] if entry.stable in line else [entry.stable]
        elif not line or line[-1] != entry.stable:
            line.append(entry.stable)
    return line[-2] if len(line) > 1 else None


class Change:
    """How the release of one template may change.

    Args:
        template_id: The template.
        versions: Its versions, the oldest first.
        latest: The one that is used where no release says otherwise.
        entries: What was done before, the oldest first.
    """

    def __init__(
        self, template_id: str, versions: Sequence[str], latest: str, entries: Sequence[ReleaseEntry] = ()
    ) -> None:
        self._id, self._versions, self._latest = template_id, versions, latest
        self._entries = [entry for entry in entries if entry.template == template_id]
        self.now: Release | None = self._entries[-1] if self._entries else None
        """What is in use; `None` when that was never said."""

    def rollout(
        self,
        version: str,
        percent: float,
        *,
        at: datetime,
        unit: Unit | None = None,
        author: str = "",
        note: str = "",
    ) -> ReleaseEntry:
        """A share of the work is given to a version, and the rest to the one in use.

        Args:
            version: The version.
            percent: How much of the work, 0 to 100.
            at: When.
            unit: What is drawn for an arm; `None` leaves it as it is.
            author: Who does it.
            note: Why.

        Raises:
            PromptError: There is no such version, it is a draft, another one is tried, or there is none beside it.
        """
        version = self._known(version)
        if parse_version(version).prerelease is not None:
            raise PromptError(
                f"{self._id}@{version} is a draft, which nobody has approved. Look at it with `agentic-prefect "
                f"prompts diff`, and publish it with `agentic-prefect prompts approve {self._id}@{version}`."
            )
        if self.now is not None and self.now.candidate not in (None, version):
            raise PromptError(
                f"{self._id}@{self.now.candidate} is tried at the moment, by {self.now.percent:g} % of the work. "
                f"Promote it (`agentic-prefect prompts rollout {self._id} --promote`) or take it back "
                f"(`agentic-prefect prompts rollback {self._id}`) before another version is tried."
            )
        stable = self._stable_beside(version)
        unit = unit or (self.now.unit if self.now else "run")
        return self._entry("rollout", stable, version, percent, at=at, unit=unit, author=author, note=note)

    def promote(self, *, at: datetime, author: str = "", note: str = "") -> ReleaseEntry:
        """The version that is tried becomes the one in use.

        Raises:
            PromptError: None is tried.
        """
        if self.now is None or self.now.candidate is None:
            raise PromptError(
                f"No version of {self._id!r} is tried at the moment, so that none can be promoted. Try one with "
                f"`agentic-prefect prompts rollout {self._id} VERSION --percent 10`."
            )
        return self._entry("promote", self.now.candidate, None, 0.0, at=at, author=author, note=note)

    def rollback(self, to: str = "", *, at: datetime, author: str = "", note: str = "") -> ReleaseEntry:
        """The version that is tried is taken back; when none is, the one in use gives way to the one before it.

        Args:
            to: The version to go back to; empty leaves that to what was done before.
            at: When.
            author: Who does it.
            note: Why.

        Raises:
            PromptError: There is no such version, or nothing to go back to.
        """
        if to:
            back = self._known(to)
        elif self.now is not None and self.now.candidate is not None:
            back = self.now.stable
        else:
            back = self._before()
        return self._entry("rollback", back, None, 0.0, at=at, author=author, note=note)

    def _before(self) -> str:
        stable = self.now.stable if self.now else self._latest
        found = previous_stable(self._entries)
        if found in self._versions:
            return self._known(found or "")
        older = [version for version in self._published() if parse_version(version) < parse_version(stable)]
        if not older:
            raise PromptError(
                f"There is no version of {self._id!r} before {stable} to go back to. It has: {listing(self._versions)}."
            )
        return older[-1]

    def _stable_beside(self, version: str) -> str:
        if self.now is not None:
            others = [] if self.now.stable == version else [self.now.stable]
        elif self._latest != version:
            others = [self._latest]
        else:
            # Since it came, it has been used as the latest.
            others = [each for each in self._published() if parse_version(each) < parse_version(version)]
        if not others:
            raise PromptError(
                f"{self._id}@{version} is the version in use, and there is none that it could be tried beside. There "
                f"are: {listing(self._versions)}."
            )
        return others[-1]

    def _published(self) -> list[str]:
        return [version for version in self._versions if parse_version(version).prerelease is None]

    def _known(self, version: str) -> str:
        wanted = str(parse_version(version))
        if wanted not in self._versions:
            raise PromptError(
                f"The prompt template {self._id!r} has no version {version!r}. It has: {listing(self._versions)}."
            )
        return wanted

    def _entry(
        self,
        action: str,
        stable: str,
        candidate: str | None,
        percent: float,
        *,
        at: datetime,
        unit: Unit = "run",
        author: str,
        note: str,
    ) -> ReleaseEntry:
        return ReleaseEntry.model_validate(
            {
                "template": self._id,
                "action": action,
                "stable": stable,
                "candidate": candidate,
                "percent": percent,
                "unit": unit,
                "at": at,
                "author": author,
                "note": note,
            }
        )
