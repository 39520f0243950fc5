"""`agentic-prefect prompts rollout`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators

from agentic_prefect.bootstrap.prompt_releases import Bar, PromptReleases
from agentic_prefect.cli.prompts.history import released
from agentic_prefect.cli.terminal import stdout
from agentic_prefect.cli.usage import UsageError
from agentic_prefect.models.outcomes import Evidence
from agentic_prefect.models.release import ReleaseEntry, Unit
from agentic_prefect.prompting.evidence import MIN_SAMPLES
from agentic_prefect.prompting.intervals import has_statistics
from agentic_prefect.settings import user_name


def rollout(
    template: str,
    version: str = "",
    /,
    *,
    percent: Annotated[float | None, Parameter(validator=validators.Number(gte=0, lte=100))] = None,
    by: Unit | None = None,
    promote: Annotated[bool, Parameter(negative=())] = False,
    min_samples: Annotated[int, Parameter(validator=validators.Number(gte=1))] = MIN_SAMPLES,
    anyway: Annotated[bool, Parameter(negative=())] = False,
    breaking: Annotated[bool, Parameter(negative=())] = False,
    author: str = "",
    note: str = "",
) -> None:
    """Try a version of a template on a share of the work, or make it the one in use.

    With a template alone: show which version is in use, which is tried, and how it does.

    Args:
        template: A template's id.
        version: The version to try.
        percent: The share of the work that it gets, 0 to 100.
        by: What is drawn: each task of each `run` anew, or each `task` of a plan once and for all.
        promote: Make the version that is tried the one in use, if it has done well enough.
        min_samples: How many tasks of either version that takes.
        anyway: Promote it without evidence; say why with `--note`.
        breaking: Roll out a version that needs more data than the one in use.
        author: Who does it; the name of the user, unless it is given.
        note: Why.
    """
    releases, author = PromptReleases(Path()), author or user_name()
    if promote:
        if version or percent is not None:
            raise UsageError("`--promote` is about the version that is tried; name no version and no share with it.")
        if anyway and not note:
            raise UsageError("Say why it is promoted without evidence: `--note`.")
        bar = None if anyway else Bar(min_samples=min_samples)
        entry, evidence = releases.promote(template, author=author, note=note, bar=bar)
        stdout().print(f"{template}: {entry.stable} is in use.{_because(evidence)}", soft_wrap=True)
    elif version or percent is not None:
        version = version or _tried(releases, template)
        if percent is None:
            raise UsageError(f"Say how much of the work it gets: `prompts rollout {template} {version} --percent 10`.")
        entry = releases.roll_out(template, version, percent, unit=by, author=author, note=note, breaking=breaking)
        stdout().print(f"{template}: {released(entry)}.", soft_wrap=True)
    else:
        _show(releases, template)


def _tried(releases: PromptReleases, template: str) -> str:
    entries = releases.entries(template)
    if not entries or entries[-1].candidate is None:
        raise UsageError(f"Say which version: `prompts rollout {template} VERSION --percent 10`.")
    return entries[-1].candidate


def _show(releases: PromptReleases, template: str) -> None:
    entries: tuple[ReleaseEntry, ...] = releases.entries(template)
    if not entries:
        stdout().print(f"{template}: {releases.registry.get(template).version} is in use, the latest version.")
        return
    stdout().print(f"{template}: {released(entries[-1])}{'' if entries[-1].candidate else ' is in use'}.")
    if entries[-1].candidate is not None and has_statistics():
        evidence = releases.evidence(template)
        said = {"promote": "It may be promoted", "keep": "It is no better", "wait": "It is too early to say"}
        stdout().print(f"{said[evidence.decision]}: {'; '.join(evidence.reasons)}.", soft_wrap=True)


def _because(evidence: Evidence | None) -> str:
    return f" {'; '.join(evidence.reasons)}." if evidence else ""
