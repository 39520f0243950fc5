"""How a run looks in Prefect in the end, for everything that failures and policies make of it."""

from dataclasses import dataclass

import pytest

from agentic_prefect.errors import CriticalError, Refused, ServerFault
from agentic_prefect.models.plan import Plan
from agentic_prefect.ports import Work
from agentic_prefect.testing.builders import make_plan
from tests.runtime.conftest import Bench
from tests.runtime.test_states import flow_run, seen

pytestmark = pytest.mark.prefect


@dataclass(frozen=True)
class Ended:
    """A plan, and how its run looks in the end: type, name and message."""

    id: str
    plan: Plan
    seen: tuple[str, str, str]
    raised: Exception = Refused("I will not")  # noqa: RUF009  # never changed


ENDED = [
    Ended(
        "everything failed",
        make_plan({"id": "bad"}, {"id": "after_bad", "depends_on": "bad"}),
        ("FAILED", "Failed", "1 failed, 1 skipped: 'bad' failed and nothing stands in for it."),
    ),
    Ended(
        "a policy aborted it",
        make_plan(
            {"id": "good"}, {"id": "bad", "after": "good", "on_failure": "abort"}, {"id": "late", "after": "bad"}
        ),
        ("FAILED", "Failed", "1 completed, 1 failed, 1 skipped: 'bad' failed and its policy is to abort."),
    ),
    Ended(
        "a critical task failed",
        make_plan({"id": "bad", "critical": True}, {"id": "late", "after": "bad"}),
        ("FAILED", "Failed", "1 failed, 1 skipped: the critical task 'bad' failed."),
    ),
    Ended(
        "an item met a critical error",
        make_plan({"id": "bad", "for_each": [1], "on_failure": "continue"}, {"id": "late", "after": "bad"}),
        ("FAILED", "Failed", "1 failed, 1 skipped: 'bad[0]' met a critical error."),
        CriticalError("stop everything"),
    ),
    Ended(
        "a chain failed, which was let pass",
        make_plan({"id": "bad", "on_failure": {"fallback": ["bad_too"], "then": "continue"}}, {"id": "bad_too"}),
        ("COMPLETED", "Completed", "2 failed: 'bad' failed, which was let pass."),
    ),
    Ended(
        "a chain failed, and that is that",
        make_plan({"id": "good"}, {"id": "bad", "on_failure": {"fallback": ["bad_too"]}}, {"id": "bad_too"}),
        ("FAILED", "PartialFailure", "1 completed, 2 failed: 'bad' failed and nothing stands in for it."),
    ),
    Ended(
        "nobody was there to ask, and the default skips it",
        make_plan(
            {"id": "bad", "on_failure": {"ask_human": {"default": "skip"}}}, {"id": "needs", "depends_on": "bad"}
        ),
        ("COMPLETED", "Completed", "2 skipped."),
    ),
    Ended(
        "attempts were used up",
        make_plan({"id": "bad", "retries": 1, "retry": {"backoff": "none"}}, {"id": "good"}),
        ("FAILED", "PartialFailure", "1 completed, 1 failed: 'bad' failed and nothing stands in for it."),
        ServerFault("down"),
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", ENDED, ids=lambda case: case.id)
async def test_every_end_of_a_run_looks_different(bench: Bench, case: Ended) -> None:
    """The server knows the run by the state that its failures and its policies make."""  # F-04 F-23 F-37 F-45

    async def fail(_: Work) -> None:
        raise case.raised

    result = await bench.run(case.plan, bad=fail, bad_too=fail)

    assert seen(await flow_run(result.run_id)) == case.seen
