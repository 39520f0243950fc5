"""Follows what a log says about the versions in use."""

import logging
import threading
from collections.abc import Callable, Collection, Mapping
from typing import Final

from agentic_prefect.models.prompt import PromptChoice
from agentic_prefect.models.release import Release, Unit
from agentic_prefect.prompting.errors import PromptError, ReleaseGone, UnknownTemplate
from agentic_prefect.prompting.release_log import ReleaseLog
from agentic_prefect.prompting.releases import arm_of, in_use
from agentic_prefect.prompting.shelf import Shelf
from agentic_prefect.prompting.template import PromptTemplate
from agentic_prefect.prompting.versions import parse_range, parse_version

LOOK_EVERY_S: Final = 5.0
"""How often a slow log is looked at, at most."""

_log = logging.getLogger(__name__)


class Following:
    """What is in use, kept in step with a log; what cannot be read leaves things as they are.

    Args:
        clock_s: Gives a time that never goes back, in seconds.
    """

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self._releases: Mapping[str, Release] = {}
        self._reader: ReleaseLog | None = None
        self._seen = self._latest_seen = ""
        self._latest: Mapping[str, Release] = {}
        self._looked_at_s = 0.0
        self._is_looking = False
        self.fault = ""
        """Why the log cannot be read; empty when it can."""

    def follow(self, log: ReleaseLog) -> None:
        """Let a log say what is in use.

        Raises:
            PromptError: It cannot be read.
        """
        seen = log.look()
        self._releases = self._latest = in_use(log.read())
        self._reader, self._seen, self._latest_seen, self.fault = log, seen, seen, ""
        self._looked_at_s = self._clock_s()

    def refresh(self, *, at_once: bool = False) -> bool:
        """Take over what has changed; whether anything has.

        Args:
            at_once: Look at a slow log now, too.
        """
        if self._reader is None:
            return False
        if at_once or not self._reader.is_slow:
            self._look(self._reader)
        elif self._clock_s() - self._looked_at_s >= LOOK_EVERY_S and not self._is_looking:
            self._looked_at_s, self._is_looking = self._clock_s(), True
            threading.Thread(target=self._look, args=(self._reader,), name="prompt-releases", daemon=True).start()
        if self._latest_seen == self._seen:
            return False
        self._releases, self._seen = self._latest, self._latest_seen
        return True

    def _look(self, reader: ReleaseLog) -> None:
        try:
            seen = reader.look()
            if seen != self._latest_seen:
                self._latest = in_use(reader.read())
                self._latest_seen = seen
            self.fault = ""
        except PromptError as error:
            if self.fault != str(error):
                self.fault = str(error)
                _log.warning("The versions of prompts in use stay as they were. %s", error)
        finally:
            self._is_looking = False

    def release(self, template_id: str) -> Release | None:
        """What is in use of a template; `None` when that was not said."""
        return self._releases.get(template_id)

    def find(self, shelf: Shelf, reference: str) -> PromptTemplate:
        """The template that a reference means: the version in use, where it takes that one.

        Raises:
            UnknownTemplate: There is none.
            ReleaseGone: The version in use is not there.
        """
        template_id, _, wanted = reference.partition("@")
        release = self.release(template_id)
        if release is None or (wanted and not parse_range(wanted)(parse_version(release.stable))):
            return shelf.get(reference)
        held = shelf.best(template_id, parse_range(release.stable))
        if held is not None:
            return held.template
        versions = shelf.versions(template_id)
        raise (
            ReleaseGone(f"{template_id}@{release.stable}", versions)
            if versions
            else UnknownTemplate(template_id, tuple(shelf.ids()))
        )

    def choose(
        self, reference: str, stable: PromptTemplate, versions: Collection[str], units: Mapping[Unit, str]
    ) -> PromptChoice:
        """One of the versions that a reference takes.

        Args:
            reference: The reference.
            stable: The template that it means where nothing is tried.
            versions: Those that there are.
            units: What the work is drawn by; empty where that is not known, and nothing is tried then.
        """
        _, _, wanted = reference.partition("@")
        release = self.release(stable.id)
        if release is None or not units[release.unit]:
            return PromptChoice(reference=stable.reference)
        if release.candidate is None or release.candidate not in versions or release.stable != stable.version:
            return PromptChoice(reference=stable.reference)
        if wanted and not parse_range(wanted)(parse_version(release.candidate)):
            return PromptChoice(reference=stable.reference)
        arm = arm_of(release, units[release.unit])
        version = release.candidate if arm == "candidate" else release.stable
        return PromptChoice(reference=f"{stable.id}@{version}", arm=arm)
