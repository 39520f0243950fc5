"""Which version of a prompt template is in use: looked up, changed, and weighed against another."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from agentic_prefect.bootstrap.history import open_history
from agentic_prefect.bootstrap.prompts import open_prompts, release_log
from agentic_prefect.models.outcomes import Evidence, OutcomeReport, VersionOutcomes
from agentic_prefect.models.release import Release, ReleaseEntry, Unit
from agentic_prefect.prompting.changes import breaking_changes
from agentic_prefect.prompting.errors import PromptError
from agentic_prefect.prompting.evidence import MIN_SAMPLES, TOLERANCE_RATIO, weigh
from agentic_prefect.prompting.intervals import require_statistics
from agentic_prefect.prompting.outcomes import nothing_known, outcomes
from agentic_prefect.prompting.registry import PromptRegistry
from agentic_prefect.prompting.release_log import ReleaseLog
from agentic_prefect.prompting.releases import Change


@dataclass(frozen=True, slots=True)
class Bar:
    """What a version has to reach to be promoted."""

    min_samples: int = MIN_SAMPLES
    """So many tasks of either version are needed."""
    tolerance_ratio: float = TOLERANCE_RATIO
    """How much of the share that succeeds may be lost in the worst case."""


class NotPromoted(PromptError):
    """The evidence does not speak for a version."""

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(evidence)
        self.evidence = evidence

    def __str__(self) -> str:
        found = self.evidence
        return (
            f"{found.template}@{found.candidate.version} is not promoted: {'; '.join(found.reasons)}. If you know "
            f"better, say so with `--anyway` and a `--note`."
        )


class PromptReleases:
    """The releases of the templates of one project.

    Args:
        base_dir: The project's folder; `prompts` in it counts if it is there.
    """

    def __init__(self, base_dir: Path | None = None) -> None:
        self.registry: PromptRegistry = open_prompts(base_dir)
        self._log: ReleaseLog | None = release_log(base_dir)

    def entries(self, template_id: str) -> tuple[ReleaseEntry, ...]:
        """What was done with a template, the oldest first.

        Raises:
            UnknownTemplate: There is none.
            PromptError: The log cannot be read.
        """
        self.registry.latest(template_id)
        every: Sequence[ReleaseEntry] = self._log.read() if self._log is not None else ()
        return tuple(entry for entry in every if entry.template == template_id)

    def roll_out(
        self,
        template_id: str,
        version: str,
        percent: float,
        *,
        unit: Unit | None = None,
        author: str = "",
        note: str = "",
        breaking: bool = False,
    ) -> ReleaseEntry:
        """Give a share of the work to a version.

        Args:
            template_id: The template.
            version: One of its versions.
            percent: How much of the work, 0 to 100.
            unit: What is drawn for an arm; `None` leaves it as it is.
            author: Who does it.
            note: Why.
            breaking: Whether it may need data that the version in use does not.

        Raises:
            PromptError: There is no such version or nothing to try it beside, or it breaks what uses the template.
        """
        entry = self._change(template_id).rollout(
            version, percent, at=datetime.now(UTC), unit=unit, author=author, note=note
        )
        broken = self.breaks(template_id, entry.stable, entry.candidate or entry.stable)
        if broken and not breaking:
            raise PromptError(
                f"{template_id}@{entry.candidate} breaks what uses {entry.stable}: {'; '.join(broken)}. Those who give "
                f"it the data it needs name it as `{template_id}@{entry.candidate}`. To roll it out to all the same, "
                f"say `--breaking`."
            )
        return self._keep(entry)

    def begin(
        self, template_id: str, version: str, percent: float, *, author: str = "", note: str = ""
    ) -> ReleaseEntry:
        """Give a share of the work to a version that is about to come, and the rest to the one in use.

        Raises:
            PromptError: Another version is tried at the moment.
        """
        versions = (*self.registry.versions(template_id), version)
        change = Change(template_id, versions, self.registry.latest(template_id).version, self.entries(template_id))
        return self._keep(change.rollout(version, percent, at=datetime.now(UTC), author=author, note=note))

    def promote(
        self, template_id: str, *, author: str = "", note: str = "", bar: Bar | None = Bar()
    ) -> tuple[ReleaseEntry, Evidence | None]:
        """Make the version that is tried the one in use.

        Args:
            template_id: The template.
            author: Who does it.
            note: Why.
            bar: What it has to reach; `None` asks for no evidence.

        Raises:
            NotPromoted: The evidence does not speak for it.
            PromptError: None is tried.
            HistoryUnusable: The history cannot be read.
        """
        entry = self._change(template_id).promote(at=datetime.now(UTC), author=author, note=note)
        evidence = None
        if bar is not None:
            evidence = self.evidence(template_id, bar)
            if evidence.decision != "promote":
                raise NotPromoted(evidence)
        return self._keep(entry), evidence

    def roll_back(self, template_id: str, to: str = "", *, author: str = "", note: str = "") -> ReleaseEntry:
        """Take the version that is tried back, or else go back to the version before the one in use.

        Raises:
            PromptError: There is no such version, or nothing to go back to.
        """
        change = self._change(template_id)
        return self._keep(change.rollback(to, at=datetime.now(UTC), author=author, note=note))

    def evidence(self, template_id: str, bar: Bar | None = None) -> Evidence:
        """How the version that is tried has done since it has been tried, beside the one in use.

        Raises:
            PromptError: None is tried, or SciPy is not installed.
            HistoryUnusable: The history cannot be read.
        """
        bar = bar or Bar()
        now = self._change(template_id).now
        if now is None or now.candidate is None:
            raise PromptError(f"No version of {template_id!r} is tried at the moment, so that there is no evidence.")
        require_statistics()
        report = self.outcomes(template_id, since=self._tried_since(now))
        found = {each.version: each for each in report.versions}
        return weigh(
            _of(found.get(now.stable), template_id, now.stable),
            _of(found.get(now.candidate), template_id, now.candidate),
            min_samples=bar.min_samples,
            tolerance_ratio=bar.tolerance_ratio,
        )

    def outcomes(self, template_id: str, *, since: datetime) -> OutcomeReport:
        """How the versions of a template have done.

        Raises:
            UnknownTemplate: There is none.
            HistoryUnusable: The history cannot be read.
        """
        self.registry.latest(template_id)
        return outcomes(open_history(), template_id, since=since, until=datetime.now(UTC))

    def breaks(self, template_id: str, before: str, after: str) -> tuple[str, ...]:
        """Why data that does for one version may not do for another.

        Raises:
            PromptError: One of them cannot be compiled.
        """
        old, new = (self.registry.program(self.registry.get(f"{template_id}@{each}")) for each in (before, after))
        return breaking_changes(old, new)

    def _change(self, template_id: str) -> Change:
        versions = self.registry.versions(template_id)
        return Change(template_id, versions, self.registry.latest(template_id).version, self.entries(template_id))

    def _tried_since(self, now: Release) -> datetime:
        """Since when the candidate has been tried beside the same version."""
        since = datetime.now(UTC)
        for entry in reversed(self.entries(now.template)):
            if (entry.candidate, entry.stable) != (now.candidate, now.stable):
                break
            since = entry.at
        return since

    def _keep(self, entry: ReleaseEntry) -> ReleaseEntry:
        if self._log is None:
            raise PromptError(
                "There is no folder in which it could be kept which version is in use. Create the folder `prompts` "
                "beside your plans, or name one with the setting `prompts`."
            )
        self._log.add(entry)
        self.registry.refresh(at_once=True)
        return entry


def _of(found: VersionOutcomes | None, template_id: str, version: str) -> VersionOutcomes:
    return found or nothing_known(template_id, version)
