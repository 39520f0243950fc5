"""Runs all checks of a task over its output, and puts together what they found."""

import hashlib
import inspect
import json
from collections.abc import Callable, Sequence
from typing import Any, Final, assert_never

from agentic_prefect.agents.importing import import_object
from agentic_prefect.errors import PlanInvalid
from agentic_prefect.models.check import (
    AnyCheck,
    CriticsCheck,
    ExpressionCheck,
    FunctionCheck,
    JudgeCheck,
    NamedCheck,
    SchemaCheck,
    title_of,
)
from agentic_prefect.models.verdict import CheckVerdict, Verdict
from agentic_prefect.plans.names import did_you_mean, listing
from agentic_prefect.ports import Verifiers, Work
from agentic_prefect.verification.function_check import check_function
from agentic_prefect.verification.judge import Judge
from agentic_prefect.verification.rules import check_expression, check_schema
from agentic_prefect.verification.together import together

MOST_MESSAGES: Final = 20
"""How much one check may say; what goes beyond is counted."""
MAX_CHARS: Final = 1_000
"""A longer message is cut."""


class CheckHub:
    """Checks outputs.

    Args:
        judge: Asks models.
        verifiers: Further checks by name.
        allowed_packages: The packages whose functions a plan may call.
    """

    def __init__(self, judge: Judge, verifiers: Verifiers, allowed_packages: Sequence[str]) -> None:
        self._judge, self._verifiers, self._allowed_packages = judge, verifiers, tuple(allowed_packages)

    async def verdict_on(self, output: Any, work: Work) -> Verdict:
        """What the checks of a task find about its output; all run at once.

        Args:
            output: As JSON data.
            work: The attempt that it is the output of.

        Raises:
            PlanInvalid: A check cannot be made: there is no such function or verifier.
            Exception: Whatever a check of somebody else's raises.
        """
        return Verdict.of(await together(self._look(check, output, work) for check in work.task.checks))

    def fingerprint(self, work: Work) -> str:
        """What the verdict depends on besides the checks as the plan writes them."""
        parts: list[str] = []
        for check in work.task.checks:
            if isinstance(check, FunctionCheck):
                parts.append(_source(self._function(check)))
            elif isinstance(check, JudgeCheck | CriticsCheck):
                parts.append(self._judge.fingerprint())
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest() if parts else ""

    async def _look(self, check: AnyCheck, output: Any, work: Work) -> CheckVerdict:
        found = _bounded(await self._verdict(check, output, work))
        if check.required and found.outcome == "unverified":
            return found.model_copy(update={"outcome": "rejected", "confidence_ratio": 0.0})
        return found

    async def _verdict(self, check: AnyCheck, output: Any, work: Work) -> CheckVerdict:
        match check:
            case SchemaCheck():
                return check_schema(check, output, work)
            case ExpressionCheck():
                return check_expression(check, output, work)
            case JudgeCheck():
                return await self._judge.judge(check, output, work)
            case CriticsCheck():
                return await self._judge.critics(check, output, work)
            case FunctionCheck():
                return await check_function(check, self._function(check), output, work)
            case NamedCheck(verifier=name, options=options):
                if name not in self._verifiers:
                    known = sorted(self._verifiers)
                    raise PlanInvalid(
                        f"There is no check {name!r}. {did_you_mean(name, known)} Known: {listing(known)}; and schema, "
                        f"expression, judge, critics, function."
                    )
                found = await self._verifiers[name].verify(output, work, options)
                return found.model_copy(update={"check": title_of(check)})
            case _:
                assert_never(check)

    def _function(self, check: FunctionCheck) -> Callable[..., Any]:
        function = import_object(check.call, self._allowed_packages)
        if not callable(function):
            raise PlanInvalid(f"{check.call!r} is {type(function).__name__!r} and cannot be called. Name a function.")
        return function


def _bounded(found: CheckVerdict) -> CheckVerdict:
    """The verdict with no more said than a prompt, an event and a log can bear."""
    told = [text if len(text) <= MAX_CHARS else f"{text[: MAX_CHARS - 1]}…" for text in found.messages[:MOST_MESSAGES]]
    if len(found.messages) > MOST_MESSAGES:
        told.append(f"and {len(found.messages) - MOST_MESSAGES} more")
    return found.model_copy(update={"messages": tuple(told)})


def _source(function: Callable[..., Any]) -> str:
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):  # built in, or from somewhere without its source
        return ""
