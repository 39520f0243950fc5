"""Whether a version has done well enough to take the place of the one in use, and what would make one better."""

from collections.abc import Mapping
from typing import Final

from agentic_prefect.models.outcomes import Evidence, Suggestion, VersionOutcomes

MIN_SAMPLES: Final = 30
"""With fewer tasks of either version nothing is decided."""
TOLERANCE_RATIO: Final = 0.05
"""So much of the share that succeeds may be lost in the worst case."""
FEW: Final = 3
"""Fewer failures of a kind are no reason for advice."""

ADVICE: Final[Mapping[str, str]] = {
    "invalid_output": (
        "the answers do not have the output format that is asked for. Say it in a section Output Requirements (with "
        '`{{ output_schema }}`, or `{% extends "agent.default" %}`), ask for the JSON alone, and show an example of it'
    ),
    "verification_failed": (
        "checks refuse what is answered. Say in the template what they look for, and show an example that passes"
    ),
    "human_rejected": "people refuse what is answered. Say what they look for; their comments are in the history",
    "refusal": "the model declines. Say who asks, what for, and what is allowed",
    "content_filter": "the provider's filter stops it. Leave out, or put otherwise, what it takes exception to",
    "context_length": (
        "the prompt is too long. Give context priorities and a budget, shorten examples, or extend `agent.terse`"
    ),
    "timeout": "the answers take too long. Ask for less, say how long an answer may be, or split the task",
    "runaway": "the model goes round in circles. Say when the task is done, and what to do when it cannot be done",
    "invalid_request": "the provider refuses the request. See the message; often it is the schema or a parameter",
}
"""Error code -> what can be done about it in a template."""


def weigh(
    stable: VersionOutcomes,
    candidate: VersionOutcomes,
    *,
    min_samples: int = MIN_SAMPLES,
    tolerance_ratio: float = TOLERANCE_RATIO,
) -> Evidence:
    """Whether the candidate may take the place of the stable version.

    It may when it has succeeded at least as often, when even the low end of its interval is no more than the tolerance
    below what the stable one has shown, and when checks do not find its outputs worse for certain.

    Args:
        stable: The version in use.
        candidate: The version that is tried.
        min_samples: So many tasks of each are needed.
        tolerance_ratio: How much of the share that succeeds may be lost in the worst case.
    """
    missing = [
        f"{each.version} has {each.samples} of the {min_samples} tasks that are needed"
        for each in (stable, candidate)
        if each.samples < min_samples
    ]
    if missing:
        return _evidence(stable, candidate, "wait", missing)
    reached, wanted = candidate.success.mean or 0.0, stable.success.mean or 0.0
    told = f"{_percent(reached)} of {candidate.samples} tasks succeeded, with {stable.version} {_percent(wanted)} of "
    told += str(stable.samples)
    worse = [told] if reached < wanted else []
    worst, other = candidate.verdict, stable.verdict
    if worst.high is not None and other.low is not None and worst.high < other.low:
        worse.append(
            f"checks find its outputs worse: {_percent(worst.mean or 0.0)}, with {stable.version} "
            f"{_percent(other.mean or 0.0)}"
        )
    if worse:
        return _evidence(stable, candidate, "keep", worse)
    low = candidate.success.low
    if low is None or low < wanted - tolerance_ratio:
        sure = "that is not known" if low is None else f"it may be as few as {_percent(low)}"
        unsure = f"{told}; but {sure}, and at least {_percent(wanted - tolerance_ratio)} are needed: wait for more"
        return _evidence(stable, candidate, "wait", [unsure])
    return _evidence(stable, candidate, "promote", [f"{told}; at the least {_percent(low)}"])


def suggestions(found: VersionOutcomes) -> tuple[Suggestion, ...]:
    """What could be made better, by how its attempts have failed, the most frequent first."""
    return tuple(
        Suggestion(code=code, count=count, advice=f"{ADVICE[code]}{_said(found.messages.get(code, ()))}.")
        for code, count in found.failures.items()
        if code in ADVICE and count >= FEW
    )


def _said(messages: tuple[str, ...]) -> str:
    """The most frequent message, on one line."""
    first = " ".join(messages[0].split())[:200] if messages else ""
    return f" (most often: {first.rstrip('.')})" if first else ""


def _evidence(stable: VersionOutcomes, candidate: VersionOutcomes, decision: str, reasons: list[str]) -> Evidence:
    return Evidence.model_validate(
        {
            "template": candidate.template,
            "stable": stable,
            "candidate": candidate,
            "decision": decision,
            "reasons": tuple(reasons),
        }
    )


def _percent(ratio: float) -> str:
    return f"{100 * ratio:.1f} %"
