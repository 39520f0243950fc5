"""Any kind of task, with its output looked at before it counts."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from agentic_prefect.agents.calling import checked_output
from agentic_prefect.errors import VerificationFailed
from agentic_prefect.models.error import ErrorContext, TaskError
from agentic_prefect.models.verdict import Verdict
from agentic_prefect.policies.failure import repairs_after_checks
from agentic_prefect.ports import TaskKind, Work
from agentic_prefect.verification.hub import CheckHub


class CheckedKind:
    """Executes tasks like another kind, and runs the checks of those that have some.

    Args:
        inner: Does the work.
        hub: Runs the checks.
        clock: Gives the time.
    """

    def __init__(self, inner: TaskKind, hub: CheckHub, clock: Callable[[], datetime]) -> None:
        self._inner, self._hub, self._clock = inner, hub, clock

    async def execute(self, work: Work) -> Any:
        """The output, once the checks have accepted it or could not decide; the verdict is on the attempt's trail.

        A rejected output is sent back with what is wrong with it as often as `repair` allows.

        Raises:
            VerificationFailed: The checks rejected the last output.
            Exception: Whatever the inner kind or a check raises.
        """
        if not work.task.checks:
            return await self._inner.execute(work)
        for left in range(repairs_after_checks(work.task), -1, -1):
            work.trail.verdict = None
            output = checked_output(await self._inner.execute(work), None, said_by=f"Task {work.task_id!r}")
            verdict = await self._hub.verdict_on(output, work)
            work.trail.verdict = verdict
            if verdict.outcome != "rejected":
                return output
            error = _rejection(verdict)
            if left == 0:
                raise error
            context = ErrorContext(task_id=work.task_id, attempt=work.attempt, prompt=work.trail.prompt)
            refused = TaskError.from_exception(error, now=self._clock(), context=context)
            work = replace(work, history=(*work.history, refused))
        raise AssertionError("the last turn returns or raises")

    def prepared(self, work: Work) -> Work:
        """The work as the inner kind prepares it, once for all attempts."""
        own: Callable[[Work], Work] = getattr(self._inner, "prepared", _as_it_is)
        return own(work)

    def fingerprint(self, work: Work) -> str:
        """What else the output depends on."""
        own: Callable[[Work], str] = getattr(self._inner, "fingerprint", _nothing)
        checks = self._hub.fingerprint(work) if work.task.checks else ""
        return f"{own(work)}{checks}"


def _rejection(verdict: Verdict) -> VerificationFailed:
    rejected = [each for each in verdict.checks if each.outcome == "rejected"]
    told = "; ".join(f"{each.check}: {' '.join(each.messages) or 'rejected'}" for each in rejected)
    return VerificationFailed(f"The output was not accepted. {told}")


def _as_it_is(work: Work) -> Work:
    return work


def _nothing(_: Work) -> str:
    return ""
