"""Follows what a log says about the versions in use."""

import logging
from collections.abc import Collection, Mapping

from agentic_prefect.models.prompt import PromptChoice
from agentic_prefect.models.release import Release, Unit
from agentic_prefect.prompting.errors import PromptError, ReleaseGone, UnknownTemplate
from agentic_prefect.prompting.release_log import ReleaseLog
from agentic_prefect.prompting.releases import arm_of, in_use
from agentic_prefect.prompting.shelf import Shelf
from agentic_prefect.prompting.template import PromptTemplate
from agentic_prefect.prompting.versions import parse_range, parse_version

_log = logging.getLogger(__name__)


class Following:
    """What is in use, kept in step with a log; what cannot be read leaves things as they are."""

    def __init__(self) -> None:
        self._releases: Mapping[str, Release] = {}
        self._reader: ReleaseLog | None = None
        self._seen = ""
        self.fault = ""
        """Why the log cannot be read; empty when it can."""

    def follow(self, log: ReleaseLog) -> None:
        """Let a log say what is in use.

        Raises:
            PromptError: It cannot be read.
        """
        seen = log.look()
        self._releases = in_use(log.read())
        self._reader, self._seen, self.fault = log, seen, ""

    def refresh(self) -> bool:
        """Take over what has changed; whether anything has."""
        if self._reader is None:
            return False
        try:
            seen = self._reader.look()
            if seen == self._seen:
                return False
            self._releases = in_use(self._reader.read())
        except PromptError as error:
            if self.fault != str(error):
                self.fault = str(error)
                _log.warning("The versions of prompts in use stay as they were. %s", error)
            return False
        self._seen, self.fault = seen, ""
        return True

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
            units: What the work is drawn by.
        """
        _, _, wanted = reference.partition("@")
        release = self.release(stable.id)
        if release is None or release.candidate not in versions or release.stable != stable.version:
            return PromptChoice(reference=stable.reference)
        if wanted and not parse_range(wanted)(parse_version(release.candidate)):
            return PromptChoice(reference=stable.reference)
        arm = arm_of(release, units[release.unit])
        version = release.candidate if arm == "candidate" else release.stable
        return PromptChoice(reference=f"{stable.id}@{version}", arm=arm)
